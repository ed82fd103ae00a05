#pragma once
// Unusual rows, with labels, laid into the histories of a population whose data have none, to measure a model of unusual activity by. Of every thousand
// rows so many begin an incident, drawn by dice of each client's own, of four kinds alike:
//   repeated         the row is charged again, within five minutes, or on the same day where the data give dates alone
//   wrong_amount     its amount is ten or (three of ten) a hundred times what it was
//   foreign_row      after it comes a row of another client (amount, merchant, category) in a category that this client has never used
//   foreign_burst    after it come three to eight such rows of one other client, at most six hours apart, or on that day and the next ones
// Labelled are the rows that were added or changed. The population stays as it is, and a new one is made. Pure.

#include <cstdint>

#include "simulations/population/population.h"

namespace fedspend::simulations {

Result<Population> inject_unusual(const Population& population, std::uint32_t in_thousand_rows, std::uint64_t seed);

}  // namespace fedspend::simulations
