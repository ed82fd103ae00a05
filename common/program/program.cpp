#include "common/program/program.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "common/check.h"
#include "common/program/command_line.h"

namespace fedspend::program {
namespace {

constexpr int kSchemaVersion = 1;

int code(ExitCode exit_code) { return static_cast<int>(exit_code); }

// A descriptor 0, 1 or 2 that the caller has closed would be given to the first file that is opened, and a report would land in
// it. Read-only, so that writing a report into nowhere still fails.
void occupy_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) {
      const int opened = ::open("/dev/null", O_RDONLY);
      FEDSPEND_CHECK(opened == -1 || opened == descriptor, "the lowest free descriptor is taken");
    }
  }
}

// Returns errno, or 0. Not through stdio, whose buffer would report a full disk only when nobody looks any more.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

// One line, whatever a file name or a peer put into it.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

void print_error_line(const std::string& program, const Error& error) {
  std::string line = program + ": " + error.message;
  while (!line.empty() && (line.back() == '.' || line.back() == '\n')) line.pop_back();
  if (!error.hint.empty()) line += ". " + error.hint;
  static_cast<void>(write_all(STDERR_FILENO, one_line(line) + "\n"));  // nothing is left to say it to
}

std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int print_output(const std::string& program, const std::string& text, ExitCode on_success) {
  std::fflush(stdout);
  const int error = write_all(STDOUT_FILENO, text);
  if (error == 0) return code(on_success);
  print_error_line(program, {ErrorCode::io, std::string("cannot write to standard output: ") + std::strerror(error),
                             "check where the output goes (closed pipe, full disk)"});
  return code(on_success == ExitCode::done ? ExitCode::failed : on_success);
}

int print_error(const std::string& program, const Error& error, bool json) {
  const ExitCode exit_code = exit_code_of(error.code);
  if (!json) {
    print_error_line(program, error);
    return code(exit_code);
  }
  nlohmann::ordered_json envelope;
  envelope["schema_version"] = kSchemaVersion;
  envelope["status"] = "error";
  envelope["error_code"] = std::string(to_string(error.code));
  envelope["message"] = error.message;
  envelope["hint"] = error.hint;
  return print_output(program, dumped(envelope), exit_code);
}

int print_report(const std::string& program, const Report& report, bool json) {
  if (!json) return print_output(program, report.text, report.exit_code);
  nlohmann::ordered_json envelope;
  envelope["schema_version"] = kSchemaVersion;
  envelope["status"] = "ok";
  envelope["data"] = report.data;
  return print_output(program, dumped(envelope), report.exit_code);
}

// Whether errors are wanted as JSON, before the arguments are known to be right.
bool wants_json(const std::vector<std::string>& tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == "--format=json") return true;
    if (tokens[i] == "--format" && i + 1 < tokens.size()) return tokens[i + 1] == "json";
  }
  const char* const environment = std::getenv("FEDSPEND_FORMAT");
  return environment != nullptr && std::string_view(environment) == "json";
}

bool asks(const std::vector<std::string>& tokens, std::string_view option) {
  for (const std::string& token : tokens) {
    if (token == "--") return false;
    if (token == option || (option == "--help" && token == "-h")) return true;
  }
  return false;
}

// Where the command stands: behind --format and --config, which may come first. tokens.size(): nowhere.
std::size_t command_position(const std::vector<std::string>& tokens) {
  std::size_t i = 0;
  while (i < tokens.size() && tokens[i].starts_with('-')) i += tokens[i] == "--format" || tokens[i] == "--config" ? 2U : 1U;
  return std::min(i, tokens.size());
}

const Command* find_command(const ProgramSpec& program, std::string_view name) {
  for (const Command& command : program.commands)
    if (command.name == name) return &command;
  return nullptr;
}

int run_command(const ProgramSpec& program, const Command& command, const std::vector<std::string>& tokens) {
  const auto arguments = parse_arguments(program, command, tokens);
  if (!arguments) return print_error(program.name, arguments.error(), wants_json(tokens));
  const Result<Report> report = command.run(*arguments);
  return report ? print_report(program.name, *report, arguments->json()) : print_error(program.name, report.error(), arguments->json());
}

int dispatch(const ProgramSpec& program, std::vector<std::string> tokens) {
  if (asks(tokens, "--version")) return print_output(program.name, program.name + " " + std::string(version()) + "\n", ExitCode::done);
  const bool help = asks(tokens, "--help");
  if (const Command* const only = find_command(program, "")) {
    if (help) return print_output(program.name, command_help(program, *only), ExitCode::done);
    return run_command(program, *only, tokens);
  }
  std::size_t position = command_position(tokens);
  bool help_command = false;
  if (position < tokens.size() && tokens[position] == "help") {
    help_command = true;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(position));
  }
  if (position == tokens.size()) {
    if (help || help_command || tokens.empty()) return print_output(program.name, program_help(program), ExitCode::done);
    return print_error(program.name, {ErrorCode::invalid_argument, "no command is given", "see " + program.name + " --help"}, wants_json(tokens));
  }
  const std::string name = tokens[position];
  const Command* const command = find_command(program, name);
  if (command == nullptr) {
    std::vector<std::string> names;
    for (const Command& other : program.commands) names.push_back(other.name);
    const std::string meant = nearest(name, names);
    const std::string hint = meant.empty() ? "see " + program.name + " --help" : "did you mean " + meant + "?";
    return print_error(program.name, {ErrorCode::invalid_argument, "unknown command '" + name + "'", hint}, wants_json(tokens));
  }
  tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(position));
  if (help || help_command) return print_output(program.name, command_help(program, *command), ExitCode::done);
  return run_command(program, *command, tokens);
}

}  // namespace

ExitCode exit_code_of(ErrorCode error) noexcept {
  switch (error) {
    case ErrorCode::invalid_argument:
    case ErrorCode::malformed:
    case ErrorCode::not_found:
    case ErrorCode::conflict:
    case ErrorCode::limit:
    case ErrorCode::refused: return ExitCode::usage;
    case ErrorCode::io: return ExitCode::failed;
    case ErrorCode::unavailable:
    case ErrorCode::unauthorized: return ExitCode::no_connection;
    case ErrorCode::timeout: return ExitCode::timed_out;
    case ErrorCode::internal: return ExitCode::bug;
  }
  return ExitCode::bug;
}

int run_program(const ProgramSpec& program, int argc, const char* const* argv) {
  occupy_standard_descriptors();
  // A reader that goes away and a file-size limit become errors of write(), which are reported, instead of a silent death.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const std::vector<std::string> tokens(argv + std::min(argc, 1), argv + argc);
  try {
    return dispatch(program, tokens);
  } catch (const std::exception& error) {
    return print_error(program.name, {ErrorCode::internal, std::string("a bug: unexpected ") + error.what(), "please report it with the command line"},
                       wants_json(tokens));
  } catch (...) {
    return print_error(program.name, {ErrorCode::internal, "a bug: unexpected exception", "please report it with the command line"}, wants_json(tokens));
  }
}

std::string_view version() { return FEDSPEND_VERSION; }

}  // namespace fedspend::program
