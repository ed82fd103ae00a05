#include "simulations/audit/canaries.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend::simulations {
namespace {

SeededRandom stream(std::string_view label, std::uint64_t seed, std::uint64_t number) {
  return SeededRandom(Hasher(label).u64(seed).u64(number).finish());
}

// For a direction that anybody may know; no noise is made of it.
double normal(RandomSource& random) {
  const auto uniform = [&random] { return (static_cast<double>(random.next_u64() >> 11) + 0.5) * 0x1p-53; };
  const double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

}  // namespace

Canaries::Canaries(const CanaryOptions& options) : options_(options) {
  FEDSPEND_CHECK(options.length > 0, "updates of some length");
  SeededRandom coins = stream("audit-coins", options.seed, 0);
  for (std::size_t i = 0; i < options.count; ++i) included_.push_back(coins.below(2) == 1);
  if (options.kind == CanaryKind::sphere) return;
  FEDSPEND_CHECK(options.count <= options.length, "a coordinate for each canary");
  coordinates_.resize(options.length);
  std::iota(coordinates_.begin(), coordinates_.end(), std::size_t{0});
  SeededRandom places = stream("audit-coordinates", options.seed, 0);
  for (std::size_t i = 0; i < options.count; ++i) std::swap(coordinates_[i], coordinates_[i + places.below(options.length - i)]);
  coordinates_.resize(options.count);
}

std::vector<float> Canaries::direction(std::size_t canary) const {
  FEDSPEND_CHECK(canary < size(), "one of the canaries");
  std::vector<float> values(options_.length);
  if (options_.kind == CanaryKind::dirac) {
    values[coordinates_[canary]] = 1;
    return values;
  }
  SeededRandom random = stream("audit-direction", options_.seed, canary);
  double square = 0;
  for (float& value : values) {
    value = static_cast<float>(normal(random));
    square += static_cast<double>(value) * value;
  }
  const auto factor = static_cast<float>(1 / std::sqrt(square));
  for (float& value : values) value *= factor;
  return values;
}

std::vector<float> Canaries::update(std::size_t canary, std::uint32_t time, double clip_norm_l2) const {
  FEDSPEND_CHECK(clip_norm_l2 > 0, "a clip norm");
  FEDSPEND_CHECK(time < 1U << 16, "an update that is nearly as long as the first");
  if (!is_included(canary)) return std::vector<float>(options_.length);
  std::vector<float> values = direction(canary);
  const auto length = static_cast<float>(clip_norm_l2 * (1 - time * 0x1p-20));
  for (float& value : values) value *= length;
  return values;
}

std::string ClientsWithCanaries::label(std::size_t client) const {
  return is_canary(client) ? "canary of the audit " + std::to_string(client - clients_.size() + 1) : memory_.label(client);
}

std::optional<std::size_t> ClientsWithCanaries::known_rows(std::size_t client) const {
  return is_canary(client) ? std::nullopt : memory_.known_rows(client);
}

std::span<const models::HistoryRow> ClientsWithCanaries::history(std::size_t client, std::vector<models::HistoryRow>& scratch) const {
  if (!is_canary(client)) return memory_.history(client, scratch);
  scratch.clear();
  return scratch;
}

Hash256 ClientsWithCanaries::digest() const { return Hasher("audit-clients").field(memory_.digest()).u64(count_).finish(); }

}  // namespace fedspend::simulations
