#pragma once
// The reference of the model next_category: the same model as torch::nn modules with automatic differentiation and torch's own
// optimizer, one window at a time. What the lean trainer is held against; slow, and never on a phone. No torch type shows here.
// One object per thread; call at::set_num_threads(1) outside if several run at once.

#include <memory>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::models {

Result<std::unique_ptr<Trainer>> make_next_category_torch(const ModelSpec& model);

}  // namespace fedspend::models
