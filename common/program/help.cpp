#include <algorithm>
#include <numeric>

#include "common/program/command_line.h"

namespace fedspend::program {
namespace {

// Optimal string alignment distance (Damerau 1964, Levenshtein 1966): insertions, deletions, substitutions, swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string left_column(const Option& option) {
  return "  --" + option.name + (option.value_name.empty() ? "" : " " + option.value_name);
}

std::string option_lines(const std::vector<Option>& options) {
  std::size_t width = 0;
  for (const Option& option : options) width = std::max(width, left_column(option).size());
  std::string text;
  for (const Option& option : options) {
    std::string line = left_column(option);
    line.resize(width + 2, ' ');
    line += option.help;
    if (option.required) line += " (required)";
    if (option.repeated) line += " (may be repeated)";
    if (!option.default_text.empty()) line += " (default " + option.default_text + ")";
    text += line + "\n";
  }
  return text;
}

constexpr std::string_view kSources = "Each option may also come from the environment (FEDSPEND_<OPTION>, in capitals, '_' for '-') or from --config FILE;\n"
                                      "the command line counts more than the environment, the environment more than the file.\n";
constexpr std::string_view kExitCodes = "Exit codes: 0 done, 1 failed while running, 2 no connection or not authorised, 3 timed out,\n"
                                        "            4 wrong arguments or input, 5 a bug.\n";
constexpr std::string_view kFalsified = "            6 the claim that it checks is false.\n";

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongest = 64;  // a word longer than any option is not a misspelt one
  if (word.size() > kLongest) return {};
  const auto letters_of = [](std::string_view text) { return text.substr(std::min(text.find_first_not_of('-'), text.size())); };
  const std::string_view letters = letters_of(word);
  std::string best;
  std::size_t best_distance = kLongest;
  for (const std::string& candidate : candidates) {
    const std::string_view other = letters_of(candidate);
    std::size_t distance = edit_distance(letters, other);
    if (letters.size() >= 3 && (other.starts_with(letters) || letters.starts_with(other))) distance = std::min<std::size_t>(distance, 1);
    if (distance <= std::max<std::size_t>(1, std::max(letters.size(), other.size()) / 3) && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string invocation(const ProgramSpec& program, const Command& command) {
  return command.name.empty() ? program.name : program.name + " " + command.name;
}

std::string command_help(const ProgramSpec& program, const Command& command) {
  std::string text = invocation(program, command) + ": " + (command.summary.empty() ? program.summary : command.summary) + "\n\n";
  text += "Usage: " + invocation(program, command) + " [options]";
  if (!command.positional.empty()) {
    const auto option = std::find_if(command.options.begin(), command.options.end(), [&](const Option& o) { return o.name == command.positional; });
    text += " " + (option == command.options.end() || option->value_name.empty() ? std::string("VALUE") : option->value_name);
    if (option == command.options.end() || option->repeated) text += "...";
  }
  text += "\n\n";
  if (!command.options.empty()) text += "Options:\n" + option_lines(command.options) + "\n";
  text += "Common options:\n" + option_lines(common_options()) + "\n" + std::string(kSources) + std::string(kExitCodes);
  if (command.checks_a_claim) text += kFalsified;
  if (!command.example.empty()) text += "\nExample:\n  " + command.example + "\n";
  return text;
}

std::string program_help(const ProgramSpec& program) {
  std::size_t width = 0;
  for (const Command& command : program.commands) width = std::max(width, command.name.size());
  std::string text = program.name + ": " + program.summary + "\n\nUsage: " + program.name + " COMMAND [options]\n\nCommands:\n";
  for (const Command& command : program.commands) {
    std::string line = "  " + command.name;
    line.resize(width + 4, ' ');
    text += line + command.summary + "\n";
  }
  text += "\nCommon options:\n" + option_lines(common_options()) + "\n" + std::string(kSources) + std::string(kExitCodes);
  text += "\nThe options of a command: " + program.name + " COMMAND --help\n";
  if (!program.commands.empty() && !program.commands.front().example.empty())
    text += "\nExample:\n  " + program.commands.front().example + "\n";
  return text;
}

}  // namespace fedspend::program
