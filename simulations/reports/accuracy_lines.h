#pragma once
// Everything that a run's accuracy is to be compared with, in one list: the federated model, the references and the baselines, each with
// what it is allowed to see. Pure functions of a run's summary.

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace fedspend::simulations {

// Only lines of one kind are comparable.
enum class LineKind {
  frozen,        // from the past alone, what is counted stands still: the rule of the project
  counting_on,   // the same, but counting on through the held-out rows
  sees_merchant  // of the row whose category it gives: another task
};

struct AccuracyLine {
  std::string key, name, short_name;
  LineKind kind = LineKind::frozen;
  double accuracy = 0;
  bool federated = false;
  bool baseline = false;
};

// Those that the summary has, in each kind the most accurate first.
std::vector<AccuracyLine> accuracy_lines(const nlohmann::json& summary);
// The best baseline that the federated model is comparable with.
std::optional<AccuracyLine> best_baseline(const std::vector<AccuracyLine>& lines);

}  // namespace fedspend::simulations
