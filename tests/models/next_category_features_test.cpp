#include "models/next_category/next_category_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "tests/models/toy_history.h"

using namespace fedspend::models;

namespace {

constexpr std::size_t kCategories = 6;

Steps steps_of(std::span<const HistoryRow> history, std::size_t counted = 1'000'000) {
  FeatureScan scan(kCategories, 4, 9);
  Steps steps;
  scan.scan(history, 0, std::min(counted, history.size()), steps);
  return steps;
}

bool same(const Steps& a, std::size_t i, const Steps& b, std::size_t j) {
  const Step &x = a.steps[i], &y = b.steps[j];
  if (x.category != y.category || x.merchant != y.merchant || x.numeric != y.numeric) return false;
  if (x.past_end - x.past_begin != y.past_end - y.past_begin) return false;
  for (std::uint32_t k = 0; k < x.past_end - x.past_begin; ++k) {
    const PastEntry &p = a.past[x.past_begin + k], &q = b.past[y.past_begin + k];
    if (p.kind != q.kind || p.category != q.category || p.value != q.value) return false;
  }
  return true;
}

float past_value(const Steps& steps, std::size_t i, PastKind kind, std::uint16_t category) {
  for (std::uint32_t e = steps.steps[i].past_begin; e < steps.steps[i].past_end; ++e) {
    if (steps.past[e].kind == kind && steps.past[e].category == category) return steps.past[e].value;
  }
  return 0;
}

}  // namespace

