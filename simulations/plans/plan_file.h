#pragma once
// A plan from a file, with the bytes that it is hashed and signed as; and the initial weights that every plan determines.

#include <filesystem>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::simulations {

struct PlanFile {
  std::string text;  // exactly the file's bytes
  Plan plan;
  PlanHash hash;
};

// Errors name the file, the key and the line.
Result<PlanFile> read_plan_file(const std::filesystem::path& path);
PlanFile plan_file_of(std::string text, Plan plan);

// trainer.initialize(model.initial_seed): the same wherever it is computed on one instruction set.
Result<std::vector<float>> initial_weights(const Plan& plan);

}  // namespace fedspend::simulations
