#include "simulations/data/data_description.h"

#include <glob.h>

#include <algorithm>
#include <initializer_list>
#include <set>

#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

#include "common/program/files.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kMaxDescriptionBytes = 1 << 20;

// One table of the description and the words for its errors.
class Section {
 public:
  Section(const toml::table& table, std::string name, const std::string& source) : table_(&table), name_(std::move(name)), source_(&source) {}

  tl::unexpected<Error> wrong(std::string_view key, const std::string& what, std::string hint) const {
    const toml::node* node = table_->get(key);
    const auto line = (node != nullptr ? node->source() : table_->source()).begin.line;
    return fail(ErrorCode::malformed, *source_ + ":" + std::to_string(line) + ": " + full_name(key) + " " + what, std::move(hint));
  }

  Status only_keys(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, node] : *table_) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      std::string list;
      for (const std::string_view name : known) (list += list.empty() ? "" : ", ") += name;
      return fail(ErrorCode::malformed, *source_ + ":" + std::to_string(key.source().begin.line) + ": unknown key " + full_name(key.str()), "known here: " + list);
    }
    return {};
  }

  bool has(std::string_view key) const { return table_->contains(key); }
  const toml::table& table() const { return *table_; }

  Result<std::string> text(std::string_view key) const {
    const toml::node* node = table_->get(key);
    if (node == nullptr) return wrong(key, "is missing", "add it, as text in quotes");
    const auto value = node->value<std::string>();
    if (!node->is_string() || value->empty()) return wrong(key, "must be text", "put it in quotes, and not empty");
    return *value;
  }

  // Text, or a list of texts: never empty.
  Result<std::vector<std::string>> texts(std::string_view key) const {
    const toml::node* node = table_->get(key);
    if (node != nullptr && node->is_array()) {
      std::vector<std::string> list;
      for (const toml::node& item : *node->as_array()) {
        const auto value = item.value<std::string>();
        if (!item.is_string() || value->empty()) return wrong(key, "must be a list of texts", "for example [\"A\", \"B\"]");
        list.push_back(*value);
      }
      if (list.empty()) return wrong(key, "is an empty list", "name at least one, or leave the key out");
      return list;
    }
    FEDSPEND_ASSIGN(std::string single, text(key));
    return std::vector<std::string>{std::move(single)};
  }

  Result<std::vector<std::string>> optional_texts(std::string_view key) const {
    if (!has(key)) return std::vector<std::string>{};
    return texts(key);
  }

  // A whole number within [low, high]; `other` where the key is not there.
  Result<std::uint64_t> whole(std::string_view key, std::uint64_t low, std::uint64_t high, std::uint64_t other) const {
    const toml::node* node = table_->get(key);
    if (node == nullptr) return other;
    const auto value = node->value<std::int64_t>();
    if (!node->is_integer() || !value || *value < 0 || static_cast<std::uint64_t>(*value) < low || static_cast<std::uint64_t>(*value) > high)
      return wrong(key, "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high), "");
    return static_cast<std::uint64_t>(*value);
  }

  // A table inside this one.
  Result<Section> section(std::string_view key) const {
    const toml::node* node = table_->get(key);
    if (node == nullptr) return fail(ErrorCode::malformed, *source_ + ": the section [" + full_name(key) + "] is missing", "a data description has [files] and [columns]");
    if (!node->is_table()) return wrong(key, "must be a table", "write [" + full_name(key) + "] on a line of its own, or " + std::string(key) + " = { ... }");
    return Section(*node->as_table(), full_name(key), *source_);
  }

 private:
  std::string full_name(std::string_view key) const { return (name_.empty() ? "" : name_ + ".") + std::string(key); }

  const toml::table* table_;
  std::string name_;
  const std::string* source_;
};

Status read_files(const Section& files, DataDescription& description) {
  FEDSPEND_TRY(files.only_keys({"transactions", "delimiter", "encoding", "on_error"}));
  FEDSPEND_ASSIGN(description.transactions, files.texts("transactions"));
  if (files.has("delimiter")) {
    FEDSPEND_ASSIGN(const std::string delimiter, files.text("delimiter"));
    if (delimiter.size() != 1 || delimiter == "\"" || delimiter == "\n" || delimiter == "\r" || static_cast<unsigned char>(delimiter[0]) >= 0x80)
      return files.wrong("delimiter", "must be one ASCII character", "for example \",\", \";\" or \"\\t\"");
    description.delimiter = delimiter[0];
  }
  if (files.has("encoding")) {
    FEDSPEND_ASSIGN(const std::string encoding, files.text("encoding"));
    if (encoding != "utf-8" && encoding != "latin-1") return files.wrong("encoding", "is not an encoding that is read", "\"utf-8\" or \"latin-1\"");
    description.encoding = encoding == "utf-8" ? models::TextEncoding::utf8 : models::TextEncoding::latin1;
  }
  if (files.has("on_error")) {
    FEDSPEND_ASSIGN(const std::string on_error, files.text("on_error"));
    if (on_error != "stop" && on_error != "skip") return files.wrong("on_error", "is not known", "\"stop\" or \"skip\"");
    description.on_error = on_error == "stop" ? OnError::stop : OnError::skip;
  }
  return {};
}

