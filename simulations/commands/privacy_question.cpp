#include "simulations/commands/privacy_question.h"

#include <algorithm>
#include <cmath>

#include "common/privacy/directed_rounding.h"
#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/privacy_loss_distribution.h"
#include "common/privacy/sampled_gaussian_rdp.h"
#include "common/privacy/zcdp.h"

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

Result<PrivacyAnswer> by_pld(const PrivacyQuestion& question, double z) {
  const SampledGaussianSteps steps{.noise_multiplier = z, .sampling_rate = question.sampling_rate.value_or(1), .steps = question.compositions()};
  FEDSPEND_ASSIGN(const PldBound bound, pld_epsilon({&steps, 1}, question.delta));
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

std::uint64_t PrivacyQuestion::compositions() const { return max_participations ? std::min(*max_participations, steps) : steps; }

std::string to_string(Mechanism mechanism) { return mechanism == Mechanism::gaussian ? "gaussian" : "discrete-gaussian"; }

std::string to_string(Accountant accountant) { return accountant == Accountant::rdp ? "rdp" : accountant == Accountant::pld ? "pld" : "zcdp"; }

std::string guarantee_of(const PrivacyQuestion& question) {
  if (question.sampling_rate)
    return "each client against one that is left out, drawn into every step with chance q, independently and in secret (Poisson sampling)";
  const std::string whom = "each client against one whose contributions are zero (who takes part may be known), not amplified by sampling, for ";
  if (question.max_participations) return whom + "devices that contribute to at most " + std::to_string(question.compositions()) + " of the steps, which they enforce";
  return whom + "clients that contribute to every step";
}

std::vector<program::Option> privacy_options() {
  return {{.name = "mechanism", .value_name = "M", .help = "gaussian, or discrete-gaussian: shares of noise under secure aggregation", .default_text = "gaussian"},
          {.name = "steps", .value_name = "T", .help = "rounds that are released", .required = true},
          {.name = "sampling-rate", .value_name = "Q", .help = "Poisson sampling of clients, only where a simulation draws them so; gaussian alone"},
          {.name = "max-participations", .value_name = "P", .help = "cap that each device enforces: min(P, T) compositions; without Q and P all T steps count"},
          {.name = "delta", .value_name = "D", .help = "of the (epsilon, delta) guarantee", .required = true},
          {.name = "accountant", .value_name = "A", .help = "rdp, pld or zcdp; by default pld for gaussian, rdp for discrete-gaussian"}};
}

Result<PrivacyQuestion> read_privacy_question(const Arguments& arguments) {
  PrivacyQuestion question;
  FEDSPEND_ASSIGN(question.mechanism, mechanism_of(arguments));
  FEDSPEND_ASSIGN(question.accountant, accountant_of(arguments, question.mechanism));
  FEDSPEND_ASSIGN(const std::int64_t steps, arguments.integer("steps", 1, kMostSteps));
  question.steps = static_cast<std::uint64_t>(steps);
  if (arguments.has("sampling-rate")) {
    FEDSPEND_ASSIGN(question.sampling_rate, arguments.number("sampling-rate", 1e-12, 1));
  }
  if (arguments.has("max-participations")) {
    FEDSPEND_ASSIGN(const std::int64_t cap, arguments.integer("max-participations", 1, kMostSteps));
    question.max_participations = static_cast<std::uint64_t>(cap);
  }
  FEDSPEND_ASSIGN(question.delta, arguments.number("delta", 1e-100, 0.999));
  FEDSPEND_TRY(check_combination(question));
  return question;
}

Result<PrivacyAnswer> answer(const PrivacyQuestion& question, double noise_multiplier) {
  if (question.accountant == Accountant::pld) return by_pld(question, noise_multiplier);
  if (question.accountant == Accountant::zcdp) return by_zcdp(question, gaussian_zcdp(noise_multiplier));
  return by_rdp(question, noise_multiplier);
}

}  // namespace fedspend::simulations
