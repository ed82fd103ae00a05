#pragma once
// Between clipped real updates and integers mod 2^b: x -> round(s x) mod 2^b, with s = m / c and m = floor((2^(b-1) - 1) / n)
// the most that one client may add to a coordinate. With an L2 norm of at most c every coordinate is at most c, so each encoded
// one is at most m (less where room is reserved for noise) and a sum over n clients cannot wrap (2^b > 2 n max|x|, SECAGG.md). m is a whole number because rounding to
// nearest could otherwise carry a coordinate past its part: (2^3 - 1) / 4 = 1.75 would become 2, and four of them wrap.
// Rounding is to nearest, ties to even, and so the same on every device; the stochastic rounding of distributed privacy is
// another step (PRIVACY.md). Thread-safe once made.

#include <cstdint>
#include <span>
#include <vector>

#include "common/numeric/ring_vector.h"
#include "common/result.h"

namespace fedspend {

struct QuantizerOptions {
  double clip_norm_l2 = 0;       // c > 0
  unsigned bits = 0;             // b, 2 ... 32
  std::uint64_t max_clients = 0; // n >= 1: the most vectors that will ever be in one sum
  // What the ring keeps free beside such a sum, for noise that is added in it: clip norms, and ring units. Not below 0.
  double reserved_clip_norms = 0;
  double reserved_units = 0;
};

class Quantizer {
 public:
  // Refuses parameters whose sum could wrap or whose step would not be below c (that is (2^(b-1) - 1) / n < 1).
  static Result<Quantizer> create(const QuantizerOptions& options);

  double scale() const { return scale_; }  // s, units: ring steps per 1.0
  // |update|_2 <= c (1 + 1e-6); every value finite. Both are checked: invalid_argument otherwise. A coordinate between c and
  // that tolerance counts as c.
  Result<RingVector> encode(std::span<const float> update) const;
  // Centred sum / (s * divisor). divisor >= 1. For a sum of at most n encoded vectors each coordinate is within
  // (vectors) / (2 s divisor) of the sum of what was encoded over the divisor, and float rounding.
  std::vector<float> decode_mean(const RingVector& sum, std::uint64_t divisor) const;

 private:
  explicit Quantizer(const QuantizerOptions& options, double scale) : options_(options), scale_(scale) {}
  QuantizerOptions options_;
  double scale_;
};

}  // namespace fedspend
