#include "tests/architecture/include_rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <utility>

namespace fedspend::tests {
namespace {

using Names = std::vector<std::string_view>;

bool starts_with_any(std::string_view text, std::span<const std::string_view> prefixes) {
  return std::ranges::any_of(prefixes, [text](std::string_view prefix) { return text.starts_with(prefix); });
}
bool is_header(std::string_view path) { return path.ends_with(".h") || path.ends_with(".hpp"); }
bool is_cpp(std::string_view path) { return path.ends_with(".cpp"); }
std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

constexpr std::array<std::string_view, 6> kFolders{"common", "models", "client", "coordinator", "simulations", "tests"};

// The folder of the house that a path or an include lies in; empty for anything else. The public headers of client/include are
// included as fedspend/...
std::string_view folder_of(std::string_view path) {
  if (path.starts_with("fedspend/")) return "client";
  const std::string_view first = path.substr(0, path.find('/'));
  if (first.size() == path.size()) return {};
  const auto found = std::ranges::find(kFolders, first);
  return found == kFolders.end() ? std::string_view{} : *found;
}

bool may_include(std::string_view from, std::string_view to) {
  if (from == to || from == "tests") return true;
  if (to == "simulations" || to == "tests") return false;
  if (from == "simulations" || to == "common") return true;
  return from == "client" && to == "models";
}

// The folders of common whose code is the same computation everywhere: nothing of time, threads, sockets or files.
constexpr std::array<std::string_view, 5> kPureFolders{"common/crypto/", "common/numeric/", "common/privacy/", "common/protocol/", "common/secagg/"};

bool is_pure(std::string_view path) { return starts_with_any(path, kPureFolders); }

struct Home {
  Names headers;  // prefixes of what is included
  bool (*allows)(std::string_view path);
  std::string_view place;
};

const Home kHomes[] = {
    {{"torch/", "ATen/", "c10/", "gloo/"}, [](std::string_view path) { return path.starts_with("models/torch/") && is_cpp(path); }, "models/torch/*.cpp"},
    {{"zmq.", "zmq_"}, [](std::string_view path) { return path.starts_with("common/transport/"); }, "common/transport"},
    {{"httplib.h", "openssl/"}, [](std::string_view path) { return path.starts_with("coordinator/gateway/") && is_cpp(path); }, "*.cpp of coordinator/gateway"},
    {{"cereal/"}, [](std::string_view path) { return path.starts_with("common/protocol/"); }, "common/protocol"},
    {{"sodium.h", "sodium/"}, [](std::string_view path) { return path.starts_with("common/crypto/"); }, "common/crypto"},
    {{"sqlite3"},
     [](std::string_view path) {
       return (path.starts_with("client/") || path.starts_with("coordinator/")) && file_name(path).find("store") != std::string_view::npos;
     },
     "the store files of client and coordinator"},
    {{"boost/program_options", "spdlog/"}, [](std::string_view path) { return path.starts_with("common/program/"); }, "common/program"},
    {{"toml++/", "toml.hpp"},
     [](std::string_view path) {
       constexpr std::array<std::string_view, 4> homes{"common/protocol/", "client/", "coordinator/", "simulations/"};
       return is_cpp(path) && starts_with_any(path, homes);
     },
     "*.cpp of common/protocol, client, coordinator and simulations"},
    {{"csv.h"},
     [](std::string_view path) { return is_cpp(path) && (path.starts_with("models/") || path.starts_with("simulations/")); },
     "*.cpp of models and simulations"},
    {{"pybind11/", "Python.h"}, [](std::string_view path) { return path.starts_with("simulations/python/"); }, "simulations/python"},
    {{"Eigen/", "unsupported/Eigen"}, [](std::string_view path) { return path.starts_with("common/privacy/") && is_cpp(path); }, "*.cpp of common/privacy"},
    {{"hwy/"}, [](std::string_view path) { return path.starts_with("models/"); }, "models"},
};

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The line, from 1, of the first occurrence of `word` as a whole word; 0 for none.
std::size_t line_of_word(std::string_view code, std::string_view word) {
  for (std::size_t at = code.find(word); at != std::string_view::npos; at = code.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !is_word_character(code[at - 1])) && (end == code.size() || !is_word_character(code[end])))
      return 1 + static_cast<std::size_t>(std::ranges::count(code.substr(0, at), '\n'));
  }
  return 0;
}

