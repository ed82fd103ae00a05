// fedspend-sim privacy and calibrate: what noise costs, and how much of it a budget asks for.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "common/privacy/calibration.h"
#include "common/privacy/figure_text.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/plan_privacy.h"
#include "simulations/commands/privacy_question.h"
#include "simulations/commands/question_proposal.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;
using program::Report;

constexpr double kLeastEpsilon = 1e-6, kMostEpsilon = 1e6;
constexpr double kMostProposedEpsilon = 20;  // above it epsilon says little: exp(20) is half a thousand million
constexpr int kDigits = 7;  // those of a calibrated noise multiplier

// The noise of a device's share is what protects; whatever else an accountant says grows with the loss.
std::string cell_of(const std::string& name, const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_float()) return value.dump();
  return name == "share_stddev_ring" ? least_text(value.get<double>(), kDigits) : bound_text(value.get<double>(), kDigits);
}

// What both commands say: the question, the answer, and whom it protects.
Report report_of(const PrivacyQuestion& question, double noise_multiplier, const PrivacyAnswer& answer) {
  Report report;
  report.data = {{"mechanism", to_string(question.mechanism)},
                 {"accountant", to_string(question.accountant)},
                 {"noise_multiplier", noise_multiplier},
                 {"steps", question.steps},
                 {"compositions", question.compositions()},
                 {"delta", question.delta},
                 {"epsilon", answer.epsilon},
                 {"amplified", question.sampling_rate.has_value()},
                 {"guarantee", guarantee_of(question)}};
  if (question.sampling_rate) report.data["sampling_rate"] = *question.sampling_rate;
  if (question.max_participations) report.data["max_participations"] = *question.max_participations;
  std::vector<std::vector<std::string>> rows{{"quantity", "value"},
                                             {"epsilon, at most", bound_text(answer.epsilon, kDigits)},
                                             {"delta", bound_text(question.delta, kDigits)},
                                             {"noise multiplier", least_text(noise_multiplier, kDigits)},
                                             {"compositions", std::to_string(question.compositions())},
                                             {"mechanism", to_string(question.mechanism)},
                                             {"accountant", to_string(question.accountant)}};
  for (const auto& [name, value] : answer.details.items()) {
    report.data[name] = value;
    std::string spoken = name;
    std::ranges::replace(spoken, '_', ' ');
    rows.push_back({spoken, cell_of(name, value)});
  }
  report.text = program::format_table(rows) + "\nProtects " + guarantee_of(question) + ".\n";
  return report;
}

// What a question needs, and what it may not have beside a plan, which says all of it.
Status check_given(const Arguments& arguments) {
  const bool has_plan = arguments.has("plan");
  if (!has_plan && arguments.has("statement")) return fail(ErrorCode::invalid_argument, "--statement without --plan: it is held against its plan", "--plan plan.toml");
  if (!arguments.has("statement") && arguments.has("statement-text"))
    return fail(ErrorCode::invalid_argument, "--statement-text without --statement: it is held against its figures", "--statement dp-statement.json");
  for (const auto& [name, value_name] : {std::pair("noise-multiplier", "Z"), std::pair("steps", "T"), std::pair("delta", "D")})
    if (!has_plan && !arguments.has(name))
      return fail(ErrorCode::invalid_argument, "--" + std::string(name) + " " + value_name + " is missing", "give it, or a --plan, which says it; see fedspend-sim privacy --help");
  for (const program::Option& option : privacy_options())
    if (has_plan && option.default_text.empty() && arguments.has(option.name)) return fail(ErrorCode::invalid_argument, "--" + option.name + " beside --plan, which says it", "leave one of them out");
  if (has_plan && arguments.has("noise-multiplier")) return fail(ErrorCode::invalid_argument, "--noise-multiplier beside --plan, which says it", "leave one of them out");
  return {};
}

// As the accountant says it, or that nothing is proven.
Result<PrivacyAnswer> finite_answer(const PrivacyQuestion& question, double noise_multiplier) {
  FEDSPEND_ASSIGN(PrivacyAnswer answered, answer(question, noise_multiplier));
  if (!std::isfinite(answered.epsilon)) return fail(ErrorCode::refused, "no finite epsilon is proven for a noise multiplier of " + least_text(noise_multiplier, kDigits));
  return answered;
}

// The refusal with what would be answered. `quickly` is asked often; what it finds is proposed where `accepts`, the very answer, takes it, too.
tl::unexpected<Error> with_proposal(Error refused, const Asked& asked, const AskedNumber& number, const Accepts& quickly, const Accepts& accepts) {
  const Proposal found = options_that_work(asked, number, quickly);
  if (found.asked && accepts(*found.asked)) refused.hint = "try " + found.typed;
  else if (number.none_works) refused.hint = number.none_works;
  return fail(std::move(refused));
}

Result<Report> privacy(const Arguments& arguments) {
  FEDSPEND_TRY(check_given(arguments));
  if (arguments.has("plan")) return privacy_of_plan(arguments);
  FEDSPEND_ASSIGN(const double noise_multiplier, arguments.number("noise-multiplier", kLeastNoiseMultiplier, kMostNoiseMultiplier, "1.1"));
  FEDSPEND_ASSIGN(const PrivacyQuestion question, read_privacy_question(arguments));
  const Result<PrivacyAnswer> answered = finite_answer(question, noise_multiplier);
  if (answered) return report_of(question, noise_multiplier, *answered);
  const auto quickly = [](const Asked& asked) {
    const Result<double> epsilon = quick_epsilon(asked.question, asked.number);
    return epsilon && std::isfinite(*epsilon);
  };
  return with_proposal(answered.error(), {question, noise_multiplier}, {"noise-multiplier", kLeastNoiseMultiplier, kMostNoiseMultiplier}, quickly,
                       [](const Asked& asked) { return finite_answer(asked.question, asked.number).has_value(); });
}

