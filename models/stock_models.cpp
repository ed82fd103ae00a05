#include "models/stock_models.h"

#include <algorithm>
#include <array>

#include "common/check.h"
#include "models/categoriser/categoriser.h"
#include "models/day_features.h"
#include "models/next_category/next_category.h"
#include "models/offers/offers.h"
#include "models/spend_forecast/spend_forecast.h"
#include "models/unusual_activity/unusual_activity.h"

namespace fedspend::models {
namespace {

constexpr Measure of_categories(std::string_view predicted, std::string_view sentence, std::string_view alone_in_full) {
  return {.name = "accuracy",
          .predicted = predicted,
          .sentence = sentence,
          .headline = "right",
          .meaning = "Share of held-out rows whose category the model says first",
          .second = "among 3",
          .loss = "-log p of the category that came",
          .loss_unit = "nats",
          .alone = "own counts",
          .alone_in_full = alone_in_full};
}

constexpr std::array kModels = {
    StockModel{.name = "next_category", .title = "the next category", .card = "from a client's own past transactions, the category of the next one",
               .measure = of_categories("next category, held-out rows", "gives the next category of {share} of {count} held-out transactions",
                                        "the better of its most frequent category and its own Markov table, chosen in hindsight"),
               .make = make_next_category, .default_model = default_next_category, .default_training = default_next_category_training},
    StockModel{.name = "categoriser", .title = "the category of a transaction",
               .card = "the category of a transaction, from its merchant, amount and day and the client's own past",
               .measure = of_categories("category of held-out rows", "gives the category of {share} of {count} held-out transactions",
                                        "the best of its most frequent category, its own Markov table and its own merchants, chosen in hindsight"),
               .make = make_categoriser, .default_model = default_categoriser, .default_training = default_categoriser_training,
               .fedadam_rate = 0.1, .reads_merchant_text = true, .sees_row = true},
    StockModel{.name = "spend_forecast", .title = "the spend of the next 30 days",
               .card = "from a client's own past, what it will spend in the next 30 days by category and in total, as 10, 50 and 90% quantiles",
               .measure = {.name = "loss_saved",
                           .predicted = "spend of 30 held-out days, regular categories and the total",
                           .sentence = "saves {share} of the loss of exponential smoothing over {count} held-out forecasts",
                           .headline = "saved",
                           .meaning = "Share of the pinball loss that is saved of what exponential smoothing of the client's own months loses",
                           .second = "in the 10-90% band",
                           .loss = "pinball loss in units of the client's own mean spend of 30 days",
                           .loss_unit = "months",
                           .alone = "own forecasts",
                           .alone_in_full = "the best of its last month, its mean of three, smoothing and its own quantiles, chosen in hindsight"},
               .make = make_spend_forecast, .default_model = default_spend_forecast, .default_training = default_spend_forecast_training, .fedadam_rate = 0.01,
               .holds_out_days = true},
    StockModel{.name = "unusual_activity", .title = "how unusual a transaction is",
               .card = "how surprising a client's transaction is beside those before it: its category, amount, merchant and rhythm",
               .measure = {.name = "ranked_right",
                           .predicted = "held-out rows beside themselves made unusual",
                           .sentence = "finds the one made unusual of {share} of {count} pairs of held-out transactions",
                           .headline = "ranked right",
                           .meaning = "Share of held-out rows that are less surprising than the same row made unusual by dice",
                           .second = "caught at one false alarm a month",
                           .loss = "-log of the odds that a row was, or was not, made unusual",
                           .loss_unit = "nats",
                           .alone = "own statistics",
                           .alone_in_full = "the best of its amount, its distance from the category's amounts, a new merchant and a rare category, chosen in hindsight"},
               .make = make_unusual_activity, .default_model = default_unusual_activity, .default_training = default_unusual_activity_training, .fedadam_rate = 0.03,
               .reads_merchant_text = true, .sees_row = true},
    StockModel{.name = "offers", .title = "what a client will take up",
               .card = "from the categories that a client has used, those new to it that it will start to use in 60 days",
               .measure = {.name = "recall_at_5",
                           .predicted = "categories taken up in 60 held-out days",
                           .sentence = "has {share} of {count} categories that clients took up among its 5 suggestions",
                           .headline = "among 5",
                           .meaning = "Share of the categories that a client took up, of those new to it, that are among the five suggested",
                           .second = "among 10",
                           .loss = "-log of the chance of the category that was taken up",
                           .loss_unit = "nats",
                           .alone = "the plan's order",
                           .alone_in_full = "the first of the plan's categories that are new to it"},
               .make = make_offers, .default_model = default_offers, .default_training = default_offers_training, .fedadam_rate = 0.03,
               .holds_out_days = true},
};

}  // namespace

std::span<const StockModel> stock_models() { return kModels; }

const StockModel* find_stock_model(std::string_view name) {
  const auto found = std::ranges::find(kModels, name, &StockModel::name);
  return found == kModels.end() ? nullptr : &*found;
}

const StockModel& stock_model_or_first(std::string_view name) {
  const StockModel* found = find_stock_model(name);
  return found == nullptr ? kModels.front() : *found;
}

std::size_t training_rows(const ModelSpec& model, std::span<const HistoryRow> rows, double holdout_fraction) {
  const StockModel* stock = find_stock_model(model.name);
  if (stock == nullptr || !stock->holds_out_days || rows.empty()) return training_rows(rows.size(), holdout_fraction);
  FEDSPEND_CHECK(holdout_fraction >= 0 && holdout_fraction <= 1, "a holdout fraction lies in [0, 1]");
  const auto first = static_cast<double>(day_of(rows.front().time_s)), end = static_cast<double>(day_of(rows.back().time_s)) + 1;
  const double held_out_from = end - holdout_fraction * (end - first);
  const auto held_out = std::ranges::find_if(rows, [&](const HistoryRow& row) { return static_cast<double>(day_of(row.time_s)) >= held_out_from; });
  return static_cast<std::size_t>(held_out - rows.begin());
}

std::string stock_model_names() {
  std::string names;
  for (std::size_t i = 0; i < kModels.size(); ++i) names.append(i == 0 ? "" : i + 1 == kModels.size() ? " or " : ", ").append(kModels[i].name);
  return names;
}

}  // namespace fedspend::models
