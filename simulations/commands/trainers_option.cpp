#include "simulations/commands/trainers_option.h"

namespace fedspend::simulations {

program::Option trainers_option() {
  return {.name = "trainers", .value_name = "FAMILY", .help = "lean, as on a phone (default), or torch, the reference that these are held against: slower, and loads libtorch"};
}

Status choose_trainers(const program::Arguments& arguments, PlanFile& plan) {
  const auto name = arguments.optional_text("trainers");
  if (!name) return {};
  FEDSPEND_ASSIGN(const models::TrainerFamily family, models::parse_trainer_family(*name));
  if (plan.plan.model.is_torchscript() && family == models::TrainerFamily::lean)
    return fail(ErrorCode::invalid_argument, "--trainers lean: a torchscript model has none", "leave --trainers out");
  plan.trainers.family = family;
  return {};
}

}  // namespace fedspend::simulations
