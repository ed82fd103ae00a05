#pragma once
// The stock model spend_forecast: what a client will spend in the next 30 days, per category and in total, as quantiles of 10, 50 and 90% that
// do not cross. It begins at the client's own empirical quantiles (spend_calendar.h), exactly but for a low next to nothing, and learns by how much to lean on what else the
// client's past says (spend_forecast_features.h, spend_forecast_network.h). Trained by stochastic gradient descent on the pinball loss
// (Koenker and Bassett 1978, "Regression quantiles") of slightly wider quantiles (kTrainedPoints), without libtorch.
//
// Trainer's words here. Outputs are no probabilities but spends in minor units, 3 a series, low, middle and high: of category c they lie from
// 3 c, and of the total (a series of its own, of all rows, those of "other" too) behind those of the categories; output_count() is 3 (C + 1).
// They are finite and not below 0, and low <= middle <= high. predict() is of the 30 days from the day after the newest row; a host that has been
// quiet for longer adds a row of nothing spent. A series that is not regular (OwnSpend::is_regular) has its own quantiles, untrained; an
// empty history 0 throughout.
// An example is the forecast of one regular series on one day of a grid of every tenth day since 1970 (so that no window begins on a day
// because something was bought then), whose 30 days lie before the newest row's. evaluate() scores those from the day of first_scored on:
// with frozen counts the first such day alone, prequential all of them, each from all earlier days. Of a result (evaluation_result.h) loss_sum is the
// mean pinball loss of the three in units of the client's own mean spend of 30 days, held to kMostLevels; reference_loss_sum that of
// exponential smoothing given for all three; correct_top1 counts what was not below low, and correct_top3 what was from low to high. One object per thread.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/evaluation_result.h"
#include "models/spend_forecast/spend_forecast_features.h"
#include "models/trainer.h"

namespace fedspend::models {

// As make_trainer (trainer.h).
Result<std::unique_ptr<Trainer>> make_spend_forecast(const ModelSpec& model);

// The model that `fedspend-sim plan` drafts for a vocabulary: name, sizes, parameter count; and how it is trained on a device by default.
ModelSpec default_spend_forecast(std::span<const std::string> categories);
TrainingSpec default_spend_forecast_training();

// What evaluate() scores, and what other forecasts are held against on the same days.
std::vector<SpendStep> scored_spend_steps(std::span<const HistoryRow> history, std::size_t categories, std::size_t first_scored, Counting counting);
// Adds the score of these quantiles (in the step's levels) of a step with a target.
void add_spend_score(const SpendStep& step, std::span<const float, 3> quantiles, EvaluationResult& result);

}  // namespace fedspend::models
