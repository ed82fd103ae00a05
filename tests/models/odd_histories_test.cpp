// What every stock model does with histories that no test population has: each is predicted from, evaluated and trained on, and nothing is ever not a number.

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/row_maker.h"
#include "models/stock_models.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr std::int64_t kDay_s = 86'400;
const std::vector<std::string> kCategories = {"rent", "food", "fuel", "fun", "tea"};

std::vector<Transaction> life(std::size_t rows, std::int64_t apart_s = kDay_s) {
  static constexpr std::array kMerchants = {"City Rent", "TESCO STORES 12", "Shell 7", "", "Corner tea"};
  SeededRandom random(rows);
  std::vector<Transaction> transactions;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t kind = random.below(kCategories.size());
    transactions.push_back({.time_s = 1'400'000'000 + static_cast<std::int64_t>(i) * apart_s, .amount_minor = 100 + static_cast<std::int64_t>(random.below(10'000)), .category = kCategories[kind],
                            .merchant = kMerchants[kind], .currency = "EUR"});
  }
  return transactions;
}

struct Odd {
  const char* name;
  std::function<std::vector<Transaction>()> make;
};
std::vector<Transaction> changed(std::size_t rows, const std::function<void(Transaction&, std::size_t)>& change) {
  std::vector<Transaction> transactions = life(rows);
  for (std::size_t i = 0; i < rows; ++i) change(transactions[i], i);
  return transactions;
}
const std::vector<Odd> kOdd = {
    {"none", [] { return life(0); }},
    {"one", [] { return life(1); }},
    {"unknown categories and merchants", [] { return changed(300, [](Transaction& each, std::size_t i) { each.category = "unheard of " + std::to_string(i); each.merchant = "\xff\x01 never met " + std::to_string(i); }); }},
    {"unknown ones among others", [] { return changed(300, [](Transaction& each, std::size_t i) { if (i % 3 == 0) each.category = "unheard of"; if (i % 4 == 0) each.merchant = "?"; }); }},
    {"refunds alone", [] { return changed(300, [](Transaction& each, std::size_t) { each.direction = Direction::credit; }); }},
    {"refunds", [] { return changed(300, [](Transaction& each, std::size_t i) { if (i % 5 == 0) each.direction = Direction::credit; }); }},
    {"huge amounts", [] { return changed(300, [](Transaction& each, std::size_t i) { if (i % 7 == 0) each.amount_minor = std::numeric_limits<std::int64_t>::max() - static_cast<std::int64_t>(i); }); }},
    {"no amounts", [] { return changed(300, [](Transaction& each, std::size_t) { each.amount_minor = 0; }); }},
    {"negative amounts", [] { return changed(300, [](Transaction& each, std::size_t i) { each.amount_minor = i % 2 == 0 ? std::numeric_limits<std::int64_t>::min() : -each.amount_minor; }); }},
    {"one instant", [] { return changed(300, [](Transaction& each, std::size_t) { each.time_s = 1'400'000'000; }); }},
    {"clocks that jump", [] {
       return changed(300, [](Transaction& each, std::size_t i) {
         if (i == 50) each.time_s = std::numeric_limits<std::int64_t>::max();
         if (i == 51) each.time_s = std::numeric_limits<std::int64_t>::min();
         if (i == 250) each.time_s += 400 * 365 * kDay_s;
         if (i > 100 && i < 150) each.time_s -= 3'000 * kDay_s;
       });
     }},
    {"ten years, eleven rows a day", [] { return life(40'000, kDay_s / 11); }}};

std::vector<HistoryRow> rows_of(const ModelSpec& model, const std::vector<Transaction>& transactions) {
  RowMaker maker(model);
  std::vector<HistoryRow> rows;
  for (const Transaction& each : transactions) rows.push_back(maker.row(each));
  return rows;
}

bool all_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

}  // namespace

TEST_CASE("each stock model gives finite numbers of odd histories, trains on them, and scores them") {
  for (const StockModel& stock : stock_models()) {
    const ModelSpec model = stock.default_model(kCategories);
    const auto trainer = std::move(*make_trainer(model));
    std::vector<float> weights(trainer->parameter_count()), update(weights.size()), outputs(trainer->output_count());
    trainer->initialize(weights, 1);
    SeededRandom random(2);
    for (float& weight : weights) weight += (static_cast<float>(random.below(2'001)) / 1'000 - 1) * 0.1f;
    for (const Odd& odd : kOdd) {
      CAPTURE(std::string(stock.name));
      CAPTURE(odd.name);
      const std::vector<HistoryRow> history = rows_of(model, odd.make());
      std::ranges::fill(outputs, std::nanf(""));
      const Status predicted = trainer->predict(weights, history, outputs);
      REQUIRE_MESSAGE(predicted, predicted.error().message);
      CHECK(all_finite(outputs));
      const auto scored = trainer->evaluate(weights, history, history.size() * 4 / 5, Counting::prequential);
      REQUIRE_MESSAGE(scored, scored.error().message);
      CHECK(std::isfinite(scored->loss_sum));
      const auto trained = trainer->train(weights, history, {.spec = stock.default_training(), .seed = 1}, update);
      REQUIRE_MESSAGE(trained, trained.error().message);
      CHECK(std::isfinite(trained->mean_loss));
      CHECK(all_finite(update));
    }
  }
}

TEST_CASE("amounts of several currencies are taken as they stand: no model reads the currency") {
  for (const StockModel& stock : stock_models()) {
    CAPTURE(std::string(stock.name));
    const ModelSpec model = stock.default_model(kCategories);
    const auto trainer = std::move(*make_trainer(model));
    std::vector<float> weights(trainer->parameter_count()), one(trainer->output_count()), mixed(one.size());
    trainer->initialize(weights, 1);
    std::vector<Transaction> transactions = life(400);
    REQUIRE(trainer->predict(weights, rows_of(model, transactions), one));
    static constexpr std::array kCurrencies = {"EUR", "JPY", "", "no such one"};
    for (std::size_t i = 0; i < transactions.size(); ++i) transactions[i].currency = kCurrencies[i % kCurrencies.size()];
    REQUIRE(trainer->predict(weights, rows_of(model, transactions), mixed));
    CHECK(one == mixed);
    CHECK(all_finite(mixed));
  }
}
