#pragma once
// Exact tails of the binomial distribution, and the confidence bounds that follow from them: what an empirical audit of privacy may say
// after so many runs. Source: Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the
// binomial". Sums of the terms themselves, by the saddle-point form of Loader 2000,
// "Fast and accurate computation of binomial probabilities": good to about 12 digits for up to 10^7 trials. Thread-safe (no state).

#include <cstdint>

namespace fedspend::simulations {

// P[X >= least], X the successes of so many trials with this probability, 0 ... 1. 1 where least is 0, 0 where it is above `trials`.
double binomial_at_least(std::uint64_t trials, std::uint64_t least, double probability);
// P[X = exactly].
double binomial_point(std::uint64_t trials, std::uint64_t exactly, double probability);

// One-sided: the probability of success is below (above) what is returned with probability at most `error`, 0 < error < 1, whatever it is.
// successes <= trials (a programmer's mistake otherwise); without trials 0 and 1.
double lower_confidence(std::uint64_t successes, std::uint64_t trials, double error);
double upper_confidence(std::uint64_t successes, std::uint64_t trials, double error);

}  // namespace fedspend::simulations
