#pragma once
// The reference of the model next_category: the same model as torch::nn modules with automatic differentiation and torch's own
// optimizer, a batch of windows at a time. What the lean trainer is held against; slow, and never on a phone. No torch type shows
// here. One object per thread; set_torch_threads(1) if several run at once.

#include <memory>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::models {

Result<std::unique_ptr<Trainer>> make_next_category_torch(const ModelSpec& model);

// Threads inside one call of torch, of the whole process.
void set_torch_threads(int count);

}  // namespace fedspend::models
