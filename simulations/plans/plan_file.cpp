#include "simulations/plans/plan_file.h"

#include <utility>

#include "common/program/files.h"
#include "models/trainer.h"

namespace fedspend::simulations {

PlanFile plan_file_of(std::string text, Plan plan) {
  const PlanHash hash = hash_of_plan(as_bytes(text));
  return {std::move(text), std::move(plan), hash};
}

Result<PlanFile> read_plan_file(const std::filesystem::path& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxPlanBytes));
  std::string text(as_text(bytes));
  Result<Plan> plan = parse_plan(text);
  if (!plan) return fail(plan.error().code, path.string() + ": " + plan.error().message, plan.error().hint);
  return plan_file_of(std::move(text), std::move(*plan));
}

Result<std::vector<float>> initial_weights(const Plan& plan) {
  FEDSPEND_ASSIGN(const auto trainer, models::make_trainer(plan.model));
  std::vector<float> weights(trainer->parameter_count());
  trainer->initialize(weights, plan.model.initial_seed);
  return weights;
}

}  // namespace fedspend::simulations
