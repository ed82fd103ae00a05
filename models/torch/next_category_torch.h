#pragma once
// The reference of the model next_category: the same model as torch::nn modules with automatic differentiation. What the lean
// trainer is held against, and the other side of a conversion: the flat vectors are the same. Never on a phone. No torch type shows.
// One object per thread.

#include <memory>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::models {

// Errors as make_trainer of trainer.h.
Result<std::unique_ptr<Trainer>> make_next_category_torch(const ModelSpec& model);

}  // namespace fedspend::models
