#pragma once
// Shamir sharing of ristretto255 scalars over small coordinates (SECAGG.md, "Share coordinates"): the shares of a secret are the
// values at x = 1 ... k of a polynomial of degree below t whose constant term is the secret and whose other coefficients are
// random. Any t shares give the secret, t - 1 say nothing about it. No share is at 0, and there is none for oneself.
//
// Reconstruction uses all m >= t shares that arrived. With M the missing places of 1 ... k, Lagrange's coefficient at zero of place j is
//   prod over present l != j of l / (l - j)  =  (-1)^(j-1) binomial(k, j) * prod over M of (l - j)  *  prod over M of 1 / l
// whose first factor depends on k alone, whose second is a product of a few small integers, and whose third is the same for
// every j, so that it is multiplied into the sum. Weights are kept for the sets M that came up, since clients that miss the same
// places share them; with nobody missing that is all of them.
// Source: Shamir 1979; the arithmetic is common/crypto/scalar_field.h. Test vectors: tests/vectors/shamir.txt.

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "common/crypto/scalar.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

inline constexpr std::uint32_t kMaxShares = 4'096;  // k

// Row x - 1 is the share at x = 1 ... count. 1 <= threshold <= count <= kMaxShares (a programmer's mistake otherwise). Constant
// time in secret and coefficients, which are wiped. Thread-safe as `random` is. About 10 ns * count * threshold.
ScalarRows deal_shares(const SecretScalar& secret, std::uint32_t threshold, std::uint32_t count, RandomSource& random);

// 1 / i modulo the group order for i = 1 ... count, by a single inversion. Thread-safe once made.
class SmallInverses {
 public:
  explicit SmallInverses(std::uint32_t count);
  const Scalar& of(std::uint32_t i) const;  // 1 ... count

 private:
  std::vector<Scalar> inverses_;
};

struct CorrectedSecret {
  SecretScalar secret;
  std::vector<std::uint32_t> wrong;  // coordinates of the shares that are not on the polynomial, rising
};

// One per thread. Of the arguments: places rise and are 1 ... k, one row of `shares` for each (a programmer's mistake otherwise:
// the aggregator takes them from its own graph).
class ShareCombiner {
 public:
  ShareCombiner(std::uint32_t count, std::uint32_t threshold);  // k, t: 1 <= t <= k <= kMaxShares

  // The value at 0 of the polynomial through all the shares. refused: fewer than t of them (case 10). One wrong share among them
  // makes it some other scalar, so the caller holds the result against R or K (case 24). Constant time in the shares.
  Result<SecretScalar> combine(std::span<const std::uint32_t> places, const ScalarRows& shares);

  // The secret although up to (m - t) / 2 of the m shares are wrong, and which those are. refused: fewer than t shares, or no
  // polynomial of degree below t is that near. Slow (about 0.3 us * m^2), and its time depends on the shares: for the party that
  // learns the secret anyway, once combine() has failed its check.
  Result<CorrectedSecret> correct(std::span<const std::uint32_t> places, const ScalarRows& shares) const;

 private:
  struct Weights {
    Bytes rows;     // 32 bytes for each place that is present
    Scalar factor;  // of the whole sum
  };
  const Weights& weights_for(std::span<const std::uint32_t> places);
  Weights compute_weights(std::span<const std::uint32_t> places, const std::vector<std::uint32_t>& missing) const;
  void check(std::span<const std::uint32_t> places, const ScalarRows& shares) const;

  std::uint32_t count_;
  std::uint32_t threshold_;
  SmallInverses inverses_;
  std::vector<Scalar> positive_;  // (-1)^(j-1) binomial(k, j), j = 1 ... k
  std::vector<Scalar> negative_;  // the same with the other sign
  std::map<std::vector<std::uint32_t>, Weights> weights_;
};

}  // namespace fedspend
