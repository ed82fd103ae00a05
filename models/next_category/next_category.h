#pragma once
// The stock model next_category: from a client's own past, the category of the next transaction. A GRU of a few ten thousand
// parameters with the client's own counts beside it (next_category_features.h, next_category_network.h), trained by stochastic
// gradient descent with momentum, without libtorch. One object per thread.

#include <memory>
#include <span>
#include <string>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::models {

// As make_trainer (trainer.h).
Result<std::unique_ptr<Trainer>> make_next_category(const ModelSpec& model);

// The model that `fedspend-sim plan` drafts for a vocabulary: name, sizes, parameter count.
ModelSpec default_next_category(std::span<const std::string> categories);
// How it is trained on a device by default. What suits it on the server: models/README.md.
TrainingSpec default_next_category_training();

}  // namespace fedspend::models
