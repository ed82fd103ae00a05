#pragma once
// Random bits a few at a time, for samplers that need two here and sixteen there: a RandomSource read in blocks of 1 KiB. What is left
// in the buffer is wiped at the end. The bits are those of the source, in order: the bytes as little-endian 32-bit words, each
// from its least significant bit. Borrows the source, which must outlive it. Not thread-safe.

#include <array>
#include <cstdint>

#include "common/bytes.h"
#include "common/crypto/secret.h"
#include "common/random_source.h"

namespace fedspend {

class RandomBits {
 public:
  explicit RandomBits(RandomSource& source) : source_(source) {}
  ~RandomBits() {
    wipe(buffer_);
    wipe(MutableByteSpan(reinterpret_cast<std::uint8_t*>(&pool_), sizeof pool_));
  }
  RandomBits(const RandomBits&) = delete;
  RandomBits& operator=(const RandomBits&) = delete;

  // A uniform number below 2^count, 1 <= count <= 32.
  std::uint32_t take(unsigned count) {
    if (available_ < count) {
      if (used_ == buffer_.size()) {
        source_.fill(buffer_);
        used_ = 0;
      }
      // Written out, since a call of load_u32 took a tenth of a sampler's time.
      const std::uint8_t* at = buffer_.data() + used_;
      const std::uint32_t word = at[0] | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16 | std::uint32_t{at[3]} << 24;
      pool_ |= std::uint64_t{word} << available_;
      used_ += 4;
      available_ += 32;
    }
    const auto taken = static_cast<std::uint32_t>(pool_ & ((std::uint64_t{1} << count) - 1));
    pool_ >>= count;
    available_ -= count;
    return taken;
  }

 private:
  RandomSource& source_;
  std::array<std::uint8_t, 1024> buffer_{};
  std::size_t used_ = 1024;
  std::uint64_t pool_ = 0;  // the next available_ bits, the first one least significant
  unsigned available_ = 0;
};

}  // namespace fedspend
