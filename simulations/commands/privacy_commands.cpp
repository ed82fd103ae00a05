// fedspend-sim privacy and calibrate: what noise costs, and how much of it a budget asks for.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "common/privacy/calibration.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/privacy_question.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;
using program::Report;

std::string written(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.7g", value);
  return text;
}

// As many digits, and never below the value.
std::string written_up(double value) {
  const std::string text = written(value);
  return std::strtod(text.c_str(), nullptr) >= value ? text : written(value * (1 + 1e-6));
}

std::string cell_of(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_float() ? written(value.get<double>()) : value.dump();
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
                                             {"epsilon, at most", written_up(answer.epsilon)},
                                             {"delta", written(question.delta)},
                                             {"noise multiplier", written(noise_multiplier)},
                                             {"compositions", std::to_string(question.compositions())},
                                             {"mechanism", to_string(question.mechanism)},
                                             {"accountant", to_string(question.accountant)}};
  for (const auto& [name, value] : answer.details.items()) {
    report.data[name] = value;
    std::string spoken = name;
    std::ranges::replace(spoken, '_', ' ');
    rows.push_back({spoken, cell_of(value)});
  }
  report.text = program::format_table(rows) + "\nProtects " + guarantee_of(question) + ".\n";
  return report;
}

Result<Report> privacy(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const double noise_multiplier, arguments.number("noise-multiplier", kLeastNoiseMultiplier, kMostNoiseMultiplier));
  FEDSPEND_ASSIGN(const PrivacyQuestion question, read_privacy_question(arguments));
  FEDSPEND_ASSIGN(const PrivacyAnswer answered, answer(question, noise_multiplier));
  if (!std::isfinite(answered.epsilon))
    return fail(ErrorCode::refused, "no finite epsilon is proven for a noise multiplier of " + written(noise_multiplier), "more noise, fewer steps, or another --accountant");
  return report_of(question, noise_multiplier, answered);
}

Result<Report> calibrate(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const double epsilon, arguments.number("epsilon", 1e-6, 1e6));
  FEDSPEND_ASSIGN(const PrivacyQuestion question, read_privacy_question(arguments));
  const auto epsilon_of = [&question](double noise_multiplier) -> Result<double> {
    FEDSPEND_ASSIGN(const PrivacyAnswer answered, answer(question, noise_multiplier));
    return answered.epsilon;
  };
  FEDSPEND_ASSIGN(const Calibration found, smallest_noise_multiplier(epsilon_of, epsilon));
  FEDSPEND_ASSIGN(const PrivacyAnswer answered, answer(question, found.noise_multiplier));
  Report report = report_of(question, found.noise_multiplier, answered);
  report.data["epsilon_wanted"] = epsilon;
  return report;
}

std::vector<program::Option> with_first(program::Option first) {
  std::vector<program::Option> options = privacy_options();
  options.insert(options.begin(), std::move(first));
  return options;
}

}  // namespace

program::Command privacy_command() {
  return {.name = "privacy",
          .summary = "epsilon of a noise multiplier, by a choice of accountants",
          .example = "fedspend-sim privacy --mechanism gaussian --noise-multiplier 1.1 --steps 300 --max-participations 10 --delta 1e-6 --accountant pld",
          .options = with_first({.name = "noise-multiplier", .value_name = "Z", .help = "standard deviation of the noise in the sum over the clip norm", .required = true}),
          .positional = "",
          .run = privacy};
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