struct Calibrated {
  double noise_multiplier = 0;
  PrivacyAnswer answer;
};

Result<Calibrated> calibrated(const PrivacyQuestion& question, double epsilon) {
  std::map<double, PrivacyAnswer> answers;
  const auto epsilon_of = [&](double noise_multiplier) -> Result<double> {
    FEDSPEND_ASSIGN(PrivacyAnswer answered, answer(question, noise_multiplier));
    return (answers[noise_multiplier] = std::move(answered)).epsilon;
  };
  const auto on = [&](PldGrid grid) { return [&question, grid](double noise_multiplier) { return quick_epsilon(question, noise_multiplier, grid); }; };
  const std::array<EpsilonOf, 3> slow{on(PldGrid::coarse), on(PldGrid::middle), epsilon_of};
  FEDSPEND_ASSIGN(const Calibration found, question.accountant == Accountant::pld ? smallest_noise_multiplier(slow, epsilon) : smallest_noise_multiplier(epsilon_of, epsilon));
  return Calibrated{found.noise_multiplier, answers.at(found.noise_multiplier)};
}

// Quickly, and so nearly always right: of the central Gaussian, whose noise nothing bounds from above, the most noise decides; of the other the most
// that its bits hold, or a half or a quarter of that.
bool can_be_calibrated(const Asked& asked) {
  if (asked.question.mechanism != Mechanism::discrete_gaussian) {
    const Result<double> epsilon = quickest_epsilon(asked.question, kMostNoiseMultiplier);
    return epsilon && *epsilon <= asked.number;
  }
  int held = 0;
  for (double noise_multiplier = 0x1p20; noise_multiplier >= kLeastNoiseMultiplier && held < 3; noise_multiplier /= 2) {
    const Result<double> epsilon = quickest_epsilon(asked.question, std::min(noise_multiplier, kMostNoiseMultiplier));
    if (!epsilon) continue;
    if (*epsilon <= asked.number) return true;
    ++held;
  }
  return false;
}

// As calibrated() says it.
bool is_calibrated(const Asked& asked) {
  if (asked.question.mechanism == Mechanism::discrete_gaussian) return calibrated(asked.question, asked.number).has_value();
  const Result<PrivacyAnswer> most = answer(asked.question, kMostNoiseMultiplier);
  return most && most->epsilon <= asked.number;
}

Result<Report> calibrate(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const double epsilon, arguments.number("epsilon", kLeastEpsilon, kMostEpsilon, "4"));
  FEDSPEND_ASSIGN(const PrivacyQuestion question, read_privacy_question(arguments));
  const Result<Calibrated> found = calibrated(question, epsilon);
  if (!found)
    return with_proposal(found.error(), {question, epsilon}, {"epsilon", kLeastEpsilon, std::max(kMostProposedEpsilon, epsilon), "no epsilon at or below 20 was found that works: fewer steps, a larger delta, or for the distributed mechanism other bits or fewer clients"},
                         can_be_calibrated, is_calibrated);
  Report report = report_of(question, found->noise_multiplier, found->answer);
  report.data["epsilon_wanted"] = epsilon;
  if (epsilon > kMostProposedEpsilon)
    report.text += "warning: an epsilon above 20 bounds next to nothing: what one device did may change the odds of any outcome by more than half a thousand million times\n";
  return report;
}

std::vector<program::Option> with_first(program::Option first) {
  std::vector<program::Option> options = privacy_options();
  options.insert(options.begin(), std::move(first));
  return options;
}

// A plan says what a question needs: so nothing is required by itself (check_given).
std::vector<program::Option> options_of_privacy() {
  std::vector<program::Option> options = with_first({.name = "noise-multiplier", .value_name = "Z", .help = "standard deviation of the noise in the sum over the clip norm"});
  for (program::Option& option : options) option.required = false;
  for (program::Option& option : plan_privacy_options()) options.push_back(std::move(option));
  return options;
}

}  // namespace

program::Command privacy_command() {
  return {.name = "privacy",
          .summary = "epsilon of a noise multiplier, by a choice of accountants; or the figures of a plan's DP statement, and whether a statement follows from it",
          .example = "fedspend-sim privacy --mechanism gaussian --noise-multiplier 1.1 --steps 300 --max-participations 10 --delta 1e-6 --accountant pld",
          .options = options_of_privacy(),
          .positional = "",
          .run = privacy,
          .checks_a_claim = true};
}

program::Command calibrate_command() {
  return {.name = "calibrate",
          .summary = "the smallest noise multiplier that keeps to an epsilon",
          .example = "fedspend-sim calibrate --epsilon 4 --steps 300 --max-participations 10 --delta 1e-6",
          .options = with_first({.name = "epsilon", .value_name = "E", .help = "what may be spent in all", .required = true}),
          .positional = "",
          .run = calibrate};
}

}  // namespace fedspend::simulations
