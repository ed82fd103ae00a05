#include "tests/statistical/falsification.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "common/check.h"
#include "simulations/audit/binomial.h"

namespace fedspend::tests {
namespace {

using Sample = std::span<const double>;

struct Event {
  double threshold = 0;
  bool is_above = true;
  bool speaks_for_update = true;

  bool happens(double score) const { return (score >= threshold) == is_above; }
  std::uint64_t count(Sample sample) const {
    return static_cast<std::uint64_t>(std::ranges::count_if(sample, [this](double score) { return happens(score); }));
  }
};

struct Counts {
  std::uint64_t hits = 0, runs = 0;
};

double proven(const Counts& own, const Counts& other, double delta, double error) {
  const double p = simulations::lower_confidence(own.hits, own.runs, error / 2);
  const double q = simulations::upper_confidence(other.hits, other.runs, error / 2);
  return p > delta ? std::max(0.0, std::log((p - delta) / q)) : 0.0;
}

// Good enough to choose by: Wilson's interval at five deviations.
double promised(const Counts& own, const Counts& other, double delta) {
  constexpr double z = 5;
  const auto bound = [](const Counts& of, double side) {
    const auto n = static_cast<double>(of.runs), p = static_cast<double>(of.hits) / n;
    return (p + z * z / (2 * n) + side * z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n);
  };
  return (bound(own, -1) - delta) / bound(other, 1);
}

Event best_event(Sample with, Sample without, double delta) {
  std::vector<double> a(with.begin(), with.end()), b(without.begin(), without.end()), all = a;
  all.insert(all.end(), b.begin(), b.end());
  for (auto* sorted : {&a, &b, &all}) std::ranges::sort(*sorted);
  const auto below = [](const std::vector<double>& sorted, double t) {
    return static_cast<std::uint64_t>(std::ranges::lower_bound(sorted, t) - sorted.begin());
  };
  Event best;
  double most = -1;
  for (std::size_t i = 0; i < 1000; ++i) {
    const double threshold = all[i * all.size() / 1000];
    for (const bool is_above : {true, false}) {
      Counts in_a{below(a, threshold), a.size()}, in_b{below(b, threshold), b.size()};
      if (is_above) in_a.hits = a.size() - in_a.hits, in_b.hits = b.size() - in_b.hits;
      for (const bool for_update : {true, false}) {
        const double value = for_update ? promised(in_a, in_b, delta) : promised(in_b, in_a, delta);
        if (value <= most) continue;
        most = value;
        best = {threshold, is_above, for_update};
      }
    }
  }
  return best;
}

}  // namespace

double epsilon_lower_bound(const Scores& scores, double delta, double error) {
  const Sample with(scores.with), without(scores.without);
  FEDSPEND_CHECK(with.size() >= 100 && without.size() >= 100, "at least 100 runs of each input");
  const std::size_t half_with = with.size() / 2, half_without = without.size() / 2;
  const Event event = best_event(with.first(half_with), without.first(half_without), delta);
  const Counts in_with{event.count(with.subspan(half_with)), with.size() - half_with};
  const Counts in_without{event.count(without.subspan(half_without)), without.size() - half_without};
  return event.speaks_for_update ? proven(in_with, in_without, delta, error) : proven(in_without, in_with, delta, error);
}

}  // namespace fedspend::tests
