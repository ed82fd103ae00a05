#pragma once
// The stock model categoriser: the category of a transaction from what the terminal printed of its merchant, its amount and day, and what the
// client's own earlier rows of that merchant were. A bag of hashed n-grams (merchant_text.h) of a few ten thousand parameters with the
// client's own counts beside it (categoriser_features.h, categoriser_network.h), trained by stochastic gradient descent, without libtorch.
//
// Trainer's words here: an example is one row, so that batch_size counts rows. evaluate() and train() give the category of each row from the
// row itself, without its category, and from earlier rows. predict(): of the last row of the history, whose category is not looked at; an
// empty history gives what is known of nothing. One object per thread.

#include <memory>
#include <span>
#include <string>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::models {

// As make_trainer (trainer.h).
Result<std::unique_ptr<Trainer>> make_categoriser(const ModelSpec& model);

// The model that `fedspend-sim plan` drafts for a vocabulary: name, sizes, parameter count; and how it is trained on a device by default.
ModelSpec default_categoriser(std::span<const std::string> categories);
TrainingSpec default_categoriser_training();

}  // namespace fedspend::models
