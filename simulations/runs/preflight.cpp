#include "simulations/runs/preflight.h"

#include <algorithm>

#include "models/history.h"

namespace fedspend::simulations {

Result<models::TorchScriptReport> preflight(const PlanFile& plan, std::span<const FederatedClient> clients) {
  if (!plan.plan.model.is_torchscript() || plan.trainers.model_file == nullptr)
    return fail(ErrorCode::invalid_argument, "the plan's model is " + plan.plan.model.name + ", not a TorchScript file", "a preflight is for plans of `fedspend-sim plan --model torchscript`");
  const std::size_t categories = plan.plan.model.categories.size();
  std::span<const models::HistoryRow> rows;
  std::ptrdiff_t most = 0;
  for (const FederatedClient& client : clients) {
    const auto training = std::span(client.rows).first(models::training_rows(client.rows.size(), plan.plan.evaluation.holdout_fraction));
    const auto known = std::count_if(training.begin(), training.end(), [&](const models::HistoryRow& row) { return row.category < categories; });
    if (known <= most) continue;
    most = known;
    rows = training;
  }
  FEDSPEND_ASSIGN(const models::TorchModule* module, models::torch_module());
  return module->preflight_torchscript(plan.plan.model, plan.plan.training, *plan.trainers.model_file, rows);
}

}  // namespace fedspend::simulations
