#pragma once
// The lines that a model must beat, by DESIGN's evaluation rule: clients with enough rows; the last rows of each are held out and
// never counted. Each model has its own, one file a task; here are what they share, and the lines of models that give a category.
// Of these the first four and the mixture predict the next category from the past; the merchant lookups also see the
// merchant of the row whose category they give: they are the lines for a model that is told the row (StockModel::sees_row).
// Ties: a client's own most frequent category is, of several, the one used last; in all other counts (what follows what, what a
// merchant sells, the global most frequent) the one that was met first, clients in the order of their ids. So the figures are the
// same everywhere. Pure functions of the population.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/plan.h"
#include "models/evaluation_result.h"
#include "models/unusual_activity/unusual_activity_features.h"
#include "simulations/population/population.h"

namespace fedspend::simulations {

struct EvaluationRule {
  double holdout_fraction = 0.2;  // the last ceil(f n) rows
  std::size_t min_rows = 5;
  ModelSpec model = {};           // beside which the lines stand; without a name: the next category of the population's own categories
};

struct Baseline {
  std::string key;       // in JSON
  std::string name;      // in the table
  std::string short_name;// beside a line of a chart
  models::EvaluationResult score = {};
  std::vector<models::EvaluationResult> by_client = {};  // in the order of Baselines::evaluated
  bool sees_merchant = false;  // and the model beside it does not: another task, not a line to beat
  bool prequential = false;  // goes on counting through the held-out rows
  bool own_counts = false;   // needs nothing but the client's own past: what a phone could do alone
};

struct Baselines {
  std::vector<std::size_t> evaluated;              // indices into the population
  std::uint64_t clients = 0;      // that are evaluated
  std::uint64_t held_out = 0;     // their held-out rows
  std::vector<Baseline> lines;
  std::string model;              // EvaluationRule
};

// What there is for a model, with nothing counted.
std::vector<Baseline> baseline_lines(std::string_view model);
Baselines compute_baselines(const Population& population, const EvaluationRule& rule = {});

// What the lines of unusual_activity go by, in their order: the higher, the more unusual.
inline constexpr std::size_t kUnusualLines = 4;
std::array<float, kUnusualLines> unusual_line_figures(const models::UnusualStep& step);

}  // namespace fedspend::simulations
