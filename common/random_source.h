#pragma once
// Randomness comes from outside, like time. In programs it is libsodium's generator (common/crypto/random.h); in tests and
// in the simulator a seeded ChaCha20 stream, so that a run can be repeated. Not thread-safe unless an implementation says so.

#include <cstdint>

#include "common/bytes.h"
#include "common/check.h"

namespace fedspend {

class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(MutableByteSpan out) = 0;

  std::uint64_t next_u64() {
    std::uint8_t bytes[8];
    fill(bytes);
    return load_u64(bytes);
  }
  // Uniform in [0, bound), bound > 0, by rejection (no modulo bias).
  std::uint64_t below(std::uint64_t bound) {
    FEDSPEND_CHECK(bound > 0, "a bound above 0");
    const std::uint64_t reject_under = (0 - bound) % bound;  // 2^64 mod bound
    for (;;) {
      const std::uint64_t value = next_u64();
      if (value >= reject_under) return value % bound;
    }
  }
};

}  // namespace fedspend
