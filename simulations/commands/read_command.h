#pragma once
// What the commands that read data have in common: the options --data, --data-root, --threads and --isa, and how the statistics of a
// reading are reported. Called from main's thread.

#include "common/program/program.h"
#include "simulations/population/population.h"

namespace fedspend::simulations {

std::vector<program::Option> data_options();
Result<DataDescription> description_of(const program::Arguments& arguments);
Result<ReadPopulation> read_data(const program::Arguments& arguments);
Result<ReadPopulation> read_data(const program::Arguments& arguments, const DataDescription& description);

// --isa NAME: the instruction set that models are computed on, pinned before any trainer is made.
program::Option isa_option();
Status pin_isa(const program::Arguments& arguments);

nlohmann::json to_json(const ReadStatistics& statistics, const Population& population);
// A few lines: what was read, skipped and found strange.
std::string to_text(const ReadStatistics& statistics, const Population& population);

}  // namespace fedspend::simulations
