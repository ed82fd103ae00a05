#pragma once
// What one training run proves about epsilon: of m canaries each was in with probability 1/2, an auditor who sees what was released made r
// guesses and v of them were right. Under (epsilon, delta)-DP
//   P[at least v right] <= f(v) + 2 m delta max over i = 1 ... m of (f(v - i) - f(v)) / i,   f(v) = P[Binomial(r, e^eps / (e^eps + 1)) >= v].
// Source: Steinke, Nasr, Jagielski 2023 (2305.08846), Theorem 5.2; its Appendix D computes the same. Guesses and abstentions may depend on
// all that was released, but r may not be chosen after looking at which guesses were right. Pure.

#include <cstdint>

namespace fedspend::simulations {

struct OneRunGuesses {
  std::uint64_t canaries = 0;  // m
  std::uint64_t guesses = 0;   // r, at most m
  std::uint64_t correct = 0;   // v, at most r
};

// The bound above, at most 1. epsilon >= 0, 0 <= delta <= 1 (a programmer's mistake otherwise).
double one_run_p_value(const OneRunGuesses& guesses, double epsilon, double delta);

// The largest epsilon that is refuted at this confidence (0 < confidence < 1): the mechanism is not (epsilon', delta)-DP for any smaller one.
// 0 where nothing is; rounded down to 1e-9.
double one_run_epsilon(const OneRunGuesses& guesses, double delta, double confidence);

}  // namespace fedspend::simulations
