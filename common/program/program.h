#pragma once
// What the four programs share: commands with options (command line over environment FEDSPEND_<OPTION> over --config FILE),
// --help with an example, --version, --format text|json, exit codes, one envelope on standard output, errors in one line.
// Wraps Boost.Program_options, which appears in no header. Not thread-safe; called from main.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.h"

namespace fedspend::program {

// DESIGN.md, Programs.
// falsified: a command that checks a claim has done its work, and the claim is false. No error code leads to it.
enum class ExitCode : int { done = 0, failed = 1, no_connection = 2, timed_out = 3, usage = 4, bug = 5, falsified = 6 };
// invalid_argument, malformed, not_found, conflict, limit, refused -> usage; io -> failed; unavailable, unauthorized ->
// no_connection; timeout -> timed_out; internal -> bug.
ExitCode exit_code_of(ErrorCode code) noexcept;

struct Option {
  std::string name;                  // without dashes
  std::string value_name;            // "FILE", "N"; empty: a flag
  std::string help;
  std::string default_text = {};     // shown, and used when nothing is given; empty: no default
  bool required = false;
  bool repeated = false;             // may be given several times
};

// The values of one invocation, checked on access. A wrong value is invalid_argument naming the option, the value and the range.
class Arguments {
 public:
  bool has(const std::string& name) const;
  bool flag(const std::string& name) const { return has(name); }
  Result<std::string> text(const std::string& name) const;              // not_found-free: required options are checked before
  std::optional<std::string> optional_text(const std::string& name) const;
  std::vector<std::string> texts(const std::string& name) const;        // repeated options and positional arguments
  // `example`: a value that a refusal proposes; empty: the range says enough.
  Result<std::int64_t> integer(const std::string& name, std::int64_t low, std::int64_t high, std::string_view example = {}) const;
  Result<double> number(const std::string& name, double low, double high, std::string_view example = {}) const;
  bool json() const;                                                     // --format json

  std::vector<std::pair<std::string, std::vector<std::string>>> values;  // filled by run_program; public for tests
  std::vector<std::pair<std::string, std::string>> origins;  // option, and the variable or file that its value came from
};

// What a command ends with: both forms of the same facts.
struct Report {
  nlohmann::json data = nlohmann::json::object();  // "data" of the JSON envelope
  std::string text;                                // what a person reads; ends with a newline
  ExitCode exit_code = ExitCode::done;             // done or falsified
};

struct Command {
  std::string name;       // empty in a program without commands
  std::string summary;    // one line
  std::string example;    // a command line that works
  std::vector<Option> options;
  std::string positional; // option name that takes positional arguments; empty: none are taken
  std::function<Result<Report>(const Arguments&)> run;
  bool checks_a_claim = false;  // it may end with ExitCode::falsified, and its --help says so
};

struct ProgramSpec {
  std::string name;
  std::string summary;
  std::vector<Command> commands;  // one with an empty name: the program has no commands
};

// Parses, runs, prints, and returns the exit code. An exception that escapes is a bug (5), said in one line.
int run_program(const ProgramSpec& program, int argc, const char* const* argv);

std::string_view version();  // "0.1.0"

// A plain text table with aligned columns; the first row is the header. Numbers (cells that start with a digit, '.', '-') align right.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace fedspend::program
