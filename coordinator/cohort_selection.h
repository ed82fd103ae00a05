#pragma once
// Who takes part. The choice is uniform among the devices that have checked in, from injected randomness, whatever order they
// came in. A simulation that repeats a recorded federation brings a chooser of its own. One thread.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/ids.h"
#include "common/random_source.h"

namespace fedspend::coordinator {

class CohortChooser {
 public:
  virtual ~CohortChooser() = default;
  // `pool` is sorted and has no repetition. Returns the devices to ask (at least one, all from the pool), or nothing: keep waiting.
  virtual std::optional<std::vector<ClientId>> choose(std::span<const ClientId> pool, std::uint32_t asked, RoundId round) = 0;
  // The nonce of the attempt at this round, where it is to be a certain one; nothing: it is drawn.
  virtual std::optional<std::array<std::uint8_t, 16>> attempt(RoundId) { return std::nullopt; }
};

// Fisher-Yates over the sorted pool, the first min(asked, pool) of it.
class UniformChooser final : public CohortChooser {
 public:
  explicit UniformChooser(RandomSource& random) : random_(random) {}
  std::optional<std::vector<ClientId>> choose(std::span<const ClientId> pool, std::uint32_t asked, RoundId round) override;

 private:
  RandomSource& random_;
};

}  // namespace fedspend::coordinator