TEST_CASE("a step sees nothing of its own row nor of later ones") {
  const std::vector<HistoryRow> history = random_history(40, kCategories, 3);
  const Steps whole = steps_of(history);
  REQUIRE(whole.steps.size() == 41);
  for (std::size_t i = 0; i <= 40; ++i) {
    std::vector<HistoryRow> other(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(i));
    other.push_back({.time_s = 9'999'999'999, .amount_minor = 1, .merchant_hash = 77, .category = 0});
    CHECK(same(whole, i, steps_of(other), i));
  }
}

TEST_CASE("the own past reaches back past_rows rows and no further") {
  std::vector<HistoryRow> history = random_history(60, kCategories, 4);
  const Steps before = steps_of(history);
  for (std::size_t i = 0; i < 48; ++i) history[i].category = static_cast<std::uint32_t>((history[i].category + 1) % kCategories);
  const Steps after = steps_of(history);
  CHECK(same(before, 60, after, 60));    // rows 51 ... 59, and the two before them that say what they followed
  CHECK(!same(before, 52, after, 52));
}

TEST_CASE("the start has its mark, no merchant and no past") {
  const Steps steps = steps_of({});
  REQUIRE(steps.steps.size() == 1);
  CHECK(steps.steps[0].category == kCategories + 1);
  CHECK(steps.steps[0].merchant == -1);
  CHECK(steps.steps[0].target == -1);
  CHECK(steps.past.empty());
}

TEST_CASE("other is an input but never a target nor a count") {
  const std::vector<HistoryRow> history = {{.category = 2}, {.category = kCategories}, {.category = 3}, {.category = 900}};
  const Steps steps = steps_of(history);
  CHECK(steps.steps[0].target == 2);
  CHECK(steps.steps[1].target == -1);
  CHECK(steps.steps[2].category == kCategories);
  CHECK(steps.steps[2].target == 3);
  CHECK(steps.steps[3].target == -1);
  CHECK(steps.steps[4].category == kCategories);
  for (const PastEntry& entry : steps.past) CHECK(entry.category < kCategories);
}

TEST_CASE("what followed the last category, the last two and the last merchant is found") {
  const auto row = [](std::uint32_t category, std::uint64_t merchant) {
    return HistoryRow{.merchant_hash = merchant, .category = category};
  };
  const std::vector<HistoryRow> history = {row(0, 1), row(1, 2), row(2, 3), row(0, 5), row(3, 2), row(5, 6), row(0, 5), row(1, 2)};
  const Steps steps = steps_of(history);
  // Before row 7: the last category is 0, which 1 and then 3 followed; the last two are 5, 0, which came only now; merchant 5 was
  // followed by 3.
  CHECK(past_value(steps, 7, kPastAfterCategory, 1) > 0);
  CHECK(past_value(steps, 7, kPastAfterCategory, 3) > past_value(steps, 7, kPastAfterCategory, 1));
  CHECK(past_value(steps, 7, kPastAfterCategory, 2) == 0);
  for (std::uint16_t c = 0; c < kCategories; ++c) CHECK(past_value(steps, 7, kPastAfterTwo, c) == 0);
  CHECK(past_value(steps, 7, kPastAfterMerchant, 3) > 0);
  CHECK(past_value(steps, 7, kPastAfterMerchant, 1) == 0);
  // After row 7 the last two are 0, 1, which 2 followed.
  CHECK(past_value(steps, 8, kPastAfterTwo, 2) > 0);
  CHECK(past_value(steps, 8, kPastRecent, 1) > past_value(steps, 8, kPastRecent, 0));
}

TEST_CASE("counts that stand still hold no later row, while the last rows go on") {
  std::vector<HistoryRow> history = random_history(30, 4, 5);
  for (std::size_t i = 0; i < 30; ++i) history[i].category = static_cast<std::uint32_t>(i < 20 ? i % 3 : 5);
  const Steps frozen = steps_of(history, 20), going = steps_of(history);
  for (std::size_t i = 0; i <= 20; ++i) CHECK(same(frozen, i, going, i));
  for (std::size_t i = 21; i <= 30; ++i) {
    CHECK(frozen.steps[i].category == 5);
    for (const PastKind kind : {kPastSlow, kPastMiddle, kPastAfterCategory, kPastAfterTwo, kPastAfterMerchant}) {
      CHECK(past_value(frozen, i, kind, 5) == 0);
    }
    CHECK(past_value(frozen, i, kPastSlow, 1) == past_value(frozen, 20, kPastSlow, 1));
    CHECK(past_value(going, i, kPastSlow, 5) > 0);
    CHECK(past_value(frozen, i, kPastRecent, 5) == past_value(going, i, kPastRecent, 5));
    CHECK(past_value(frozen, i, kPastRecent, 5) > 0);
  }
}

TEST_CASE("a window's steps alone are those of the whole history, to the bit") {
  const std::vector<HistoryRow> history = random_history(60, kCategories, 6);
  const Steps whole = steps_of(history);
  FeatureScan scan(kCategories, 4, 9);
  Steps windows;
  const std::vector<std::size_t> begins = {0, 1, 5, 11, 12, 30, 53, 60};
  for (std::size_t w = 0; w + 1 < begins.size(); ++w) scan.append_window(history, begins[w], begins[w + 1], windows);
  REQUIRE(windows.steps.size() == 60);
  for (std::size_t i = 0; i < 60; ++i) {
    CHECK(same(whole, i, windows, i));
    CHECK(whole.steps[i].target == windows.steps[i].target);
  }
  Steps middle;
  scan.append_window(history, 40, 47, middle);
  for (std::size_t i = 40; i < 47; ++i) CHECK(same(whole, i, middle, i - 40));
}

TEST_CASE("the counts are those of their definition, row by row") {
  const std::vector<HistoryRow> history = random_history(50, 3, 8);  // few categories, so that everything recurs
  const Steps steps = steps_of(history);
  constexpr std::size_t kPastRows = 9;
  const auto category = [&](std::size_t i) { return history[i].category; };
  for (std::size_t i = 1; i <= 50; ++i) {
    std::array<std::array<double, kCategories>, kPastCounts> counts{};
    for (std::size_t row = i > kPastRows ? i - kPastRows : 0; row < i; ++row) {
      const auto age = static_cast<double>(i - 1 - row);
      counts[kPastSlow][category(row)] += std::pow(0.98, age);
      counts[kPastMiddle][category(row)] += std::pow(0.9, age);
      counts[kPastRecent][category(row)] += std::pow(0.7, age);
      if (row == 0) continue;
      const double followed = std::pow(0.99, age);
      if (category(row - 1) == category(i - 1)) {
        counts[kPastAfterCategory][category(row)] += followed;
        if (row > 1 && i > 1 && category(row - 2) == category(i - 2)) counts[kPastAfterTwo][category(row)] += followed;
      }
      if (history[i - 1].merchant_hash != 0 && history[row - 1].merchant_hash == history[i - 1].merchant_hash) {
        counts[kPastAfterMerchant][category(row)] += followed;
      }
    }
    for (std::uint16_t kind = 0; kind < kPastKinds; ++kind) {
      for (std::uint16_t c = 0; c < kCategories; ++c) {
        const double count = counts[kind % kPastCounts][c], smoothing = kind < kPastCounts ? 0.02 : 2;
        const double expected = count > 1e-3 ? std::log(1 + count / smoothing) / 10 : 0;
        CHECK(std::abs(static_cast<double>(past_value(steps, i, static_cast<PastKind>(kind), c)) - expected) < 1e-6);
      }
    }
  }
}

TEST_CASE("a longer past than 128 rows fades as many times more slowly as it is longer, a shorter one as that of 128") {
  std::vector<HistoryRow> history(600, HistoryRow{.category = 0});
  history.front().category = 1;
  const auto count_of_the_first = [&](std::size_t past_rows, std::size_t i, PastKind kind) {
    FeatureScan scan(kCategories, 4, past_rows);
    Steps steps;
    scan.scan(std::span(history).first(i), i, i, steps);
    const double logarithm = 10 * static_cast<double>(past_value(steps, i, kind, 1));
    return (std::exp(logarithm) - 1) * 0.02;
  };
  for (const std::size_t past_rows : {16u, 128u, 512u}) {
    const double slower = std::max(1.0, static_cast<double>(past_rows) / 128);
    CHECK(count_of_the_first(past_rows, past_rows, kPastSlow) == doctest::Approx(std::pow(0.98, static_cast<double>(past_rows - 1) / slower)).epsilon(1e-3));
    CHECK(count_of_the_first(past_rows, past_rows + 1, kPastSlow) == 0);
  }
  // What followed: 0 came after the 1 of row 0, a second 1 before the step asks for it.
  const auto followed = [&](std::size_t past_rows, std::size_t i) {
    std::vector<HistoryRow> rows(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(i));
    rows.back().category = 1;
    FeatureScan scan(kCategories, 4, past_rows);
    Steps steps;
    scan.scan(rows, i, i, steps);
    return (std::exp(10 * static_cast<double>(past_value(steps, i, kPastAfterCategory, 0))) - 1) * 0.02;
  };
  CHECK(followed(128, 100) == doctest::Approx(std::pow(0.99, 98)).epsilon(1e-3));
  CHECK(followed(512, 100) == doctest::Approx(std::pow(0.99, 98.0 / 4)).epsilon(1e-3));
}

TEST_CASE("huge amounts and times give finite features") {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  const std::vector<HistoryRow> history = {{.time_s = kMost, .amount_minor = kMost}, {.time_s = kLeast, .amount_minor = kLeast},
                                           {.time_s = kMost, .amount_minor = -5}, {.time_s = 0, .amount_minor = 0}};
  for (const Step& step : steps_of(history).steps) {
    for (const float value : step.numeric) {
      CHECK(std::isfinite(value));
      CHECK(std::abs(value) <= 4);
    }
  }
}