Result<SyntheticRules> read_synthetic(const Section& synthetic) {
  FEDSPEND_TRY(synthetic.only_keys({"clients", "seed", "months", "sample"}));
  SyntheticRules rules;
  if (!synthetic.has("clients")) return synthetic.wrong("clients", "is missing", "say how many there are");
  FEDSPEND_ASSIGN(rules.clients, synthetic.whole("clients", 1, 10'000'000, 0));
  FEDSPEND_ASSIGN(rules.seed, synthetic.whole("seed", 0, INT64_MAX, rules.seed));
  FEDSPEND_ASSIGN(const std::uint64_t months, synthetic.whole("months", 1, 120, rules.months));
  rules.months = static_cast<unsigned>(months);
  FEDSPEND_ASSIGN(rules.sample, synthetic.whole("sample", 1, 1'000'000, std::min(rules.sample, rules.clients)));
  rules.sample = std::min(rules.sample, rules.clients);
  return rules;
}

Result<DirectionRule> read_direction(const Section& direction) {
  FEDSPEND_TRY(direction.only_keys({"column", "credit", "debit", "negative"}));
  DirectionRule rule;
  if (direction.has("negative")) {
    FEDSPEND_ASSIGN(const std::string negative, direction.text("negative"));
    if (negative != "credit" && negative != "debit") return direction.wrong("negative", "is not known", "\"credit\" (the default) or \"debit\"");
    if (direction.has("column")) return direction.wrong("negative", "has no effect beside a column", "leave one of the two out");
    rule.negative_is_credit = negative == "credit";
    return rule;
  }
  FEDSPEND_ASSIGN(rule.column, direction.texts("column"));
  FEDSPEND_ASSIGN(rule.credit, direction.texts("credit"));
  FEDSPEND_ASSIGN(rule.debit, direction.texts("debit"));
  for (const std::string& value : rule.credit)
    if (std::find(rule.debit.begin(), rule.debit.end(), value) != rule.debit.end()) return direction.wrong("credit", "and debit share the value \"" + value + "\"", "a value is one or the other");
  return rule;
}

Status read_columns(const Section& columns, DataDescription& description) {
  FEDSPEND_TRY(columns.only_keys({"client", "time", "time_format", "amount", "category", "category_from", "merchant", "currency", "label", "distinguishing", "direction"}));
  ColumnRules& rules = description.columns;
  FEDSPEND_ASSIGN(rules.client, columns.texts("client"));
  FEDSPEND_ASSIGN(rules.time, columns.texts("time"));
  FEDSPEND_ASSIGN(rules.amount, columns.texts("amount"));
  std::string format = "%Y-%m-%d";
  if (columns.has("time_format")) {
    FEDSPEND_ASSIGN(format, columns.text("time_format"));
  }
  auto parsed = models::TimeFormat::parse(format);
  if (!parsed) return columns.wrong("time_format", "cannot be used: " + parsed.error().message, parsed.error().hint);
  rules.time_format = std::move(*parsed);
  if (columns.has("category") == columns.has("category_from"))
    return columns.wrong(columns.has("category") ? "category_from" : "category", columns.has("category") ? "stands beside category" : "is missing", "give category = \"COLUMN\", or category_from = [\"A\", \"B\"]");
  if (columns.has("category")) {
    FEDSPEND_ASSIGN(ColumnChoice choice, columns.texts("category"));
    rules.category.push_back(std::move(choice));
  } else {
    FEDSPEND_ASSIGN(const std::vector<std::string> parts, columns.texts("category_from"));
    for (const std::string& part : parts) rules.category.push_back({part});
  }
  FEDSPEND_ASSIGN(rules.merchant, columns.optional_texts("merchant"));
  FEDSPEND_ASSIGN(rules.currency, columns.optional_texts("currency"));
  FEDSPEND_ASSIGN(rules.label, columns.optional_texts("label"));
  FEDSPEND_ASSIGN(const std::vector<std::string> distinguishing, columns.optional_texts("distinguishing"));
  for (const std::string& column : distinguishing) rules.distinguishing.push_back({column});
  if (columns.has("direction")) {
    FEDSPEND_ASSIGN(const Section direction, columns.section("direction"));
    FEDSPEND_ASSIGN(rules.direction, read_direction(direction));
  }
  return {};
}

