#include "common/program/command_line.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

#include <boost/program_options.hpp>

#include "common/program/files.h"

namespace fedspend::program {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kMaxConfigBytes = 1 << 20;

struct Given {
  std::string name;
  std::string value;  // of a flag: "true" or "false"
};

std::vector<Option> all_options(const Command& command) {
  std::vector<Option> options = command.options;
  const auto is_positional = [&](const Option& option) { return option.name == command.positional; };
  if (!command.positional.empty() && std::none_of(options.begin(), options.end(), is_positional))
    options.push_back({.name = command.positional, .value_name = "VALUE", .help = "", .repeated = true});
  options.insert(options.end(), common_options().begin(), common_options().end());
  return options;
}

const Option* find_option(const std::vector<Option>& options, std::string_view name) {
  for (const Option& option : options)
    if (option.name == name) return &option;
  return nullptr;
}

std::vector<std::string> names_of(const std::vector<Option>& options, std::string_view prefix) {
  std::vector<std::string> names;
  for (const Option& option : options) names.push_back(std::string(prefix) + option.name);
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates, const std::string& otherwise) {
  const std::string candidate = nearest(word, candidates);
  return candidate.empty() ? otherwise : "did you mean " + candidate + "?";
}

po::options_description description_of(const std::vector<Option>& options) {
  po::options_description description;
  for (const Option& option : options) {
    // Boost reads a comma in the name as "long,short".
    const std::string name = option.name == "help" ? "help,h" : option.name;
    if (option.value_name.empty()) {
      description.add_options()(name.c_str(), option.help.c_str());
    } else {
      description.add_options()(name.c_str(), po::value<std::vector<std::string>>(), option.help.c_str());
    }
  }
  return description;
}

Result<std::vector<Given>> from_command_line(const std::vector<Option>& options, const Command& command, const std::vector<std::string>& tokens,
                                             const std::string& see_help) {
  const po::options_description description = description_of(options);
  po::positional_options_description positional;
  if (!command.positional.empty()) {
    const Option* const option = find_option(options, command.positional);
    positional.add(command.positional.c_str(), option->repeated ? -1 : 1);
  }
  namespace style = po::command_line_style;
  try {
    // Without guessing: an abbreviation that works today would be ambiguous tomorrow.
    const po::parsed_options parsed = po::command_line_parser(tokens)
                                          .options(description)
                                          .positional(positional)
                                          .style(style::unix_style & ~style::allow_guessing)
                                          .run();
    std::vector<Given> given;
    for (const auto& option : parsed.options) {
      const bool separate = option.position_key < 0 && option.original_tokens.size() == 2;
      if (separate && option.original_tokens[1].starts_with("--"))
        return fail(ErrorCode::invalid_argument, "--" + option.string_key + " needs a value", see_help);
      if (option.value.empty()) given.push_back({option.string_key, "true"});
      for (const std::string& value : option.value) given.push_back({option.string_key, value});
    }
    return given;
  } catch (const po::unknown_option& error) {
    const std::string name = error.get_option_name();
    return fail(ErrorCode::invalid_argument, "unknown option " + name, did_you_mean(name, names_of(options, "--"), see_help));
  } catch (const po::too_many_positional_options_error&) {
    return fail(ErrorCode::invalid_argument, "more arguments than are taken", see_help);
  } catch (const po::invalid_command_line_syntax& error) {
    const bool extra = error.kind() == po::invalid_syntax::extra_parameter;
    const bool missing = error.kind() == po::invalid_syntax::missing_parameter || error.kind() == po::invalid_syntax::empty_adjacent_parameter;
    if (extra) return fail(ErrorCode::invalid_argument, error.get_option_name() + " takes no value", see_help);
    if (missing) return fail(ErrorCode::invalid_argument, error.get_option_name() + " needs a value", see_help);
    return fail(ErrorCode::invalid_argument, error.what(), see_help);
  } catch (const po::error& error) {
    return fail(ErrorCode::invalid_argument, error.what(), see_help);
  }
}

// The keys of a configuration file: an option of any command of the program, or one under the section [COMMAND], which counts
// for that command alone. So one file serves a whole program, and a misspelt key is still found.
Result<std::string> key_for_command(const ProgramSpec& program, const Command& command, const std::string& key, const std::string& where) {
  const std::size_t dot = key.find('.');
  const std::string section = dot == std::string::npos ? "" : key.substr(0, dot);
  const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
  std::vector<std::string> known;
  std::vector<std::string> sections;
  bool section_known = section.empty();
  for (const Command& other : program.commands) {
    sections.push_back(other.name);
    if (!section.empty() && other.name != section) continue;
    section_known = true;
    for (const Option& option : all_options(other)) known.push_back(option.name);
  }
  if (!section_known)
    return fail(ErrorCode::invalid_argument, where + ": unknown section [" + section + "]", did_you_mean(section, sections, "use the name of a command"));
  if (std::find(known.begin(), known.end(), name) == known.end())
    return fail(ErrorCode::invalid_argument, where + ": unknown option '" + name + "'",
                did_you_mean(name, known, "see " + invocation(program, command) + " --help"));
  if (name == "config" || name == "help" || name == "version")
    return fail(ErrorCode::invalid_argument, where + ": '" + name + "' cannot stand in a configuration file", "remove the line");
  const bool ours = section.empty() ? find_option(all_options(command), name) != nullptr : section == command.name;
  return ours ? name : std::string();
}

// Boost does not say which line it did not like. Counted from 1.
std::size_t first_wrong_line(const std::string& text) {
  std::istringstream lines{text};
  std::string line;
  std::size_t number = 0;
  while (std::getline(lines, line)) {
    ++number;
    line.resize(std::min(line.find('#'), line.size()));
    const std::size_t first = line.find_first_not_of(" \t\r");
    const bool blank = first == std::string::npos;
    if (!blank && line[first] != '[' && line.find('=') == std::string::npos) break;
  }
  return number;
}

Result<std::vector<Given>> from_config_file(const ProgramSpec& program, const Command& command, const std::string& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, read_file(path, kMaxConfigBytes));
  std::istringstream stream{std::string(as_text(bytes))};
  std::vector<Given> given;
  try {
    const po::options_description nothing;
    const po::parsed_options parsed = po::parse_config_file(stream, nothing, true);
    for (const auto& option : parsed.options) {
      FEDSPEND_ASSIGN(const std::string name, key_for_command(program, command, option.string_key, path));
      if (name.empty()) continue;
      for (const std::string& value : option.value) given.push_back({name, value});
    }
  } catch (const po::error&) {
    const std::size_t number = first_wrong_line(std::string(as_text(bytes)));
    return fail(ErrorCode::malformed, path + ", line " + std::to_string(number) + ": not a line of a configuration file", "write: option = value");
  }
  return given;
}

