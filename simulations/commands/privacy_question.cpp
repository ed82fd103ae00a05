#include "simulations/commands/privacy_question.h"

#include <algorithm>
#include <cmath>

#include "common/privacy/directed_rounding.h"
#include "common/privacy/discrete_gaussian_rdp.h"
#include "common/privacy/distributed_gaussian.h"
#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/privacy_loss_distribution.h"
#include "common/privacy/sampled_gaussian_rdp.h"
#include "common/privacy/zcdp.h"
#include "common/secagg/parameters.h"
#include "simulations/commands/parts_per_million.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;

constexpr std::int64_t kMostSteps = 1'000'000'000;

Result<Mechanism> mechanism_of(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string name, arguments.text("mechanism"));
  if (name == "gaussian") return Mechanism::gaussian;
  if (name == "discrete-gaussian") return Mechanism::discrete_gaussian;
  return fail(ErrorCode::invalid_argument, "--mechanism '" + name + "' is neither gaussian nor discrete-gaussian",
              "gaussian: noise of the coordinator; discrete-gaussian: the devices' shares of noise under secure aggregation");
}

Result<Accountant> accountant_of(const Arguments& arguments, Mechanism mechanism) {
  const auto name = arguments.optional_text("accountant");
  if (!name) return mechanism == Mechanism::gaussian ? Accountant::pld : Accountant::rdp;
  for (const Accountant accountant : {Accountant::rdp, Accountant::pld, Accountant::zcdp})
    if (*name == to_string(accountant)) return accountant;
  return fail(ErrorCode::invalid_argument, "--accountant '" + *name + "' is none of rdp, pld, zcdp", "pld is the tightest for gaussian, rdp for discrete-gaussian");
}

Status check_combination(const PrivacyQuestion& question) {
  const bool discrete = question.mechanism == Mechanism::discrete_gaussian;
  if (question.sampling_rate && question.max_participations)
    return fail(ErrorCode::invalid_argument, "--sampling-rate and --max-participations exclude each other",
                "a rate is for simulations that draw every client anew each round, a cap for devices that come as they please: give one of them");
  if (discrete && question.accountant == Accountant::pld)
    return fail(ErrorCode::refused, "--accountant pld with discrete-gaussian: no dominating pair is proven for sums of discrete Gaussians in many dimensions",
                "--accountant rdp is proven, and zcdp");
  if (discrete && question.sampling_rate)
    return fail(ErrorCode::refused, "--sampling-rate with discrete-gaussian: who takes part in a masked sum is known, so sampling amplifies nothing",
                "leave it out, or cap with --max-participations");
  if (question.sampling_rate && question.accountant == Accountant::zcdp)
    return fail(ErrorCode::refused, "--accountant zcdp with --sampling-rate: zCDP is not amplified by sampling", "--accountant pld or rdp");
  return {};
}

// Which only the distributed mechanism has.
Result<DistributedRound> distributed_round(const Arguments& arguments, Mechanism mechanism) {
  DistributedRound round;
  for (const char* name : {"clients", "dimension", "bits", "clip", "corrupt", "dropout"})
    if (mechanism == Mechanism::gaussian && arguments.has(name))
      return fail(ErrorCode::invalid_argument, "--" + std::string(name) + " is nothing that the central Gaussian depends on", "leave it out, or ask for --mechanism discrete-gaussian");
  if (arguments.has("clients")) {
    FEDSPEND_ASSIGN(const std::int64_t clients, arguments.integer("clients", kMinSecureClients, kMaxSecureClients, "1000"));
    round.clients = static_cast<std::uint32_t>(clients);
  }
  if (arguments.has("dimension")) {
    FEDSPEND_ASSIGN(const std::int64_t dimension, arguments.integer("dimension", 1, std::int64_t{1} << 24, "100000"));
    round.dimension = static_cast<std::uint64_t>(dimension);
  }
  if (arguments.has("bits")) {
    FEDSPEND_ASSIGN(const std::int64_t bits, arguments.integer("bits", 2, 32, "20"));
    round.bits = static_cast<unsigned>(bits);
  }
  if (arguments.has("clip")) {
    FEDSPEND_ASSIGN(round.clip_norm_l2, arguments.number("clip", 1e-6, 1e6, "1"));
  }
  if (arguments.has("corrupt")) {
    FEDSPEND_ASSIGN(round.corrupt_ppm, parts_per_million(arguments, "corrupt"));
  }
  if (arguments.has("dropout")) {
    FEDSPEND_ASSIGN(round.dropout_ppm, parts_per_million(arguments, "dropout"));
  }
  return round;
}

// n_h of PRIVACY.md: of a quorum's signers so many are honest, and each of their shares is in the sum.
Result<std::uint32_t> honest_shares(const DistributedRound& round) {
  const SecurityGoal goal{.clients = round.clients, .corrupt_ppm = round.corrupt_ppm, .dropout_ppm = round.dropout_ppm};
  FEDSPEND_ASSIGN(const std::uint32_t quorum, quorum_size(goal, 1));
  return quorum - goal.corrupt();
}

