#include "simulations/plans/plan_file.h"

#include <utility>

#include "common/program/files.h"
#include "models/torchscript_spec.h"

namespace fedspend::simulations {

namespace {

Result<models::TrainerChoice> trainers_of(const Plan& plan, const std::filesystem::path& folder) {
  if (!plan.model.is_torchscript()) return models::TrainerChoice{};
  FEDSPEND_ASSIGN(Bytes bytes, program::read_file(folder / plan.model.file, models::kMaxModelFileBytes));
  FEDSPEND_TRY(models::check_model_file(plan.model, bytes));
  return models::TrainerChoice{.family = models::TrainerFamily::torch, .model_file = std::make_shared<const Bytes>(std::move(bytes))};
}

}  // namespace

PlanFile plan_file_of(std::string text, Plan plan, models::TrainerChoice trainers) {
  const PlanHash hash = hash_of_plan(as_bytes(text));
  return {std::move(text), std::move(plan), hash, std::move(trainers)};
}

Result<PlanFile> read_plan_file(const std::filesystem::path& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxPlanBytes));
  std::string text(as_text(bytes));
  Result<Plan> plan = parse_plan(text);
  if (!plan) return fail(plan.error().code, path.string() + ": " + plan.error().message, plan.error().hint);
  FEDSPEND_ASSIGN(models::TrainerChoice trainers, trainers_of(*plan, path.parent_path()));
  return plan_file_of(std::move(text), std::move(*plan), std::move(trainers));
}

Result<std::vector<float>> initial_weights(const Plan& plan, const models::TrainerChoice& trainers) {
  FEDSPEND_ASSIGN(const auto trainer, models::make_trainer(plan.model, trainers));
  std::vector<float> weights(trainer->parameter_count());
  trainer->initialize(weights, plan.model.initial_seed);
  return weights;
}

}  // namespace fedspend::simulations
