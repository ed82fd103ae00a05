#include "models/initial_weights.h"

#include <algorithm>

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend::models {

void draw_weights(std::span<float> weights, const Trainer& trainer, std::uint64_t seed, const std::function<double(const LayoutEntry&)>& half_width) {
  FEDSPEND_CHECK(weights.size() == trainer.parameter_count(), "weights have parameter_count() floats");
  SeededRandom random(seed);
  std::ranges::fill(weights, 0.0f);
  for (const LayoutEntry& entry : trainer.layout()) {
    const double half = half_width(entry);
    if (!(half > 0)) continue;
    std::size_t count = 1;
    for (const std::size_t n : entry.shape) count *= n;
    for (float& weight : weights.subspan(entry.offset, count)) {
      const double unit = static_cast<double>(random.next_u64() >> 11) * 0x1p-53;
      weight = static_cast<float>((2 * unit - 1) * half);
    }
  }
}

}  // namespace fedspend::models
