#include "simulations/commands/plan_privacy.h"

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/program/files.h"
#include "common/secagg/dp_statement_check.h"
#include "common/secagg/plan_check.h"
#include "simulations/plans/plan_file.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;
using program::Report;

constexpr std::size_t kMostStatementBytes = 1 << 20;

constexpr int kDeepest = 8;  // a statement has 4 levels

// Nothing of what somebody else wrote reaches the terminal as it stands.
std::string shown(const nlohmann::json& json) { return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace); }
std::string shown_pointer(const std::string& pointer) {
  const std::string quoted = shown(pointer);
  return quoted.substr(1, quoted.size() - 2);
}

Result<nlohmann::json> read_statement(const std::string& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMostStatementBytes));
  // A key that comes twice says one thing to who reads the first and another to who reads the last.
  std::vector<std::set<std::string>> keys;
  bool is_repeated = false, is_deep = false;
  const auto look = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    is_deep = is_deep || depth > kDeepest;
    if (event == nlohmann::json::parse_event_t::object_start) keys.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) keys.pop_back();
    if (event == nlohmann::json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) is_repeated = true;
    return !is_deep;
  };
  nlohmann::json json = nlohmann::json::parse(as_text(bytes), look, false);
  if (is_deep) return fail(ErrorCode::malformed, path + " is nested deeper than any statement", "the dp-statement.json of a run or of a coordinator");
  if (json.is_discarded()) return fail(ErrorCode::malformed, path + " is no JSON", "the dp-statement.json of a run or of a coordinator");
  if (is_repeated) return fail(ErrorCode::malformed, path + " has a key twice in one object", "no program of this project writes such a statement");
  return json;
}

// A statement that was looked at, with the text that goes with it, where there is one.
struct Checked {
  StatementCheck of_json;
  std::string text_path = {};  // empty: none was given, nor is there one beside it
  std::optional<TextDifference> of_text = {};

  bool follows() const { return of_json.differences.empty() && !of_text; }
};

// The one that is named, or dp-statement.txt beside a dp-statement.json.
std::string text_beside(const Arguments& arguments, const std::filesystem::path& statement) {
  if (const auto named = arguments.optional_text("statement-text")) return *named;
  const std::filesystem::path beside = statement.parent_path() / kDpStatementText;
  std::error_code none;
  return statement.filename() == kDpStatementJson && std::filesystem::exists(beside, none) ? beside.string() : std::string();
}

Result<Checked> checked(const Arguments& arguments, const PlanFile& file, const std::string& path) {
  FEDSPEND_ASSIGN(const nlohmann::json json, read_statement(path));
  FEDSPEND_ASSIGN(StatementCheck of_json, check_dp_statement(file.plan, file.hash, json));
  Checked both{.of_json = std::move(of_json), .text_path = text_beside(arguments, path)};
  if (both.text_path.empty() || !both.of_json.differences.empty()) return both;
  FEDSPEND_ASSIGN(const Bytes text, program::read_file(both.text_path, kMostStatementBytes));
  both.of_text = check_dp_statement_text(both.of_json, json, as_text(text));
  return both;
}

nlohmann::json text_json(const Checked& checked) {
  if (checked.text_path.empty() || !checked.of_json.differences.empty()) return nullptr;
  nlohmann::json json = {{"follows", !checked.of_text}, {"line", nullptr}, {"stated", nullptr}, {"due", nullptr}};
  if (checked.of_text) json.update({{"line", checked.of_text->line}, {"stated", checked.of_text->stated}, {"due", checked.of_text->due}});
  return json;
}

nlohmann::json to_json(const Checked& checked) {
  const StatementCheck& check = checked.of_json;
  nlohmann::json differences = nlohmann::json::array(), words = nlohmann::json::array(), pointers = nlohmann::json::array();
  for (const StatementDifference& one : check.differences)
    differences.push_back({{"where", one.where}, {"stated", one.stated}, {"least", one.least}, {"most", one.most}, {"because", one.because}, {"form", one.form}});
  for (const IssuersWord& word : issuers_word(check.computed.plan)) {
    pointers.push_back(word.where);
    words.push_back({{"where", word.where}, {"what", word.what}, {"carries", word.carries}});
  }
  return {{"compared", check.compared}, {"follows", checked.follows()}, {"differences", differences}, {"issuers_word", pointers}, {"taken_on_trust", words},
          {"is_guarantee_by_issuers_word", check.computed.is_guarantee()}, {"text", text_json(checked)}};
}

