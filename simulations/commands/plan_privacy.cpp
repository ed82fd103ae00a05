#include "simulations/commands/plan_privacy.h"

#include <set>
#include <string>
#include <vector>

#include "common/program/files.h"
#include "common/secagg/dp_statement_check.h"
#include "simulations/plans/plan_file.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;
using program::Report;

constexpr std::size_t kMostStatementBytes = 1 << 20;

Result<nlohmann::json> read_statement(const std::string& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMostStatementBytes));
  // A key that comes twice says one thing to who reads the first and another to who reads the last.
  std::vector<std::set<std::string>> keys;
  std::string repeated;
  const auto look = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::object_start) keys.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) keys.pop_back();
    if (event == nlohmann::json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) repeated = parsed.get<std::string>();
    return true;
  };
  nlohmann::json json = nlohmann::json::parse(as_text(bytes), look, false);
  if (json.is_discarded()) return fail(ErrorCode::malformed, path + " is no JSON", "the dp-statement.json of a run or of a coordinator");
  if (!repeated.empty()) return fail(ErrorCode::malformed, path + " has a key twice in one object", "no program of this project writes such a statement");
  return json;
}

nlohmann::json to_json(const StatementCheck& check) {
  nlohmann::json differences = nlohmann::json::array();
  for (const StatementDifference& one : check.differences) differences.push_back({{"where", one.where}, {"stated", one.stated}, {"least", one.least}, {"most", one.most}, {"because", one.because}});
  return {{"compared", check.compared}, {"follows", check.differences.empty()}, {"differences", differences}, {"issuers_word", issuers_word(check.computed.plan)}};
}

// What one.stated would have to be.
std::string possible(const StatementDifference& one) {
  if (one.least == one.most) return one.most.dump();
  return one.most.is_null() ? one.least.dump() + " or more" : one.least.dump() + " to " + one.most.dump();
}

std::string taken_on_trust(const Plan& plan) {
  std::string text = "Its issuer's word, which nobody can compute again: the number of rounds done, ";
  if (plan.privacy.has_noise()) text += "of sums charged and of participations of the device that took part most, where the noise came from (a generator, or a seed that somebody knows), ";
  return text + "and the version of the code. The counts are only known to be possible beside one another and the plan.\n";
}

std::string to_text(const StatementCheck& check) {
  const std::string word = taken_on_trust(check.computed.plan);
  if (check.differences.empty()) return "\nThe statement follows from the plan: all its " + std::to_string(check.compared) + " figures and sentences are those above. " + word;
  std::string text = "\n!! The statement does NOT follow from the plan:\n";
  for (const StatementDifference& one : check.differences) {
    text += "!! " + one.where + " is stated as " + one.stated.dump();
    text += one.because.empty() ? ", computed as " + possible(one) + "\n" : ", and can be " + possible(one) + ": " + one.because + "\n";
  }
  return text + word;
}

// The figures that no line of the statement has by itself.
std::string details_of(const DpStatement& statement) {
  if (!statement.plan.privacy.has_noise()) return {};
  std::string text = "\nof one contribution: rho " + bound_text(statement.rho_of_one);
  if (statement.noise) text += "; a coordinate wraps with probability " + bound_text(statement.noise->expected_wraps / static_cast<double>(statement.noise->dimension)) + ", k = " + nlohmann::json(statement.plan.privacy.wrap_stddevs).dump();
  return text + "\n";
}

}  // namespace

std::vector<program::Option> plan_privacy_options() {
  return {{.name = "plan", .value_name = "FILE", .help = "instead of a question: what the DP statement of a run under this plan says"},
          {.name = "statement", .value_name = "FILE", .help = "with --plan: a dp-statement.json, held against the plan figure by figure"}};
}

Result<Report> privacy_of_plan(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const PlanFile file, read_plan_file(path));
  std::optional<StatementCheck> check;
  if (const auto stated = arguments.optional_text("statement")) {
    FEDSPEND_ASSIGN(const nlohmann::json json, read_statement(*stated));
    FEDSPEND_ASSIGN(check, check_dp_statement(file.plan, file.hash, json));
  }
  Result<DpStatement> made = check ? Result<DpStatement>(check->computed) : make_dp_statement(file.plan, file.hash, std::string(program::version()));
  FEDSPEND_ASSIGN(const DpStatement statement, std::move(made));
  Report report;
  report.data = {{"statement", fedspend::to_json(statement)},
                 {"rho_of_one", file.plan.privacy.has_noise() ? nlohmann::json(statement.rho_of_one) : nlohmann::json()},
                 {"wrap_probability", statement.noise ? nlohmann::json(statement.noise->expected_wraps / static_cast<double>(statement.noise->dimension)) : nlohmann::json()},
                 {"wrap_stddevs", statement.noise ? nlohmann::json(file.plan.privacy.wrap_stddevs) : nlohmann::json()},
                 {"check", check ? to_json(*check) : nlohmann::json()}};
  report.text = fedspend::to_text(statement) + details_of(statement) + (check ? to_text(*check) : std::string());
  if (check && !check->differences.empty()) report.exit_code = program::ExitCode::falsified;
  return report;
}

}  // namespace fedspend::simulations
