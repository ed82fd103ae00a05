#pragma once
// How well a model of unusual activity (models/unusual_activity/unusual_activity.h) finds the rows that the population labels, which no trainer and no device sees: on the
// held-out rows of every client that is evaluated, each scored from all earlier rows, as an app does. And simple lines beside it, on the same rows.
// Pure, but for the worker threads it starts; the number of threads changes nothing.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "simulations/population/population.h"

namespace fedspend::simulations {

struct UnusualScore {
  std::string name;             // of the model, or of a line
  double area = 0;              // under the curve, all clients' held-out rows together: how often a labelled row is scored above one without a label
  double area_within = 0;       // the same among the rows of one client, mean over such pairs
  std::uint64_t caught = 0;     // labelled rows above the client's own threshold of kAlarmsPerMonth false alarms a month (alarm_threshold.h)
  std::uint64_t false_alarms = 0;
};

struct UnusualKind {
  std::string label;
  std::uint64_t rows = 0, caught = 0;
  double area = 0;  // of the model, its rows against those without a label
};

struct UnusualScores {
  std::uint64_t labelled = 0, unlabelled = 0;  // held-out rows
  double months = 0;                           // of 30 days, that the clients' held-out rows cover
  std::vector<UnusualScore> scores;            // the model's first
  std::vector<UnusualKind> kinds;              // of the model, by label
};

// refused: the population has no labels. Otherwise the trainer's errors.
Result<UnusualScores> score_unusual(const Plan& plan, std::span<const float> weights, const Population& population, unsigned threads);
std::string to_text(const UnusualScores& scores);
nlohmann::json to_json(const UnusualScores& scores);

}  // namespace fedspend::simulations
