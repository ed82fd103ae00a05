#pragma once
// Upper bounds of hypergeometric tails, in integer arithmetic alone: a bound is mantissa * 2^exponent with a 64-bit mantissa, and
// every step that rounds rounds up. So a bound is never below the true value, it is above it by less than 1 part in 10^12 for
// populations up to kMaxPopulation, and it is the same bits on every device, which floating-point logarithms would not promise:
// both ends of the protocol compute with it what must come out equal. Thread-safe once made.

#include <cstdint>
#include <vector>

namespace fedspend {

// A number of at least 0, known from above or from below: 0, or mantissa in [2^63, 2^64) times 2^exponent.
struct Scaled {
  std::uint64_t mantissa = 0;
  std::int64_t exponent = 0;

  static Scaled of(std::uint64_t value);
  bool is_at_most(const Scaled& other) const;
  double log2() const;  // for reports alone; -infinity for 0
};
enum class Rounding { up, down };
Scaled multiply(const Scaled& a, const Scaled& b, Rounding rounding);
Scaled divide(const Scaled& a, const Scaled& b, Rounding rounding);  // b is not 0
Scaled add_up(const Scaled& a, const Scaled& b);

class TailBounds {
 public:
  static constexpr std::uint32_t kMaxPopulation = 100'000;
  explicit TailBounds(std::uint32_t population);  // N, 1 ... kMaxPopulation; 32 (N + 1) bytes

  // A bound of P[X >= least], at most 1; X the marked among `drawn` of the N without replacement, `marked` of which are marked. Both at most N.
  Scaled at_least(std::uint32_t least, std::uint32_t marked, std::uint32_t drawn) const;
  // A bound of the chance that all of `drawn` are marked.
  Scaled all(std::uint32_t marked, std::uint32_t drawn) const { return at_least(drawn, marked, drawn); }

 private:
  Scaled sum_from(std::uint32_t least, std::uint32_t marked, std::uint32_t drawn) const;
  Scaled point(std::uint32_t exactly, std::uint32_t marked, std::uint32_t drawn) const;
  std::uint32_t population_;
  std::vector<Scaled> factorial_up_;
  std::vector<Scaled> factorial_down_;
};

}  // namespace fedspend
