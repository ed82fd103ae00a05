#pragma once
// The stock model offers: which categories that are new to a client it will start to use in the next kOfferDays days (offers_features.h, offers_network.h). Trained by
// stochastic gradient descent on the mean log loss of what was taken up, without libtorch.
//
// Trainer's words here. Outputs are suggestions (Outputs): chances of the categories of the plan to be the next that is taken up, 0 for those in use, summing to 1,
// and last of "other", always 0; where all are in use, zeros. predict() is of the day after the newest row; an empty history gives what is taken up first of all.
// "New" is what the client has never spent on in the rows given. An example is one day of the grid on which something was taken up afterwards. evaluate() scores
// those from the day of first_scored on: frozen the first such day, prequential all. Of a result (evaluation_result.h) a prediction is a category
// taken up; correct_top1 counts those among the kOffered chances that are highest, correct_top3 those among twice as many; loss_sum is in nats. One object per thread.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/evaluation_result.h"
#include "models/offers/offers_features.h"
#include "models/trainer.h"

namespace fedspend::models {

inline constexpr std::size_t kOffered = 5;

// As make_trainer (trainer.h).
Result<std::unique_ptr<Trainer>> make_offers(const ModelSpec& model);

// The model that `fedspend-sim plan` drafts for a vocabulary: name, sizes, parameter count; and how it is trained on a device by default.
ModelSpec default_offers(std::span<const std::string> categories);
TrainingSpec default_offers_training();

// What evaluate() scores, and what others are held against on the same days.
std::vector<OfferStep> scored_offer_steps(std::span<const HistoryRow> history, std::size_t categories, std::size_t first_scored, Counting counting);
// Adds the hits of these scores, one a category, of which those in use are not looked at; of equal ones the lower index counts as higher.
void add_offer_score(const OfferStep& step, std::span<const float> scores, EvaluationResult& result);

}  // namespace fedspend::models
