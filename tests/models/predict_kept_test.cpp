// The model with groups of its features put aside: the hook that explanations are made with.

#include <set>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "models/next_category/next_category.h"
#include "models/next_category/next_category_features.h"
#include "tests/models/toy_history.h"

namespace fedspend::models {
namespace {

struct Model {
  ModelSpec spec = small_model(4);
  std::unique_ptr<Trainer> trainer = make_trainer(spec).value();
  std::vector<float> weights = std::vector<float>(trainer->parameter_count());
  Model() {
    SeededRandom random(9);
    for (float& weight : weights) weight = static_cast<float>(random.below(2'001)) / 1'000 - 1;
  }
  std::vector<float> predict(std::span<const HistoryRow> history) {
    std::vector<float> p(trainer->output_count());
    REQUIRE(trainer->predict(weights, history, p));
    return p;
  }
  std::vector<float> kept(std::span<const HistoryRow> history, const std::vector<std::uint32_t>& sets) {
    std::vector<float> p(trainer->output_count() * sets.size(), 7.0f);
    REQUIRE(trainer->predict_kept(weights, history, sets, p));
    return p;
  }
};
constexpr std::uint32_t kAll = (1u << kFeatureGroups) - 1;

TEST_CASE("with every group it is the prediction, with none that of an empty history, to the bit") {
  Model model;
  for (const std::size_t rows : {0u, 1u, 2u, 30u, 256u, 257u, 600u}) {
    CAPTURE(rows);
    const auto history = random_history(rows, 4, rows);
    CHECK(model.kept(history, {kAll}) == model.predict(history));
    CHECK(model.kept(history, {0}) == model.predict({}));
  }
}

TEST_CASE("several sets at once are each set by itself, in any order") {
  Model model;
  const auto history = random_history(40, 4, 3);
  const std::vector<std::uint32_t> sets = {5, kAll, 0, 1u << kGroupSequence, 5, kAll ^ 1u};
  const auto together = model.kept(history, sets);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const auto alone = model.kept(history, {sets[i]});
    CHECK(std::equal(alone.begin(), alone.end(), together.begin() + static_cast<std::ptrdiff_t>(i * alone.size())));
  }
}

TEST_CASE("each group changes the prediction, and every set sums to one and never says other") {
  Model model;
  auto history = random_history(40, 4, 3);
  history.back().category = history[30].category = history[31].category = 1;  // something followed it, and its merchant
  history.back().merchant_hash = history[30].merchant_hash = 3;
  const auto whole = model.predict(history);
  for (std::uint32_t group = 0; group < kFeatureGroups; ++group) CHECK_MESSAGE(model.kept(history, {kAll ^ 1u << group}) != whole, model.trainer->feature_groups()[group]);
  for (std::uint32_t set = 0; set <= kAll; ++set) {
    const auto p = model.kept(history, {set});
    double sum = 0;
    for (const float each : p) sum += static_cast<double>(each);
    CHECK(sum == doctest::Approx(1).epsilon(1e-5));
    CHECK(p.back() == 0.0f);
  }
}

TEST_CASE("a group depends on what its name says and on nothing else") {
  Model model;
  auto history = random_history(30, 4, 8);
  const auto alone = [&](FeatureGroup group, const std::vector<HistoryRow>& rows) { return model.kept(rows, {1u << group}); };
  history.back().merchant_hash = history[28].merchant_hash = 3;  // the same twice
  auto dearer = history, elsewhere = history, later = history, other = history;
  dearer.back().amount_minor = 987'654;
  elsewhere.back().merchant_hash = 77;
  later.back().time_s += 3 * 86'400;
  other.back().category = (other.back().category + 1) % 4;
  const std::vector<std::pair<std::vector<HistoryRow>, std::set<FeatureGroup>>> cases = {
      {dearer, {kGroupAmount}}, {elsewhere, {kGroupMerchant}}, {later, {kGroupTiming}}};
  for (const auto& [changed, may] : cases) {
    for (std::uint32_t g = 0; g < kFeatureGroups; ++g) {
      const auto group = static_cast<FeatureGroup>(g);
      CAPTURE(g);
      CHECK((alone(group, changed) != alone(group, history)) == may.contains(group));
    }
  }
  CHECK(alone(kGroupLastCategory, other) != alone(kGroupLastCategory, history));
  CHECK(alone(kGroupAmount, other) == alone(kGroupAmount, history));
  CHECK(alone(kGroupTiming, other) == alone(kGroupTiming, history));
}

TEST_CASE("a trainer without groups says so, and weights of another model are refused") {
  Model model;
  std::vector<float> p(model.trainer->output_count());
  const std::vector<std::uint32_t> sets = {0};
  CHECK_FALSE(model.trainer->predict_kept(std::span<const float>(model.weights).first(3), {}, sets, p));
  CHECK(model.trainer->feature_groups().size() == kFeatureGroups);
}

}  // namespace
}  // namespace fedspend::models
