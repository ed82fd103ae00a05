#include "common/secagg/unmasking.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace fedspend {
namespace {

// Parts of the vector for each thread, so that one that is slow does not keep the others waiting.
constexpr std::size_t kPartsPerThread = 4;
constexpr std::uint32_t kSuspected = 2;  // wrong shares after which a holder's are left out: one may be its dealer's doing

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

std::optional<SecretScalar> Unmasking::combine_unsuspected(const RevealedSecret& revealed, ShareCombiner& combiner, const Suspicion& suspicion) const {
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < revealed.holders.size(); ++i) {
    const auto found = suspicion.find(revealed.holders[i]);
    if (found == suspicion.end() || found->second < kSuspected) kept.push_back(i);
  }
  if (kept.size() == revealed.holders.size() || kept.size() < context_.threshold) return std::nullopt;
  std::vector<std::uint32_t> coordinates;
  ScalarRows shares(kept.size());
  for (std::size_t row = 0; row < kept.size(); ++row) {
    coordinates.push_back(revealed.coordinates[kept[row]]);
    shares.set(row, revealed.shares.get(kept[row]));
  }
  Result<SecretScalar> combined = combiner.combine(coordinates, shares);
  return combined && is_right(revealed, *combined) ? std::optional(std::move(*combined)) : std::nullopt;
}

Unmasking::Opened Unmasking::open(const RevealedSecret& revealed, ShareCombiner& combiner, Suspicion& suspicion) const {
  Opened opened;
  if (Result<SecretScalar> combined = combiner.combine(revealed.coordinates, revealed.shares); combined && is_right(revealed, *combined)) {
    opened.secret = std::move(*combined);
    return opened;
  }
  if (std::optional<SecretScalar> combined = combine_unsuspected(revealed, combiner, suspicion)) {
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
    ++suspicion[opened.wrong_holders.back()];
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
    Suspicion suspicion;
    for (std::size_t i = part; i < secrets_.size(); i += parts) {
      opened[i] = open(secrets_[i], combiner, suspicion);
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
    failure.why = std::to_string(failure.dealers.size()) + " of the secrets are not what their owners committed to";
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