class Report {
 public:
  explicit Report(std::string_view path) : path_(path) {}
  void add(std::size_t line, const std::string& what) { lines_.push_back(path_ + ":" + std::to_string(line) + ": " + what); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::string path_;
  std::vector<std::string> lines_;
};

void check_include(std::string_view path, const Include& include, Report& report) {
  const std::string_view from = folder_of(path);
  const std::string_view to = folder_of(include.target);
  const auto complain = [&](const std::string& what) { report.add(include.line, include.target + ": " + what); };
  if (!to.empty() && !may_include(from, to)) complain(std::string(from) + " may not include " + std::string(to));
  if (to.empty() && include.quoted) complain("a quoted include goes from the root of the project");
  // fedspend-device is a user of the C ABI: what is behind it is out of its sight.
  if (path.starts_with("client/agent/") && include.target.starts_with("client/") && !include.target.starts_with("client/agent/"))
    complain("the agent knows the client by <fedspend/client.h> alone");
  if (from == "tests") return;
  for (const Home& home : kHomes)
    if (starts_with_any(include.target, home.headers) && !home.allows(path)) complain("may only be included in " + std::string(home.place));
  if (!is_pure(path)) return;
  for (const std::string_view banned : {"thread", "mutex", "condition_variable", "future", "iostream", "fstream", "sys/socket.h"})
    if (!include.quoted && include.target == banned) complain("not in the pure folders of common");
  for (const std::string_view banned : {"common/transport/", "common/program/"})
    if (include.target.starts_with(banned)) complain("not in the pure folders of common");
}

void check_words(std::string_view path, std::string_view code, Report& report) {
  const auto forbid = [&](const Names& words, const std::string& why) {
    for (const std::string_view word : words)
      if (const std::size_t line = line_of_word(code, word); line > 0) report.add(line, std::string(word) + ": " + why);
  };
  if (is_pure(path)) forbid({"steady_clock", "system_clock", "high_resolution_clock"}, "time is handed to the pure folders of common");
  if (path.starts_with("common/"))
    forbid({"mt19937", "mt19937_64", "default_random_engine", "random_device"}, "randomness is a RandomSource in common");
}

// Past the end of the string or character literal that opens at `at`.
std::size_t end_of_literal(std::string_view source, std::size_t at) {
  const char quote = source[at];
  if (quote == '"' && at > 0 && source[at - 1] == 'R') {
    const std::size_t open = source.find('(', at);
    if (open != std::string_view::npos) {
      std::string close(1, ')');
      close.append(source.substr(at + 1, open - at - 1)).push_back('"');
      const std::size_t end = source.find(close, open);
      return end == std::string_view::npos ? source.size() : end + close.size();
    }
  }
  for (std::size_t i = at + 1; i < source.size() && source[i] != '\n'; ++i) {
    if (source[i] == '\\') ++i;
    else if (source[i] == quote) return i + 1;
  }
  return std::min(source.size(), source.find('\n', at));
}

// 1'000'000: a quote between digits is no literal.
bool opens_literal(std::string_view source, std::size_t at) {
  if (source[at] == '"') return true;
  return source[at] == '\'' && (at == 0 || std::isalnum(static_cast<unsigned char>(source[at - 1])) == 0);
}

}  // namespace

std::string without_comments(std::string_view source, Literals literals) {
  std::string code(source);
  const auto blank = [&code](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i)
      if (code[i] != '\n') code[i] = ' ';
  };
  for (std::size_t i = 0; i < source.size();) {
    if (source.substr(i).starts_with("//")) {
      const std::size_t end = std::min(source.size(), source.find('\n', i));
      blank(i, end);
      i = end;
    } else if (source.substr(i).starts_with("/*")) {
      const std::size_t close = source.find("*/", i + 2);
      const std::size_t end = close == std::string_view::npos ? source.size() : close + 2;
      blank(i, end);
      i = end;
    } else if (opens_literal(source, i)) {
      const std::size_t end = end_of_literal(source, i);
      const bool include_path = std::count(source.begin() + static_cast<std::ptrdiff_t>(i), source.begin() + static_cast<std::ptrdiff_t>(end), '\n') == 0;
      if (literals == Literals::blank || !include_path) blank(i, end);
      i = end;
    } else {
      ++i;
    }
  }
  return code;
}

std::vector<Include> includes_of(std::string_view source) {
  const std::string code = without_comments(source, Literals::keep);
  std::vector<Include> includes;
  std::size_t number = 0;
  for (std::size_t start = 0; start < code.size();) {
    const std::size_t end = std::min(code.size(), code.find('\n', start));
    std::string_view line = std::string_view(code).substr(start, end - start);
    start = end + 1;
    ++number;
    const auto skip_blanks = [&line] { line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t"))); };
    skip_blanks();
    if (!line.starts_with('#')) continue;
    line.remove_prefix(1);
    skip_blanks();
    if (!line.starts_with("include")) continue;
    line.remove_prefix(7);
    skip_blanks();
    if (line.empty() || (line.front() != '"' && line.front() != '<')) continue;
    const bool quoted = line.front() == '"';
    line.remove_prefix(1);
    includes.push_back({std::string(line.substr(0, line.find(quoted ? '"' : '>'))), quoted, number});
  }
  return includes;
}

std::vector<std::string> violations(std::string_view path, std::string_view source) {
  Report report(path);
  for (const Include& include : includes_of(source)) check_include(path, include, report);
  const std::string code = without_comments(source, Literals::blank);
  check_words(path, code, report);
  if (is_header(path)) {
    const std::size_t first = code.find_first_not_of(" \t\r\n");
    if (first == std::string::npos || !std::string_view(code).substr(first).starts_with("#pragma once")) report.add(1, "a header starts with #pragma once");
  }
  return report.take();
}

}  // namespace fedspend::tests
