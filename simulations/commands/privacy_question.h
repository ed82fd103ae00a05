#pragma once
// What `fedspend-sim privacy` and `calibrate` ask an accountant: a mechanism, how often and how it is used, a delta. Read from options,
// answered for a noise multiplier. A combination that no accountant proves is refused.

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "common/privacy/privacy_loss_distribution.h"
#include "common/program/program.h"

namespace fedspend::simulations {

enum class Mechanism { gaussian, discrete_gaussian };
enum class Accountant { rdp, pld, zcdp };

// Of the distributed mechanism: what decides the noise that surely is in a sum.
struct DistributedRound {
  std::uint32_t clients = 1'000;
  std::uint64_t dimension = 100'000;  // parameters of the model
  unsigned bits = 20;                 // of the ring
  double clip_norm_l2 = 1;
  std::uint32_t corrupt_ppm = 100'000, dropout_ppm = 100'000;
};

struct PrivacyQuestion {
  Mechanism mechanism = Mechanism::gaussian;
  Accountant accountant = Accountant::pld;
  std::uint64_t steps = 1;
  std::optional<double> sampling_rate;             // Poisson, where given
  std::optional<std::uint64_t> max_participations; // of one device, which it enforces
  double delta = 0;
  DistributedRound round;                          // of discrete_gaussian alone

  // Sums that one device's contribution can be in: its cap, not the lesser of cap and steps, because a failed round's sum is charged and the round tried again.
  std::uint64_t compositions() const;
};

struct PrivacyAnswer {
  double epsilon = 0;
  nlohmann::json details = nlohmann::json::object();  // what else the accountant says, by name
};

// The options of both commands but --noise-multiplier and --epsilon.
std::vector<program::Option> privacy_options();
// invalid_argument or refused, in one line with what would work.
Result<PrivacyQuestion> read_privacy_question(const program::Arguments& arguments);
Result<PrivacyAnswer> answer(const PrivacyQuestion& question, double noise_multiplier);
// The epsilon of the same, or by PLD one that is quicker to have, at most a little off: for a search.
Result<double> quick_epsilon(const PrivacyQuestion& question, double noise_multiplier, PldGrid grid = PldGrid::coarse);
// An epsilon of the same, as a rule at least as large, by whichever accountant is quickest: for asking often whether there is an answer at all.
Result<double> quickest_epsilon(const PrivacyQuestion& question, double noise_multiplier);

std::string to_string(Mechanism mechanism);
std::string to_string(Accountant accountant);
// Whom the figure protects against what, and on which conditions: a sentence or two.
std::string guarantee_of(const PrivacyQuestion& question);

}  // namespace fedspend::simulations
