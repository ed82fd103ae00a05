#include "common/secagg/unmasking.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace fedspend {
namespace {

// Parts of the secrets for each thread, so that one that is slow does not keep the others waiting; not more, as each part learns
// anew whose shares are wrong.
constexpr std::size_t kPartsPerThread = 4;
constexpr std::uint32_t kSuspected = 2;  // wrong shares after which a holder's are left out: one may be its dealer's doing

constexpr MaskSign opposite(MaskSign sign) { return sign == MaskSign::add ? MaskSign::subtract : MaskSign::add; }

// How many masks that come from this secret are still in the sum.
std::size_t masks_left(const RevealedSecret& revealed) { return revealed.kind == SecretKind::self_mask ? 1 : revealed.surviving_neighbours.size(); }

tl::unexpected<UnmaskingFailure> stopped() { return tl::unexpected<UnmaskingFailure>(UnmaskingFailure{.why = "unmasking was stopped", .dealers = {}}); }

}  // namespace

Unmasking::Unmasking(UnmaskingContext context, std::vector<RevealedSecret> secrets, RingVector masked_sum)
    : context_(context), secrets_(std::move(secrets)), sum_(std::move(masked_sum)) {}

std::size_t Unmasking::mask_count() const {
  std::size_t count = 0;
  for (const RevealedSecret& secret : secrets_) count += masks_left(secret);
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

// As it is to be applied to the sum.
Mask Unmasking::mask_of(const RevealedSecret& revealed, const SecretScalar& secret, std::size_t neighbour) const {
  if (revealed.kind == SecretKind::self_mask) {
    Mask mask = self_mask(secret, revealed.dealer.id, context_.session);
    mask.sign = opposite(mask.sign);
    return mask;
  }
  // The neighbour applied the opposite of what the dealer would have: the dealer's own sign takes it off.
  Result<Mask> mask = pair_mask(secret, revealed.dealer, revealed.surviving_neighbours[neighbour], context_.session);
  FEDSPEND_CHECK(mask.has_value(), "a secret that is not 0, as its point is not the identity");
  return std::move(*mask);
}

std::vector<Unmasking::Opened> Unmasking::open_all(Executor& executor, const std::stop_token& stop) const {
  std::vector<Opened> opened(secrets_.size());
  const std::size_t parts = std::min<std::size_t>(secrets_.size(), std::size_t{executor.width()} * kPartsPerThread);
  executor.for_each(parts, [&](std::size_t part) {
    ShareCombiner combiner(context_.degree, context_.threshold);
    Suspicion suspicion;
    for (std::size_t i = part; i < secrets_.size() && !stop.stop_requested(); i += parts) opened[i] = open(secrets_[i], combiner, suspicion);
  });
  return opened;
}

// One by one over the threads: those of a client that dropped out are a Diffie-Hellman each, those of a survivor next to nothing.
std::vector<Mask> Unmasking::masks_of(const std::vector<Opened>& opened, Executor& executor, const std::stop_token& stop) const {
  struct Place {
    std::size_t secret;
    std::size_t neighbour;
  };
  std::vector<Place> places;
  for (std::size_t i = 0; i < secrets_.size(); ++i) {
    for (std::size_t j = 0; j < masks_left(secrets_[i]); ++j) places.push_back({i, j});
  }
  std::vector<Mask> masks(places.size());
  executor.for_each(places.size(), [&](std::size_t i) {
    if (stop.stop_requested()) return;
    masks[i] = mask_of(secrets_[places[i].secret], opened[places[i].secret].secret, places[i].neighbour);
  });
  return masks;
}

tl::expected<UnmaskedSum, UnmaskingFailure> Unmasking::run(Executor& executor, const std::stop_token& stop) {
  const std::vector<Opened> opened = open_all(executor, stop);
  if (stop.stop_requested()) return stopped();  // some secrets are not there
  UnmaskingFailure failure;
  UnmaskedSum result{std::move(sum_), {}};
  for (std::size_t i = 0; i < secrets_.size(); ++i) {
    if (opened[i].failed) failure.dealers.push_back(secrets_[i].dealer.id);
    result.wrong_holders.insert(result.wrong_holders.end(), opened[i].wrong_holders.begin(), opened[i].wrong_holders.end());
  }
  if (!failure.dealers.empty()) {
    std::ranges::sort(failure.dealers);
    failure.why = std::to_string(failure.dealers.size()) + " of the secrets are not what their owners committed to";
    return tl::unexpected<UnmaskingFailure>(std::move(failure));
  }
  std::ranges::sort(result.wrong_holders);
  result.wrong_holders.erase(std::unique(result.wrong_holders.begin(), result.wrong_holders.end()), result.wrong_holders.end());

  const std::vector<Mask> masks = masks_of(opened, executor, stop);
  const std::span<std::uint32_t> values = result.sum.mutable_values();
  const std::vector<WordRange> ranges = split_words_for(values.size(), executor.width());
  executor.for_each(ranges.size(), [&](std::size_t i) {
    if (stop.stop_requested()) return;
    apply_masks(masks, result.sum.bits(), ranges[i].first, values.subspan(ranges[i].first, ranges[i].count));
  });
  if (stop.stop_requested()) return stopped();
  return result;
}

}  // namespace fedspend
