#pragma once
// A plan from a file, with the bytes that it is hashed and signed as, and the file of its model if it is TorchScript's; and the
// initial weights that every plan determines.

#include <filesystem>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/torch_module.h"

namespace fedspend::simulations {

struct PlanFile {
  std::string text;  // exactly the file's bytes
  Plan plan;
  PlanHash hash;
  models::TrainerChoice trainers = {};  // the lean ones, unless changed; with the bytes of a torchscript plan's model file
};

// Errors name the file, the key and the line. A torchscript plan's model file lies beside it, and is held against its hash.
Result<PlanFile> read_plan_file(const std::filesystem::path& path);
PlanFile plan_file_of(std::string text, Plan plan, models::TrainerChoice trainers = {});

// trainer.initialize(model.initial_seed): the same wherever it is computed on one instruction set.
Result<std::vector<float>> initial_weights(const Plan& plan, const models::TrainerChoice& trainers = {});

}  // namespace fedspend::simulations
