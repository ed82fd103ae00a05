#pragma once
// The two sources of randomness. SystemRandom is libsodium's generator: the only one for keys, nonces and noise in a program.
// SeededRandom is a ChaCha20 stream from a 32-byte key: repeatable, for tests, simulations and training order (which is public).

#include <array>
#include <cstdint>

#include "common/random_source.h"

namespace fedspend {

// Initialises libsodium; call once before anything else in common/crypto. Thread-safe, idempotent; aborts if it cannot.
void initialize_crypto();

class SystemRandom final : public RandomSource {  // thread-safe
 public:
  SystemRandom();
  void fill(MutableByteSpan out) override;
};

class SeededRandom final : public RandomSource {  // one per thread
 public:
  explicit SeededRandom(const std::array<std::uint8_t, 32>& key);
  explicit SeededRandom(std::uint64_t seed);  // key = H("seed", seed)
  void fill(MutableByteSpan out) override;

 private:
  void refill();
  std::array<std::uint8_t, 32> key_;
  std::array<std::uint8_t, 1024> block_{};
  std::size_t used_ = 1024;
  std::uint64_t counter_ = 0;
};

}  // namespace fedspend