// Running out of tries in the conditional rounding has a chance below this, for each release (PRIVACY.md, step 3).
constexpr double kRoundingFailure = 1e-21;

struct DiscreteRound {
  DistributedGaussian chosen;
  DiscreteGaussianSum sum;
  double delta = 0;  // that is left for the conversion
};

Result<DiscreteRound> discrete_round(const PrivacyQuestion& question, double z) {
  const DistributedRound& round = question.round;
  FEDSPEND_ASSIGN(const std::uint32_t honest, honest_shares(round));
  DiscreteRound of;
  FEDSPEND_ASSIGN(of.chosen,
                  choose_distributed_gaussian({.clients = round.clients, .length = round.dimension, .clip_norm_l2 = round.clip_norm_l2, .noise_multiplier = z, .bits = round.bits, .honest_shares = honest}));
  of.sum = released_sum(of.chosen);
  FEDSPEND_TRY(check(of.sum));
  of.delta = question.delta - static_cast<double>(question.compositions()) * kRoundingFailure * (1 + 1e-9);
  if (!(of.delta > 0))
    return fail(ErrorCode::refused, "--delta is not above the chance that rounding fails, 1e-21 for each of " + std::to_string(question.compositions()) + " releases");
  return of;
}

double epsilon_of(const DiscreteRound& of, const PrivacyQuestion& question) {
  if (question.accountant == Accountant::zcdp) return zcdp_epsilon(multiply_up(discrete_gaussian_zcdp(of.sum), static_cast<double>(question.compositions())), of.delta).epsilon;
  return rdp_epsilon(discrete_gaussian_rdp_curve(of.sum).times(question.compositions()), of.delta).epsilon;
}

Result<PrivacyAnswer> by_discrete_gaussian(const PrivacyQuestion& question, double z) {
  FEDSPEND_ASSIGN(const DiscreteRound of, discrete_round(question, z));
  const DistributedRound& round = question.round;
  const auto& [chosen, sum, delta] = of;
  const auto compositions = static_cast<double>(question.compositions());
  PrivacyAnswer answer{.details = {{"clients", round.clients}, {"dimension", round.dimension}, {"padded_dimension", chosen.dimension}, {"bits", round.bits}, {"clip", round.clip_norm_l2},
                                   {"honest_shares", chosen.goal.honest_shares}, {"scale", chosen.scale}, {"share_stddev_ring", std::sqrt(sum.share_variance)}, {"sensitivity_l2_ring", sum.sensitivity_l2},
                                   {"tau", discrete_gaussian_tau(sum.clients, sum.share_variance)}, {"expected_wraps", chosen.expected_wraps}}};
  const double rho = multiply_up(discrete_gaussian_zcdp(sum), compositions);
  answer.details["rho"] = rho;
  if (question.accountant == Accountant::zcdp) {
    const ZcdpEpsilon found = zcdp_epsilon(rho, delta);
    answer.epsilon = found.epsilon;
    answer.details["order"] = found.order;
  } else {
    const RdpEpsilon found = rdp_epsilon(discrete_gaussian_rdp_curve(sum).times(question.compositions()), delta);
    answer.epsilon = found.epsilon;
    answer.details["order"] = found.order;
  }
  return answer;
}

Result<PldBound> pld(const PrivacyQuestion& question, double z, PldGrid grid) {
  const SampledGaussianSteps steps{.noise_multiplier = z, .sampling_rate = question.sampling_rate.value_or(1), .steps = question.compositions()};
  return pld_epsilon({&steps, 1}, question.delta, grid);
}

Result<PrivacyAnswer> by_pld(const PrivacyQuestion& question, double z) {
  FEDSPEND_ASSIGN(const PldBound bound, pld(question, z, PldGrid::fine));
  return PrivacyAnswer{bound.value, {{"epsilon_error", bound.error}}};
}

Result<PrivacyAnswer> by_rdp(const PrivacyQuestion& question, double z) {
  if (!question.sampling_rate) {
    const RdpEpsilon found = gaussian_rdp_epsilon(z, question.compositions(), question.delta);
    return PrivacyAnswer{found.epsilon, {{"order", found.order}, {"rho", multiply_up(gaussian_zcdp(z), static_cast<double>(question.compositions()))}}};
  }
  const RdpEpsilon found = rdp_epsilon(sampled_gaussian_rdp_curve(z, *question.sampling_rate).times(question.steps), question.delta);
  return PrivacyAnswer{found.epsilon, {{"order", found.order}}};
}

PrivacyAnswer by_zcdp(const PrivacyQuestion& question, double rho_of_one) {
  const double rho = multiply_up(rho_of_one, static_cast<double>(question.compositions()));
  const ZcdpEpsilon found = zcdp_epsilon(rho, question.delta);
  return {found.epsilon, {{"order", found.order}, {"rho", rho}}};
}

}  // namespace

std::uint64_t PrivacyQuestion::compositions() const { return max_participations.value_or(steps); }

