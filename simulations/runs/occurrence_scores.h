#pragma once
// How well what a device says with a next category holds: on which days the customer's next transaction of it comes, and with what amount (client/expected_occurrence.h,
// 10 to 90% of either). Asked as an app asks, after each row from the last training row on, of the categories that the shared model finds likeliest then; held against
// the rows that came. By the device's own implementation. Pure, but for the worker threads it starts; the number of threads changes nothing.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "simulations/federation/federation.h"

namespace fedspend::simulations {

inline constexpr std::size_t kOccurrencesShown = 3;  // categories, as an insight has them

struct OccurrenceScore {       // of the likeliest category of each moment, of the second, ...
  std::uint64_t moments = 0;
  std::uint64_t silent = 0;    // too few rows of it
  std::uint64_t overdue = 0;   // no days said: later than it ever was
  std::uint64_t open = 0;      // the data end before the latest day said: whether it holds cannot be told
  std::uint64_t days = 0, days_within = 0, days_before = 0;           // told: within earliest ... latest, before it; the rest later, or never
  std::uint64_t amounts = 0, amounts_within = 0, amounts_below = 0;   // of those that came
  std::vector<double> day_widths, day_errors, amount_widths;          // latest - earliest; |middle - day that came|; (high - low) / middle
  OccurrenceScore& operator+=(const OccurrenceScore& other);
};

struct OccurrenceScores {
  std::vector<OccurrenceScore> by_rank;  // kOccurrencesShown, the likeliest first
};

// invalid_argument: the plan's model does not give the category of a row to come. Errors of the trainer.
Result<OccurrenceScores> score_occurrences(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, unsigned threads, const models::TrainerChoice& trainers = {});
std::string to_text(const OccurrenceScores& scores);
nlohmann::json to_json(const OccurrenceScores& scores);

}  // namespace fedspend::simulations
