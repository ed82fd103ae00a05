// Predictions for the customer with their reasons: only with consent, never NaN, and reasons that add up.

#include "client/insights.h"

#include <cmath>
#include <limits>
#include <set>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/categoriser/categoriser.h"
#include "models/next_category/next_category.h"
#include "tests/client/fallible_vault.h"
#include "tests/client/parsed_json.h"
#include "tests/models/toy_history.h"

namespace fedspend::client {
namespace {

using models::HistoryRow;
using models::PersonalModel;
using models::random_history;

struct Customer {
  MemoryVault vault;
  std::unique_ptr<Consents> consents = Consents::open(vault).value();
  ModelSpec spec = models::small_model(4);
  std::unique_ptr<models::Trainer> trainer = models::make_trainer(spec).value();
  std::vector<float> weights = std::vector<float>(trainer->parameter_count());

  Customer() {
    REQUIRE(consents->give(kPurposePersonalInsights, {.version = "1"}, 1));
    SeededRandom random(9);
    for (float& weight : weights) weight = static_cast<float>(random.below(2'001)) / 1'000 - 1;
  }
  Insight predict(std::span<const HistoryRow> history, const PersonalModel& model = {}, const InsightOptions& options = {}) {
    auto insight = category_insight(*consents, *trainer, weights, model, history, options);
    REQUIRE_MESSAGE(insight, insight.error().message);
    return *std::move(insight);
  }
};

std::vector<HistoryRow> regular(std::size_t rows) {
  auto history = random_history(rows, 4, 1);
  for (std::size_t i = 0; i < rows; ++i) history[i].category = static_cast<std::uint32_t>(i % 4);
  return history;
}
double sum_of_reasons(const Insight& insight) {
  double sum = 0;
  for (const Reason& reason : insight.reasons) sum += reason.log_odds;
  return sum;
}
bool is_finite(const Insight& insight) {
  bool finite = std::isfinite(insight.baseline_log_odds) && std::isfinite(insight.log_odds);
  for (const CategoryChance& chance : insight.next) finite = finite && chance.probability >= 0 && chance.probability <= 1;
  for (const Reason& reason : insight.reasons) finite = finite && std::isfinite(reason.log_odds);
  return finite;
}

TEST_CASE("without consent there is no prediction, and none after it is withdrawn") {
  Customer customer;
  REQUIRE(customer.consents->give("next_category", {.version = "1"}, 1));  // training is another purpose
  REQUIRE(customer.consents->withdraw(kPurposePersonalInsights, 2));
  const auto refused = category_insight(*customer.consents, *customer.trainer, customer.weights, {}, random_history(20, 4, 1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::refused);
}

TEST_CASE("a model that is told the row is asked for the last one, and not without one") {
  Customer customer;
  const ModelSpec spec = models::default_categoriser(customer.spec.categories);
  const auto categoriser = models::make_trainer(spec).value();
  std::vector<float> weights(categoriser->parameter_count());
  categoriser->initialize(weights, 1);
  const auto none = category_insight(*customer.consents, *categoriser, weights, {}, {});
  REQUIRE_FALSE(none);
  CHECK(none.error().code == ErrorCode::invalid_argument);

  // Merchants 1 and 2 are of categories 1 and 2, always; the row that is asked for says another category, which is not looked at.
  std::vector<models::HistoryRow> history;
  for (int i = 0; i < 30; ++i) history.push_back({.time_s = 1'700'000'000 + 86'400 * i, .amount_minor = 1'000, .merchant_hash = static_cast<std::uint64_t>(1 + i % 2), .category = static_cast<std::uint32_t>(1 + i % 2)});
  history.push_back({.time_s = history.back().time_s + 60, .amount_minor = 1'000, .merchant_hash = 2, .category = 3});
  const auto insight = category_insight(*customer.consents, *categoriser, weights, {}, history);
  REQUIRE_MESSAGE(insight, insight.error().message);
  CHECK(insight->kind == InsightKind::category);
  CHECK(insight->rows == 30);
  CHECK(insight->next.front().category == 2);
  CHECK_FALSE(insight->abstains);
  CHECK(insight->hand_over == HandOver::none);
  // The reasons add up, and the weightiest is the one that it is made of.
  double sum = insight->baseline_log_odds;
  for (const Reason& reason : insight->reasons) sum += reason.log_odds;
  CHECK(sum == doctest::Approx(insight->log_odds));
  CHECK(insight->reasons.front().id == "own_merchant");
  CHECK(reason_text(InsightKind::category, insight->reasons.front()) == "what your transactions there were, and your corrections, makes this much likelier");
  CHECK(insight_text(*insight, customer.spec.categories).starts_with("This is " + customer.spec.categories[2] + " ("));
  for (const std::string_view group : categoriser->feature_groups()) CHECK(reason_text(InsightKind::category, {group, 1}) != reason_text(InsightKind::category, {"new one", 1}));

  // What would be said to be as good as impossible is not said.
  Insight sure = *insight;
  sure.next = {{2, 0.98}, {0, 0.0149}, {1, 0.0049}};
  const std::string words = insight_text(sure, customer.spec.categories);
  CHECK(words.find(" Otherwise: " + customer.spec.categories[0] + " (1%)\n") != std::string::npos);
  sure.next = {{2, 0.999}, {0, 0.0004}, {1, 0.0003}};
  CHECK(insight_text(sure, customer.spec.categories).find("Otherwise") == std::string::npos);

  // A merchant that was never met, among many categories: not sure, and a person is asked.
  history.back().merchant_hash = 77;
  const auto unsure = category_insight(*customer.consents, *categoriser, weights, {}, history, {.min_confidence = 0.9});
  REQUIRE(unsure);
  CHECK(unsure->abstains);
  CHECK(unsure->hand_over == HandOver::low_confidence);
  CHECK(insight_text(*unsure, customer.spec.categories).starts_with("Not sure what this is. Possible: "));
  CHECK(parsed(insight_json(*unsure, customer.spec.categories))["hand_over"] == "low-confidence");
}

TEST_CASE("the likeliest come first, as the model gives them") {
  Customer customer;
  const auto history = random_history(40, 4, 5);
  std::vector<float> p(customer.trainer->output_count());
  REQUIRE(customer.trainer->predict(customer.weights, history, p));
  const Insight insight = customer.predict(history);
  REQUIRE(insight.next.size() == 3);
  for (const CategoryChance& chance : insight.next) CHECK(chance.probability == static_cast<double>(p[chance.category]));
  CHECK(insight.next[0].probability >= insight.next[1].probability);
  CHECK(insight.next[1].probability >= insight.next[2].probability);
  CHECK(static_cast<double>(*std::max_element(p.begin(), p.end())) == insight.next[0].probability);
  CHECK(insight.rows == 40);
  CHECK_FALSE(insight.personal);
  CHECK(customer.predict(history, {}, {.most_categories = 99}).next.size() == 4);
}

TEST_CASE("the reasons add up to the prediction, from what is said of a customer of whom nothing is known") {
  Customer customer;
  std::vector<float> empty(customer.trainer->output_count());
  REQUIRE(customer.trainer->predict(customer.weights, {}, empty));
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Insight insight = customer.predict(random_history(1 + 7 * seed, 4, seed));
    CHECK(insight.reasons.size() == 7);
    CHECK(std::abs(insight.baseline_log_odds + sum_of_reasons(insight) - insight.log_odds) < 1e-9);
    const double p = insight.next[0].probability, q = static_cast<double>(empty[insight.next[0].category]);
    CHECK(insight.log_odds == doctest::Approx(std::log(p / (1 - p))).epsilon(1e-4));
    CHECK(insight.baseline_log_odds == doctest::Approx(std::log(q / (1 - q))).epsilon(1e-4));
    for (std::size_t i = 1; i < insight.reasons.size(); ++i) CHECK(std::abs(insight.reasons[i - 1].log_odds) >= std::abs(insight.reasons[i].log_odds));
  }
}

TEST_CASE("the reasons of a personal prediction add up, too, its own counts among them") {
  Customer customer;
  const auto history = regular(200);
  models::PersonalFit fit;
  const PersonalModel personal = PersonalModel::adapt(*customer.trainer, customer.weights, history, {.head = {.epochs = 0, .batch_size = 1}}, fit).value();
  REQUIRE(personal.own_weight() > 0);
  const Insight insight = customer.predict(history, personal);
  CHECK(insight.personal);
  CHECK(insight.next[0].category == 0);
  CHECK(insight.reasons.size() == 8);
  CHECK(std::abs(insight.baseline_log_odds + sum_of_reasons(insight) - insight.log_odds) < 1e-9);
  CHECK(insight.reasons[0].id == "own_counts");
  CHECK(insight.reasons[0].log_odds > 0);
}

TEST_CASE("a group that the model does not look at is no reason") {
  Customer customer;
  for (const models::LayoutEntry& entry : customer.trainer->layout()) {
    if (entry.name == "merchant_embedding") std::fill_n(customer.weights.begin() + static_cast<std::ptrdiff_t>(entry.offset), entry.shape[0] * entry.shape[1], 0.0f);
  }
  auto history = random_history(1, 4, 1);  // nothing has followed a merchant yet
  history[0].merchant_hash = 3;
  for (const Reason& reason : customer.predict(history).reasons) {
    if (reason.id == "merchant") CHECK(reason.log_odds == 0.0);
    if (reason.id == "last_category") CHECK(reason.log_odds != 0.0);
  }
}

TEST_CASE("it abstains below the host's confidence and at an empty history") {
  Customer customer;
  const auto history = random_history(40, 4, 5);
  const double top = customer.predict(history).next[0].probability;
  CHECK_FALSE(customer.predict(history, {}, {.min_confidence = top}).abstains);
  CHECK(customer.predict(history, {}, {.min_confidence = std::nextafter(top, 2.0)}).abstains);
  CHECK(customer.predict({}, {}, {.min_confidence = 0}).abstains);
  CHECK(InsightOptions{}.min_confidence == 0.4);
}

TEST_CASE("an empty history gives the guess for a newcomer without reasons, and one transaction gives reasons") {
  Customer customer;
  const Insight none = customer.predict({});
  CHECK(none.reasons.empty());
  CHECK(none.rows == 0);
  CHECK(none.next.size() == 3);
  CHECK(none.baseline_log_odds == none.log_odds);
  const Insight one = customer.predict(random_history(1, 4, 2));
  CHECK(one.reasons.size() == 7);
  CHECK(is_finite(one));
}

TEST_CASE("unknown categories, huge amounts, refunds and jumps in time never give a NaN, and other is never predicted") {
  Customer customer;
  auto history = random_history(50, 4, 3);
  history[10].category = 4'000'000'000;
  history[20].amount_minor = std::numeric_limits<std::int64_t>::max();
  history[21].amount_minor = std::numeric_limits<std::int64_t>::min();
  history[30].time_s = std::numeric_limits<std::int64_t>::max();
  history[31].time_s = std::numeric_limits<std::int64_t>::min();
  for (const std::size_t rows : {11u, 21u, 22u, 31u, 32u, 50u}) {
    const Insight insight = customer.predict(std::span(history).first(rows), {}, {.most_categories = 10});
    CHECK(is_finite(insight));
    CHECK(insight.next.size() == 4);
  }
  auto others = random_history(10, 4, 3);
  for (HistoryRow& row : others) row.category = 4;
  CHECK(is_finite(customer.predict(others)));
}

TEST_CASE("a model that is sure of itself has bounded log-odds") {
  Customer customer;
  for (const models::LayoutEntry& entry : customer.trainer->layout())
    if (entry.name == "output.bias") customer.weights[entry.offset] = 500.0f;
  const Insight insight = customer.predict(random_history(10, 4, 1));
  CHECK(insight.next[0].category == 0);
  CHECK(insight.log_odds == doctest::Approx(std::log(1e9)));
  CHECK(is_finite(insight));
}

TEST_CASE("a model of a single category predicts it") {
  Customer customer;
  customer.trainer = models::make_trainer(models::small_model(1)).value();
  customer.weights.assign(customer.trainer->parameter_count(), 0.1f);
  const Insight insight = customer.predict(random_history(10, 1, 1));
  CHECK(insight.next.size() == 1);
  CHECK(is_finite(insight));
}

TEST_CASE("of a long history the newest rows count, as many as are asked for") {
  Customer customer;
  const auto history = random_history(3'000, 4, 7);
  const Insight all = customer.predict(history), newest = customer.predict(std::span(history).last(1'024));
  CHECK(all.rows == 1'024);
  CHECK(all.log_odds == newest.log_odds);
}

TEST_CASE("weights that give no numbers, or of another model, and options out of range are errors") {
  Customer customer;
  const auto history = random_history(20, 4, 1);
  const auto code = [&](std::span<const float> weights, const InsightOptions& options) {
    const auto insight = category_insight(*customer.consents, *customer.trainer, weights, {}, history, options);
    REQUIRE_FALSE(insight);
    return insight.error().code;
  };
  CHECK(code(std::vector<float>(customer.weights.size(), std::nanf("")), {}) == ErrorCode::limit);
  CHECK(code(std::span<const float>(customer.weights).first(7), {}) == ErrorCode::invalid_argument);
  CHECK(code(customer.weights, {.min_confidence = std::nan("")}) == ErrorCode::invalid_argument);
  CHECK(code(customer.weights, {.min_confidence = 1.5}) == ErrorCode::invalid_argument);
  CHECK(code(customer.weights, {.most_categories = 0}) == ErrorCode::invalid_argument);
  CHECK(code(customer.weights, {.most_rows = 0}) == ErrorCode::invalid_argument);
}

TEST_CASE("reasons in words, by their weight") {
  CHECK(reason_text(InsightKind::next, {"amount", 0.04}) == "the amount of your last transaction hardly changes this");
  CHECK(reason_text(InsightKind::next, {"amount", 0.05}) == "the amount of your last transaction makes this a little likelier");
  CHECK(reason_text(InsightKind::next, {"merchant", -0.3}) == "where your last transaction was makes this less likely");
  CHECK(reason_text(InsightKind::next, {"own_counts", 1.0}) == "what you usually do, as counted on this device, makes this much likelier");
  CHECK(reason_text(InsightKind::next, {"new one", -1.0}) == "something else makes this much less likely");
}

TEST_CASE("every group of the model has words of its own") {
  Customer customer;
  std::set<std::string> words;
  for (const std::string_view group : customer.trainer->feature_groups()) words.insert(reason_text(InsightKind::next, {group, 1}));
  words.insert(reason_text(InsightKind::next, {"own_counts", 1}));
  CHECK(words.size() == 8);
  CHECK_FALSE(words.contains(reason_text(InsightKind::next, {"new one", 1})));
}

TEST_CASE("as JSON") {
  Customer customer;
  const auto history = random_history(40, 4, 5);
  const Insight insight = customer.predict(history);
  const auto json = parsed(insight_json(insight, customer.spec.categories));
  CHECK(json["schema_version"] == 1);
  CHECK(json["next"].size() == 3);
  CHECK(json["next"][0]["name"] == customer.spec.categories[insight.next[0].category]);
  CHECK(json["next"][0]["probability"] == insight.next[0].probability);
  CHECK(json["reasons"].size() == 7);
  CHECK(json["reasons"][0]["id"] == insight.reasons[0].id);
  CHECK(json["reasons"][0]["text"] == reason_text(InsightKind::next, insight.reasons[0]));
  CHECK(json["transactions"] == 40);
  CHECK(json["abstains"] == insight.abstains);
  CHECK_NOTHROW((void)parsed(insight_json(insight, std::vector<std::string>(4, "\xff\n"))));
}

}  // namespace
}  // namespace fedspend::client