std::string to_string(Mechanism mechanism) { return mechanism == Mechanism::gaussian ? "gaussian" : "discrete-gaussian"; }

std::string to_string(Accountant accountant) { return accountant == Accountant::rdp ? "rdp" : accountant == Accountant::pld ? "pld" : "zcdp"; }

std::string guarantee_of(const PrivacyQuestion& question) {
  if (question.sampling_rate)
    return "each client against one that is left out, drawn into every step with chance q, independently and in secret (Poisson sampling)";
  const std::string whom = "each client against one whose contributions are zero (who takes part may be known), not amplified by sampling, for ";
  if (question.max_participations) return whom + "devices that contribute to at most " + std::to_string(question.compositions()) + " of the sums, those of failed rounds counted, which they enforce";
  return whom + "clients that contribute to every step";
}

std::vector<program::Option> privacy_options() {
  return {{.name = "mechanism", .value_name = "M", .help = "gaussian, or discrete-gaussian: shares of noise under secure aggregation", .default_text = "gaussian"},
          {.name = "steps", .value_name = "T", .help = "rounds that are released", .required = true},
          {.name = "sampling-rate", .value_name = "Q", .help = "Poisson sampling of clients, only where a simulation draws them so; gaussian alone"},
          {.name = "max-participations", .value_name = "P", .help = "cap that each device enforces: P compositions, also where P is above T, since the sum of a round that failed is charged, too; without Q and P all T steps count"},
          {.name = "delta", .value_name = "D", .help = "of the (epsilon, delta) guarantee", .required = true},
          {.name = "accountant", .value_name = "A", .help = "rdp, pld or zcdp; by default pld for gaussian, rdp for discrete-gaussian"},
          {.name = "clients", .value_name = "N", .help = "discrete-gaussian: clients on the roster; by default 1000"},
          {.name = "dimension", .value_name = "D", .help = "discrete-gaussian: parameters of the model; by default 100000"},
          {.name = "bits", .value_name = "B", .help = "discrete-gaussian: bits of the ring; by default 20"},
          {.name = "clip", .value_name = "C", .help = "discrete-gaussian: L2 norm that updates are clipped to; by default 1"},
          {.name = "corrupt", .value_name = "G", .help = "discrete-gaussian: fraction of clients that collude with the server; by default 0.1"},
          {.name = "dropout", .value_name = "D", .help = "discrete-gaussian: fraction of clients that may be lost; by default 0.1"}};
}

Result<PrivacyQuestion> read_privacy_question(const Arguments& arguments) {
  PrivacyQuestion question;
  FEDSPEND_ASSIGN(question.mechanism, mechanism_of(arguments));
  FEDSPEND_ASSIGN(question.accountant, accountant_of(arguments, question.mechanism));
  FEDSPEND_ASSIGN(const std::int64_t steps, arguments.integer("steps", 1, kMostSteps, "300"));
  question.steps = static_cast<std::uint64_t>(steps);
  if (arguments.has("sampling-rate")) {
    FEDSPEND_ASSIGN(question.sampling_rate, arguments.number("sampling-rate", 1e-12, 1, "0.01"));
  }
  if (arguments.has("max-participations")) {
    FEDSPEND_ASSIGN(const std::int64_t cap, arguments.integer("max-participations", 1, kMostSteps, "10"));
    question.max_participations = static_cast<std::uint64_t>(cap);
  }
  FEDSPEND_ASSIGN(question.delta, arguments.number("delta", 1e-100, 0.999, "1e-6"));
  FEDSPEND_TRY(check_combination(question));
  FEDSPEND_ASSIGN(question.round, distributed_round(arguments, question.mechanism));
  return question;
}

Result<PrivacyAnswer> answer(const PrivacyQuestion& question, double noise_multiplier) {
  if (question.mechanism == Mechanism::discrete_gaussian) return by_discrete_gaussian(question, noise_multiplier);
  if (question.accountant == Accountant::pld) return by_pld(question, noise_multiplier);
  if (question.accountant == Accountant::zcdp) return by_zcdp(question, gaussian_zcdp(noise_multiplier));
  return by_rdp(question, noise_multiplier);
}

Result<double> quickest_epsilon(const PrivacyQuestion& question, double noise_multiplier) {
  PrivacyQuestion quick = question;
  if (question.accountant == Accountant::pld) quick.accountant = Accountant::rdp;
  return quick_epsilon(quick, noise_multiplier);
}

Result<double> quick_epsilon(const PrivacyQuestion& question, double noise_multiplier, PldGrid grid) {
  if (question.accountant == Accountant::pld) {
    FEDSPEND_ASSIGN(const PldBound bound, pld(question, noise_multiplier, grid));
    return bound.value;
  }
  if (question.mechanism == Mechanism::discrete_gaussian) {
    FEDSPEND_ASSIGN(const DiscreteRound of, discrete_round(question, noise_multiplier));
    return epsilon_of(of, question);
  }
  FEDSPEND_ASSIGN(const PrivacyAnswer answered, answer(question, noise_multiplier));
  return answered.epsilon;
}

}  // namespace fedspend::simulations
