#include "common/secagg/unmasking.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace fedspend {
namespace {

// Parts of the vector for each thread, so that one that is slow does not keep the others waiting.
constexpr std::size_t kPartsPerThread = 4;

constexpr MaskSign opposite(MaskSign sign) { return sign == MaskSign::add ? MaskSign::subtract : MaskSign::add; }

}  // namespace

Unmasking::Unmasking(UnmaskingContext context, std::vector<RevealedSecret> secrets, RingVector masked_sum)
    : context_(context), secrets_(std::move(secrets)), sum_(std::move(masked_sum)) {}

std::size_t Unmasking::mask_count() const {
  std::size_t count = 0;
  for (const RevealedSecret& secret : secrets_) count += secret.kind == SecretKind::self_mask ? 1 : secret.surviving_neighbours.size();
  return count;
}

bool Unmasking::is_right(const RevealedSecret& revealed, const SecretScalar& secret) const {
  if (revealed.kind == SecretKind::self_mask) return self_mask_commitment(secret, revealed.dealer.id, context_.task, context_.round) == revealed.commitment;
  const Result<RistrettoPoint> point = RistrettoPoint::base_times(secret);
  return point && *point == revealed.dealer.key;
}

Unmasking::Opened Unmasking::open(const RevealedSecret& revealed, ShareCombiner& combiner) const {
  Opened opened;
  if (Result<SecretScalar> combined = combiner.combine(revealed.coordinates, revealed.shares); combined && is_right(revealed, *combined)) {
    opened.secret = std::move(*combined);
    return opened;
  }
  Result<CorrectedSecret> corrected = combiner.correct(revealed.coordinates, revealed.shares);
  if (!corrected || !is_right(revealed, corrected->secret)) {
    opened.failed = true;
    return opened;
  }
  opened.secret = std::move(corrected->secret);
  for (const std::uint32_t coordinate : corrected->wrong) {
    const auto at = std::ranges::find(revealed.coordinates, coordinate) - revealed.coordinates.begin();
    opened.wrong_holders.push_back(revealed.holders[static_cast<std::size_t>(at)]);
  }
  return opened;
}

// As they are to be applied to the sum.
std::vector<Mask> Unmasking::masks_of(const RevealedSecret& revealed, const SecretScalar& secret) const {
  std::vector<Mask> masks;
  if (revealed.kind == SecretKind::self_mask) {
    masks.push_back(self_mask(secret, revealed.dealer.id, context_.session));
    masks.back().sign = opposite(masks.back().sign);
    return masks;
  }
  // The neighbour applied the opposite of what the dealer would have: the dealer's own sign takes it off.
  for (const PairEnd& neighbour : revealed.surviving_neighbours) {
    Result<Mask> mask = pair_mask(secret, revealed.dealer, neighbour, context_.session);
    FEDSPEND_CHECK(mask.has_value(), "a secret that is not 0, as its point is not the identity");
    masks.push_back(std::move(*mask));
  }
  return masks;
}

tl::expected<UnmaskedSum, UnmaskingFailure> Unmasking::run(Executor& executor) {
  std::vector<Opened> opened(secrets_.size());
  std::vector<std::vector<Mask>> masks(secrets_.size());
  const std::size_t parts = std::min<std::size_t>(secrets_.size(), std::size_t{executor.width()} * kPartsPerThread);
  executor.for_each(parts, [&](std::size_t part) {
    ShareCombiner combiner(context_.degree, context_.threshold);
    for (std::size_t i = part; i < secrets_.size(); i += parts) {
      opened[i] = open(secrets_[i], combiner);
      if (!opened[i].failed) masks[i] = masks_of(secrets_[i], opened[i].secret);
    }
  });

  UnmaskingFailure failure;
  UnmaskedSum result{std::move(sum_), {}};
  std::vector<Mask> all;
  for (std::size_t i = 0; i < secrets_.size(); ++i) {
    if (opened[i].failed) failure.dealers.push_back(secrets_[i].dealer.id);
    result.wrong_holders.insert(result.wrong_holders.end(), opened[i].wrong_holders.begin(), opened[i].wrong_holders.end());
    std::ranges::move(masks[i], std::back_inserter(all));
  }
  if (!failure.dealers.empty()) {
    std::ranges::sort(failure.dealers);
    failure.why = "the secrets of " + std::to_string(failure.dealers.size()) + " clients are not what they committed to";
    return tl::unexpected<UnmaskingFailure>(std::move(failure));
  }
  std::ranges::sort(result.wrong_holders);
  result.wrong_holders.erase(std::unique(result.wrong_holders.begin(), result.wrong_holders.end()), result.wrong_holders.end());

  const std::span<std::uint32_t> values = result.sum.mutable_values();
  const std::vector<WordRange> ranges = split_words(values.size(), std::size_t{executor.width()} * kPartsPerThread);
  executor.for_each(ranges.size(), [&](std::size_t i) { apply_masks(all, result.sum.bits(), ranges[i].first, values.subspan(ranges[i].first, ranges[i].count)); });
  return result;
}

}  // namespace fedspend