Status read_joins(const Section& root, DataDescription& description) {
  if (root.has("attributes")) {
    FEDSPEND_ASSIGN(const Section section, root.section("attributes"));
    FEDSPEND_TRY(section.only_keys({"file", "client", "columns"}));
    AttributeRules& rules = description.attributes.emplace();
    FEDSPEND_ASSIGN(rules.file, section.text("file"));
    FEDSPEND_ASSIGN(rules.client, section.text("client"));
    FEDSPEND_ASSIGN(rules.columns, section.texts("columns"));
  }
  if (root.has("lookup")) {
    FEDSPEND_ASSIGN(const Section section, root.section("lookup"));
    FEDSPEND_TRY(section.only_keys({"file", "key", "columns"}));
    LookupRules& rules = description.lookup.emplace();
    FEDSPEND_ASSIGN(rules.file, section.text("file"));
    FEDSPEND_ASSIGN(rules.key, section.text("key"));
    FEDSPEND_ASSIGN(rules.columns, section.texts("columns"));
  }
  return {};
}

// The paths that one glob names. `[`, `*` and `?` in the data root are taken as they are.
Result<std::vector<std::filesystem::path>> expand(const std::filesystem::path& root, const std::string& pattern) {
  std::string escaped;
  if (pattern.front() != '/') {
    for (const char c : root.string()) {
      if (std::string_view("*?[]\\").find(c) != std::string_view::npos) escaped += '\\';
      escaped += c;
    }
    if (!escaped.empty() && escaped.back() != '/') escaped += '/';
  }
  glob_t found{};
  const int outcome = glob((escaped + pattern).c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::filesystem::path> paths;
  if (outcome == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  std::erase_if(paths, [](const std::filesystem::path& path) { std::error_code ignored; return std::filesystem::is_directory(path, ignored); });
  if (!paths.empty()) return paths;
  const std::string where = root.empty() ? "the current folder" : root.string();
  return fail(ErrorCode::not_found, "no file matches \"" + pattern + "\" in " + where, "give the folder that holds the data with --data-root DIR");
}

}  // namespace

Result<DataDescription> parse_data_description(std::string_view toml_text, const std::string& source) {
  toml::table table;
  try {
    table = toml::parse(toml_text, source);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::malformed, source + ":" + std::to_string(error.source().begin.line) + ": this is not TOML: " + std::string(error.description()), "the form is described in simulations/README.md");
  }
  const Section root(table, "", source);
  FEDSPEND_TRY(root.only_keys({"files", "columns", "attributes", "lookup", "synthetic"}));
  DataDescription description;
  description.source = source;
  if (root.has("synthetic")) {
    FEDSPEND_TRY(root.only_keys({"synthetic"}));
    FEDSPEND_ASSIGN(const Section synthetic, root.section("synthetic"));
    FEDSPEND_ASSIGN(description.synthetic, read_synthetic(synthetic));
    return description;
  }
  FEDSPEND_ASSIGN(const Section files, root.section("files"));
  FEDSPEND_TRY(read_files(files, description));
  FEDSPEND_ASSIGN(const Section columns, root.section("columns"));
  FEDSPEND_TRY(read_columns(columns, description));
  FEDSPEND_TRY(read_joins(root, description));
  return description;
}

Result<DataDescription> read_data_description(const std::filesystem::path& path, const std::optional<std::filesystem::path>& data_root) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxDescriptionBytes));
  FEDSPEND_ASSIGN(DataDescription description, parse_data_description(as_text(bytes), path.string()));
  description.data_root = data_root ? *data_root : path.parent_path();
  std::error_code ignored;
  if (data_root && !std::filesystem::is_directory(*data_root, ignored))
    return fail(ErrorCode::not_found, "the data root " + data_root->string() + " is not a folder", "give the folder that holds the data with --data-root DIR");
  return description;
}

Result<std::vector<std::filesystem::path>> find_transaction_files(const DataDescription& description) {
  std::set<std::string> names;
  for (const std::string& pattern : description.transactions) {
    FEDSPEND_ASSIGN(const std::vector<std::filesystem::path> paths, expand(description.data_root, pattern));
    for (const std::filesystem::path& path : paths) names.insert(path.string());
  }
  return std::vector<std::filesystem::path>(names.begin(), names.end());
}

}  // namespace fedspend::simulations