// What one.stated would have to be.
std::string possible(const StatementDifference& one) {
  if (one.least == one.most) return shown(one.most);
  return one.most.is_null() ? shown(one.least) + " or more" : shown(one.least) + " to " + shown(one.most);
}

std::string taken_on_trust(const StatementCheck& check) {
  const Plan& plan = check.computed.plan;
  std::string text = "Its issuer's word, which nobody can compute again:\n";
  for (const IssuersWord& word : issuers_word(plan)) text += "  " + word.where + ": " + word.what + (word.carries.empty() ? "" : "; on it rests " + word.carries) + "\n";
  text += "The counts are only known to be possible beside one another and the plan. Nor does a statement show that devices took part under this plan, or that the models at hand are its run's.\n";
  if (check.computed.is_guarantee())
    text += "So that this is a guarantee, and no simulation's figures under another label, is its issuer's word: a simulation of this plan whose statement says \"generator\" for \"seed\" passes this check as well.\n";
  else if (plan.privacy.has_noise()) text += "It is no guarantee, and does not say that it is.\n";
  return text;
}

std::string line_of(const StatementDifference& one) {
  const std::string where = "!! " + shown_pointer(one.where);
  if (one.form == "it is not there") return where + " is not there; computed as " + possible(one) + "\n";
  if (!one.form.empty()) return where + " is stated as " + shown(one.stated) + ": " + one.form + (one.most.is_null() ? "" : " than " + possible(one)) + "\n";
  return where + " is stated as " + shown(one.stated) + (one.because.empty() ? ", computed as " + possible(one) + "\n" : ", and can be " + possible(one) + ": " + one.because + "\n");
}

std::string about_text(const Checked& checked) {
  if (checked.text_path.empty()) return "Its text was not given, and is not checked: --statement-text " + std::string(kDpStatementText) + ".\n";
  if (!checked.of_json.differences.empty()) return "Its text was not looked at.\n";
  if (!checked.of_text) return "Its text, " + checked.text_path + ", is to the letter the one that these figures give.\n";
  return "!! Its text, " + checked.text_path + ", does NOT say the same. Line " + std::to_string(checked.of_text->line) + " is " + shown(checked.of_text->stated) + ", and of these figures would be " + shown(checked.of_text->due) + "\n";
}

std::string to_text(const Checked& checked) {
  const StatementCheck& check = checked.of_json;
  std::string text = "\nThe statement follows from the plan: all its " + std::to_string(check.compared) + " figures and sentences are those above.\n";
  if (!check.differences.empty()) text = "\n!! The statement does NOT follow from the plan:\n";
  for (const StatementDifference& one : check.differences) text += line_of(one);
  return text + about_text(checked) + taken_on_trust(check);
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
          {.name = "statement", .value_name = "FILE", .help = "with --plan: a dp-statement.json, held against the plan figure by figure"},
          {.name = "statement-text", .value_name = "FILE", .help = "with --statement: its dp-statement.txt; by default the one beside a dp-statement.json"}};
}

Result<Report> privacy_of_plan(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const PlanFile file, read_plan_file(path));
  if (file.plan.aggregation.mode == Aggregation::secure) FEDSPEND_TRY(check_secure_plan(file.plan));
  std::optional<Checked> check;
  if (const auto stated = arguments.optional_text("statement")) {
    FEDSPEND_ASSIGN(check, checked(arguments, file, *stated));
  }
  Result<DpStatement> made = check ? Result<DpStatement>(check->of_json.computed) : make_dp_statement(file.plan, file.hash, std::string(program::version()));
  FEDSPEND_ASSIGN(const DpStatement statement, std::move(made));
  Report report;
  report.data = {{"statement", fedspend::to_json(statement)},
                 {"rho_of_one", file.plan.privacy.has_noise() ? nlohmann::json(statement.rho_of_one) : nlohmann::json()},
                 {"wrap_probability", statement.noise ? nlohmann::json(statement.noise->expected_wraps / static_cast<double>(statement.noise->dimension)) : nlohmann::json()},
                 {"wrap_stddevs", statement.noise ? nlohmann::json(file.plan.privacy.wrap_stddevs) : nlohmann::json()},
                 {"check", check ? to_json(*check) : nlohmann::json()}};
  report.text = fedspend::to_text(statement) + details_of(statement) + (check ? to_text(*check) : std::string());
  if (check && !check->follows()) report.exit_code = program::ExitCode::falsified;
  return report;
}

}  // namespace fedspend::simulations
