#pragma once
// How one invocation becomes Arguments: command line over environment FEDSPEND_<OPTION> over --config FILE over the default.
// Internal to common/program; Boost.Program_options stays in command_line.cpp. Stateless.

#include <string>
#include <string_view>
#include <vector>

#include "common/program/program.h"
#include "common/result.h"

namespace fedspend::program {

// --help, --version, --config, --format: every command has them.
const std::vector<Option>& common_options();

// FEDSPEND_NOISE_MULTIPLIER for "noise-multiplier".
std::string environment_name(std::string_view option);

// `tokens` are what follows the command. Checks names, repetition and required options; not the values, which only the
// command can judge (Arguments::integer and its like).
Result<Arguments> parse_arguments(const ProgramSpec& program, const Command& command, const std::vector<std::string>& tokens);

// The candidate that is likely meant, or empty: at most a third of the letters differ, or one begins with the other.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

std::string program_help(const ProgramSpec& program);
std::string command_help(const ProgramSpec& program, const Command& command);
// "fedspend-sim run", or the program's name where it has no commands.
std::string invocation(const ProgramSpec& program, const Command& command);

}  // namespace fedspend::program
