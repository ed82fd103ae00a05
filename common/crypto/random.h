#pragma once
// The two sources of randomness. SystemRandom is libsodium's generator: the only one for keys, nonces and noise in a program.
// SeededRandom is a ChaCha20 stream from a 32-byte key: repeatable, for tests, simulations and training order (which is public).
//
// SeededRandom byte for byte. Byte i of the stream is byte i mod 64 of block number n = floor(i / 64), a 64-bit number. That
// block is the ChaCha20 block function of RFC 8439, section 2.3, with
//   key              the 32 bytes
//   block counter    n mod 2^32
//   nonce, 12 bytes  u32 little-endian floor(n / 2^32), then 8 zero bytes
// that is, the original ChaCha20 with a 64-bit counter and a zero nonce. Calls of fill() take bytes from the stream in order and
// skip none, however the calls are cut. SeededRandom(seed) has the key H("seed", u64 seed) of common/crypto/hash.h.
// RandomSource::next_u64 takes eight bytes, little-endian. Test vectors: tests/vectors/seeded_random.txt.

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
  void seek_block(std::uint64_t block);  // the next byte is the first of this 64-byte block

 private:
  void next_blocks(MutableByteSpan out);  // a whole number of 64-byte blocks
  std::array<std::uint8_t, 32> key_;
  std::array<std::uint8_t, 1024> buffer_{};
  std::size_t used_ = 1024;         // bytes of buffer_ already handed out
  std::uint64_t next_block_ = 0;    // the first block that is neither handed out nor in buffer_
};

}  // namespace fedspend
