#include "common/secagg/shamir.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/crypto/random.h"
#include "common/crypto/scalar_field.h"
#include "common/secagg/share_correction.h"

namespace fedspend {
namespace {

// Sets of missing places whose weights are kept; each takes 32 bytes a share.
constexpr std::size_t kKeptWeights = 256;

std::vector<std::uint32_t> missing_of(std::span<const std::uint32_t> places, std::uint32_t count) {
  std::vector<std::uint32_t> missing;
  auto next = places.begin();
  for (std::uint32_t x = 1; x <= count; ++x) {
    if (next != places.end() && *next == x) ++next;
    else missing.push_back(x);
  }
  return missing;
}

}  // namespace

ScalarRows deal_shares(const SecretScalar& secret, std::uint32_t threshold, std::uint32_t count, RandomSource& random) {
  FEDSPEND_CHECK(threshold >= 1 && threshold <= count && count <= kMaxShares, "1 <= threshold <= shares <= 4,096");
  initialize_crypto();
  ScalarRows coefficients(threshold);
  coefficients.set(0, secret);
  SecretBytes<64> wide;
  for (std::uint32_t i = 1; i < threshold; ++i) {
    random.fill(wide.expose_mutable());
    scalar_field::reduce(coefficients.expose_mutable(i), wide.expose());
  }
  ScalarRows shares(count);
  for (std::uint32_t x = 1; x <= count; ++x) scalar_field::polynomial_at(shares.expose_mutable(x - 1), coefficients.expose_all(), threshold, x);
  return shares;
}

// 1 / i = (i - 1)! / i!, and 1 / (i - 1)! = i * 1 / i!.
SmallInverses::SmallInverses(std::uint32_t count) : inverses_(std::size_t{count} + 1) {
  initialize_crypto();
  std::vector<Scalar> factorials{Scalar::of(1)};
  for (std::uint32_t i = 1; i <= count; ++i) factorials.push_back(factorials.back() * Scalar::of(i));
  Scalar inverse_factorial = factorials.back().inverse();
  for (std::uint32_t i = count; i > 0; --i) {
    inverses_[i] = factorials[i - 1] * inverse_factorial;
    inverse_factorial = inverse_factorial * Scalar::of(i);
  }
}

const Scalar& SmallInverses::of(std::uint32_t i) const {
  FEDSPEND_CHECK(i >= 1 && i < inverses_.size(), "an integer of the table");
  return inverses_[i];
}

ShareCombiner::ShareCombiner(std::uint32_t count, std::uint32_t threshold) : count_(count), threshold_(threshold), inverses_(std::min(count, kMaxShares)) {
  FEDSPEND_CHECK(threshold >= 1 && threshold <= count && count <= kMaxShares, "1 <= threshold <= shares <= 4,096");
  Scalar binomial = Scalar::of(1);
  for (std::uint32_t j = 1; j <= count; ++j) {
    binomial = binomial * Scalar::of(count - j + 1) * inverses_.of(j);
    (j % 2 == 1 ? positive_ : negative_).push_back(binomial);
    (j % 2 == 1 ? negative_ : positive_).push_back(Scalar() - binomial);
  }
}

void ShareCombiner::check(std::span<const std::uint32_t> places, const ScalarRows& shares) const {
  FEDSPEND_CHECK(places.size() == shares.size(), "a share for each place");
  for (std::size_t i = 0; i < places.size(); ++i)
    FEDSPEND_CHECK(places[i] >= 1 && places[i] <= count_ && (i == 0 || places[i - 1] < places[i]), "places that rise, from 1 to k");
}

ShareCombiner::Weights ShareCombiner::compute_weights(std::span<const std::uint32_t> places, const std::vector<std::uint32_t>& missing) const {
  Weights weights{.rows = Bytes(32 * places.size()), .factor = Scalar::of(1)};
  for (const std::uint32_t l : missing) weights.factor = weights.factor * inverses_.of(l);
  std::vector<std::uint32_t> distances(missing.size());
  std::uint8_t* row = weights.rows.data();
  for (const std::uint32_t j : places) {
    std::uint32_t below = 0;  // missing places l < j, whose l - j is negative
    for (std::size_t i = 0; i < missing.size(); ++i) {
      below += missing[i] < j ? 1U : 0U;
      distances[i] = missing[i] < j ? j - missing[i] : missing[i] - j;
    }
    const Scalar weight = (below % 2 == 0 ? positive_ : negative_)[j - 1].times(distances);
    row = std::ranges::copy(weight.bytes(), row).out;
  }
  return weights;
}

const ShareCombiner::Weights& ShareCombiner::weights_for(std::span<const std::uint32_t> places) {
  std::vector<std::uint32_t> missing = missing_of(places, count_);
  if (const auto kept = weights_.find(missing); kept != weights_.end()) return kept->second;
  if (weights_.size() == kKeptWeights) weights_.clear();
  Weights weights = compute_weights(places, missing);
  return weights_.emplace(std::move(missing), std::move(weights)).first->second;
}

Result<SecretScalar> ShareCombiner::combine(std::span<const std::uint32_t> places, const ScalarRows& shares) {
  check(places, shares);
  if (places.size() < threshold_)
    return fail(ErrorCode::refused, "secret sharing: " + std::to_string(places.size()) + " shares, " + std::to_string(threshold_) + " needed");
  const Weights& weights = weights_for(places);
  ScalarRows sum(1);
  scalar_field::sum_of_products(sum.expose_mutable(0), weights.rows.data(), shares.expose_all(), places.size());
  return sum.get(0) * weights.factor;
}

Result<CorrectedSecret> ShareCombiner::correct(std::span<const std::uint32_t> places, const ScalarRows& shares) const {
  check(places, shares);
  if (places.size() < threshold_)
    return fail(ErrorCode::refused, "secret sharing: " + std::to_string(places.size()) + " shares, " + std::to_string(threshold_) + " needed");
  return correct_shares(places, shares, threshold_, inverses_);
}

}  // namespace fedspend
