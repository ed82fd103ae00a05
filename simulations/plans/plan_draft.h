#pragma once
// A first plan for a population: the stock model with the population's own categories, sizes of the federation that suit it, and, where it is
// no demonstration, a participation cap that lets the rounds be filled and the least noise that keeps this cap within the plan's max_epsilon.
// In production the bank knows its category codes and writes them; here they are counted. Pure but for the random task id.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "simulations/population/population.h"

namespace fedspend::simulations {

struct PlanDraftOptions {
  std::string model = "next_category";     // or "torchscript"
  std::string model_file_name = {};        // of a torchscript model: as it lies beside the plan
  std::shared_ptr<const Bytes> model_file = {};  // and its bytes
  std::string population;              // its name
  std::size_t max_categories = 0;      // the most frequent ones; what is left is "other"; 0: as many as a plan can hold
  std::optional<std::uint64_t> seed = {};  // of the task id and the initial weights; without: a random task id
  bool demonstration = false;          // privacy none
  std::vector<std::string> settings = {};  // plan_settings.h
};

struct PlanDraft {
  Plan plan;
  std::size_t eligible_clients = 0;
  std::size_t categories_left_to_other = 0;
  std::optional<double> epsilon_at_cap = {};  // at the plan's delta, of a device that takes part as often as the plan allows; none without noise
};

// invalid_argument for a model or a setting that is not known; malformed where the plan would not be valid; refused where it would
// overspend its own max_epsilon, or no noise is enough for it.
Result<PlanDraft> draft_plan(const Population& population, const PlanDraftOptions& options);

// Clients with enough training rows, in order.
std::vector<std::size_t> eligible_clients(const Population& population, const Plan& plan);

}  // namespace fedspend::simulations
