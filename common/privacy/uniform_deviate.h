#pragma once
// A uniform real number in (0, 1) of which only as many digits are drawn as somebody asks for: 32 bits at a time, most significant
// first. Comparing two of them is exact, and mostly needs a digit of each. Source: Karney 2016 (1303.6257), section 2 ("u-rands").
//
// Room for 256 bits. Nothing is cut off there: that a comparison needs more has a probability below 2^-220, and it ends the process
// as a source of randomness that is not random. Not thread-safe; holds a secret, wiped by whoever cares for the stack.

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/check.h"
#include "common/crypto/random_bits.h"

namespace fedspend {

class UniformDeviate {
 public:
  // Digits are drawn in order, so that digit i fixes all before it. i < 8.
  std::uint32_t digit(std::size_t i, RandomBits& bits) {
    FEDSPEND_CHECK(i < digits_.size(), "a source of randomness that is random");
    while (drawn_ <= i) digits_[drawn_++] = bits.take(32);
    return digits_[i];
  }

  // this < other. Both may draw.
  bool less(UniformDeviate& other, RandomBits& bits) {
    for (std::size_t i = 0;; ++i) {
      const std::uint32_t a = digit(i, bits), b = other.digit(i, bits);
      if (a != b) return a < b;
    }
  }

 private:
  std::array<std::uint32_t, 8> digits_;  // the first drawn_ are set
  std::size_t drawn_ = 0;
};

}  // namespace fedspend