Result<bool> flag_value(const std::string& value, const std::string& name, const std::string& origin) {
  std::string lower;
  for (const char c : value) lower.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
  return fail(ErrorCode::invalid_argument, origin + ": " + name + " is '" + value + "'", "write true or false");
}

// Takes from one source what the stronger sources have left open.
Status merge(Arguments& arguments, const std::vector<Option>& options, const std::vector<Given>& given, const std::string& origin) {
  Arguments fresh;
  for (const Given& entry : given) {
    const Option* const option = find_option(options, entry.name);
    if (arguments.has(entry.name)) continue;
    auto place = std::find_if(fresh.values.begin(), fresh.values.end(), [&](const auto& value) { return value.first == entry.name; });
    if (place != fresh.values.end()) {
      if (!option->repeated && !option->value_name.empty())
        return fail(ErrorCode::invalid_argument, (origin.empty() ? "" : origin + ": ") + "--" + entry.name + " is given twice", "give it once");
      if (!option->repeated) continue;
    } else {
      place = fresh.values.insert(fresh.values.end(), {entry.name, {}});
    }
    place->second.push_back(entry.value);
  }
  for (auto& [name, values] : fresh.values) {
    if (find_option(options, name)->value_name.empty()) {
      FEDSPEND_ASSIGN(const bool on, flag_value(values.front(), name, origin));
      if (!on) values.clear();  // present and empty: decided, and off
    }
    if (!origin.empty()) arguments.origins.emplace_back(name, origin);
    arguments.values.emplace_back(name, std::move(values));
  }
  return {};
}

bool decided(const Arguments& arguments, const std::string& name) {
  return std::any_of(arguments.values.begin(), arguments.values.end(), [&](const auto& value) { return value.first == name; });
}

Status merge_environment(Arguments& arguments, const std::vector<Option>& options) {
  for (const Option& option : options) {
    if (option.name == "help" || option.name == "version" || decided(arguments, option.name)) continue;
    const std::string name = environment_name(option.name);
    const char* const value = std::getenv(name.c_str());
    if (value != nullptr && *value != '\0') FEDSPEND_TRY(merge(arguments, options, {{option.name, value}}, name));
  }
  return {};
}

}  // namespace

const std::vector<Option>& common_options() {
  static const std::vector<Option> options = {
      {.name = "help", .value_name = "", .help = "print this and end"},
      {.name = "version", .value_name = "", .help = "print the version and end"},
      {.name = "config", .value_name = "FILE", .help = "read options from FILE: lines of option = value"},
      {.name = "format", .value_name = "text|json", .help = "form of what is printed on standard output", .default_text = "text"},
  };
  return options;
}

std::string environment_name(std::string_view option) {
  std::string name = "FEDSPEND_";
  for (const char c : option) name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  return name;
}

Result<Arguments> parse_arguments(const ProgramSpec& program, const Command& command, const std::vector<std::string>& tokens) {
  const std::vector<Option> options = all_options(command);
  const std::string see_help = "see " + invocation(program, command) + " --help";
  Arguments arguments;
  FEDSPEND_ASSIGN(const auto from_tokens, from_command_line(options, command, tokens, see_help));
  FEDSPEND_TRY(merge(arguments, options, from_tokens, ""));
  FEDSPEND_TRY(merge_environment(arguments, options));
  if (const auto path = arguments.optional_text("config")) {
    FEDSPEND_ASSIGN(auto from_file, from_config_file(program, command, *path));
    std::erase_if(from_file, [&](const Given& entry) { return decided(arguments, entry.name); });
    FEDSPEND_TRY(merge(arguments, options, from_file, *path));
  }
  for (const Option& option : options) {
    if (decided(arguments, option.name)) continue;
    if (option.required) {
      const std::string what = option.name == command.positional ? option.value_name : "--" + option.name + " " + option.value_name;
      return fail(ErrorCode::invalid_argument, what + " is missing", see_help);
    }
    if (!option.default_text.empty()) arguments.values.emplace_back(option.name, std::vector<std::string>{option.default_text});
  }
  const std::string format = arguments.optional_text("format").value_or("text");
  if (format != "text" && format != "json")
    return fail(ErrorCode::invalid_argument, "--format '" + format + "' is unknown", "use text or json");
  return arguments;
}

}  // namespace fedspend::program
