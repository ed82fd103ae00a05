#include "common/secagg/dp_statement_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/check.h"
#include "common/secagg/session_privacy.h"

namespace fedspend {
namespace {

using Json = nlohmann::json;

constexpr const char *kRoundsDone = "/rounds/done", *kSumsCharged = "/rounds/sums_charged", *kParticipations = "/so_far/participations";
constexpr const char *kNoiseSource = "/noise_source", *kCodeVersion = "/code_version";
constexpr double kOtherMachine = 1e-9;  // relative: other mathematical functions, the same accountants

struct RunFacts {
  std::string code_version;
  NoiseSource source = NoiseSource::generator;
  std::uint64_t rounds_done = 0, sums_charged = 0;
  std::uint32_t participations = 0;
};

std::optional<std::uint64_t> count_at(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  if (!json.contains(at) || !json[at].is_number_unsigned()) return std::nullopt;
  return json[at].get<std::uint64_t>();
}

// It is shown as it stands: nothing that could write over the rest on a terminal.
bool is_version(const std::string& text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-";
  return !text.empty() && text.size() <= 64 && text.find_first_not_of(kAllowed) == std::string::npos;
}

Result<RunFacts> facts_of(const Json& stated, const Plan& plan) {
  const auto malformed = [](const std::string& what) { return fail(ErrorCode::malformed, "the statement " + what, "a dp-statement.json as a run or a coordinator wrote it"); };
  if (!stated.is_object() || stated.value("kind", Json()) != "dp-statement") return malformed("is no DP statement");
  if (stated.value("schema_version", Json()) != kDpStatementSchema) return malformed("has another schema_version than " + std::to_string(kDpStatementSchema));
  const Json version = stated.value("code_version", Json());
  if (!version.is_string() || !is_version(version.get<std::string>())) return malformed("has no code_version of 1 to 64 letters, digits, dots, hyphens and plus signs");
  const auto rounds = count_at(stated, kRoundsDone), sums = count_at(stated, kSumsCharged), participations = count_at(stated, kParticipations);
  if (!rounds || !sums || !participations || *participations > std::numeric_limits<std::uint32_t>::max()) return malformed("does not say how many rounds, sums and participations there were");
  const Json source = stated.value("noise_source", Json());
  if (plan.privacy.has_noise() && source != "seed" && source != "generator") return malformed("does not say where the noise came from");
  return RunFacts{.code_version = stated["code_version"].get<std::string>(),
                  .source = source == "seed" ? NoiseSource::seed : NoiseSource::generator,
                  .rounds_done = *rounds,
                  .sums_charged = *sums,
                  .participations = static_cast<std::uint32_t>(*participations)};
}

// 1 and 1.0 are equal to the library, and not the same to a reader with types.
bool is_same_kind(const Json& a, const Json& b) { return a.is_number() && b.is_number() ? a.is_number_float() == b.is_number_float() : a.type() == b.type(); }

bool is_between(const Json& stated, const Json& least, const Json& most) {
  if (!is_same_kind(stated, most)) return false;
  if (!stated.is_number_float() || !least.is_number_float()) return stated == least && stated == most;
  const double value = stated.get<double>();
  return value >= least.get<double>() * (1 - kOtherMachine) && value <= most.get<double>() * (1 + kOtherMachine);
}

const Json* member(const Json* json, const std::string& key) { return json != nullptr && json->is_object() && json->contains(key) ? &json->at(key) : nullptr; }
const Json* element(const Json* json, std::size_t i) { return json != nullptr && json->is_array() && i < json->size() ? &json->at(i) : nullptr; }

// Every leaf of the one and of the others, and what holds them: an object is no list of its values. What is not there is null.
class Comparison {
 public:
  explicit Comparison(StatementCheck& check) : check_(check) {}

  void compare(const Json::json_pointer& where, const Json* stated, const Json* least, const Json* most) {
    if (most == nullptr) return differ(where, stated, nullptr, nullptr, "no statement has such a key");
    if (most->empty()) ++check_.compared;  // also null
    if (most->is_structured()) {
      if (stated == nullptr || stated->type() != most->type()) return differ(where, stated, least, most, stated == nullptr ? "it is not there" : "of another type");
      return most->is_object() ? compare_objects(where, *stated, least, *most) : compare_arrays(where, *stated, least, *most);
    }
    if (!most->is_null()) ++check_.compared;
    if (stated == nullptr) return differ(where, stated, least, most, "it is not there");
    if (!is_between(*stated, least == nullptr ? Json() : *least, *most)) differ(where, stated, least, most, is_same_kind(*stated, *most) ? "" : "of another type");
  }

 private:
  void compare_objects(const Json::json_pointer& where, const Json& stated, const Json* least, const Json& most) {
    for (const auto& [key, value] : most.items()) compare(where / key, member(&stated, key), member(least, key), &value);
    for (const auto& [key, value] : stated.items())
      if (!most.contains(key)) compare(where / key, &value, nullptr, nullptr);
  }
  void compare_arrays(const Json::json_pointer& where, const Json& stated, const Json* least, const Json& most) {
    for (std::size_t i = 0; i < std::max(stated.size(), most.size()); ++i) compare(where / i, element(&stated, i), element(least, i), element(&most, i));
  }
  void differ(const Json::json_pointer& where, const Json* stated, const Json* least, const Json* most, std::string form) {
    const auto shown = [](const Json* json) { return json == nullptr ? Json() : *json; };
    check_.differences.push_back({.where = where.to_string(), .stated = shown(stated), .least = shown(least), .most = shown(most), .form = std::move(form)});
  }
  StatementCheck& check_;
};

std::string counted(std::uint64_t count, const std::string& what) { return std::to_string(count) + " " + what + (count == 1 ? "" : "s"); }

// Every count against every other and against the plan, where one says something of another. Above: more than can be; below: fewer.
class Counts {
 public:
  explicit Counts(StatementCheck& check) : check_(check) {}
  void at_least(const char* where, std::uint64_t stated, std::uint64_t least, const std::string& because) {
    if (stated < least) check_.differences.push_back({.where = where, .stated = stated, .least = least, .because = because});
  }
  void at_most(const char* where, std::uint64_t stated, std::uint64_t most, const std::string& because) {
    if (stated > most) check_.differences.push_back({.where = where, .stated = stated, .least = 0, .most = most, .because = because});
  }

 private:
  StatementCheck& check_;
};

void check_counts(const RunFacts& facts, const Plan& plan, StatementCheck& check) {
  const PrivacySpec& privacy = plan.privacy;
  const std::uint64_t rounds = facts.rounds_done, sums = facts.sums_charged, participations = facts.participations, planned = plan.federation.rounds;
  Counts counts(check);
  counts.at_most(kRoundsDone, rounds, planned, "the plan has " + counted(planned, "round"));
  if (!privacy.has_noise()) return counts.at_most(kSumsCharged, sums, 0, "without noise nothing is charged");
  counts.at_least(kSumsCharged, sums, rounds, "each of the " + counted(rounds, "round") + " done had a sum that was charged");
  counts.at_most(kParticipations, participations, sums, "a device is in each of " + counted(sums, "sum") + " once at most");
  if (sums > 0) counts.at_least(kParticipations, participations, 1, "somebody was in " + counted(sums, "sum"));
  counts.at_most(kParticipations, participations, privacy.max_participations, "the plan's cap");
  // A charge is of a round that is done, or of an attempt at the next.
  const std::uint64_t reached = std::min(rounds + 1, planned), separation = privacy.min_separation_rounds;
  if (separation > 0 && reached > 0)
    counts.at_most(kParticipations, participations, 1 + (reached - 1) / separation, "they lie " + counted(separation, "round") + " apart, and the run has come to round " + std::to_string(reached));
  if (plan.model.is_torchscript() && facts.source == NoiseSource::generator)
    check.differences.push_back({.where = kNoiseSource, .stated = "generator", .least = "seed", .most = "seed", .because = "this plan's model is trained in simulations alone, whose noise comes from a seed"});
}

}  // namespace

std::vector<IssuersWord> issuers_word(const Plan& plan) {
  std::vector<IssuersWord> words = {{kRoundsDone, "how many rounds were done", ""}, {kCodeVersion, "which version of the code ran", "that noise and sum were made as that version makes them"}};
  if (!plan.privacy.has_noise()) return words;
  words.push_back({kSumsCharged, "how many sums were charged", ""});
  words.push_back({kParticipations, "how often the device took part that did most often", "every figure of /so_far"});
  words.push_back({kNoiseSource, "that the noise came from a generator, or from a seed that somebody knows", "/is_guarantee, /protects_against and the sentences on the seed"});
  return words;
}

Result<StatementCheck> check_dp_statement(const Plan& plan, const PlanHash& hash, const nlohmann::json& stated) {
  FEDSPEND_ASSIGN(const RunFacts facts, facts_of(stated, plan));
  FEDSPEND_ASSIGN(DpStatement computed, make_dp_statement(plan, hash, facts.code_version, facts.source));
  computed.rounds_done = facts.rounds_done;
  computed.sums_charged = facts.sums_charged;
  DpStatement least = computed;
  if (plan.privacy.has_noise()) {
    FEDSPEND_ASSIGN(computed.most_spent, spent_at_most(computed, facts.participations));
    FEDSPEND_ASSIGN(least.most_spent, spent_at_least(computed, facts.participations));
  }
  StatementCheck check{.computed = std::move(computed)};
  const Json low = to_json(least), high = to_json(check.computed);
  Comparison(check).compare(Json::json_pointer(), &stated, &low, &high);
  check_counts(facts, plan, check);
  return check;
}

namespace {

double figure_at(const Json& json, const char* key) { return json[key].is_null() ? std::numeric_limits<double>::infinity() : json[key].get<double>(); }

// What to_json() made of it, back: with a noise cohort the reported epsilon alone is there.
PrivacySpent spent_in(const Json& json, PrivacySpent spent, const Plan& plan) {
  if (plan.privacy.noise_cohort != 0) {
    (spent.epsilon_pld ? *spent.epsilon_pld : spent.epsilon_rdp) = figure_at(json, "simulated_epsilon");
    return spent;
  }
  spent.rho = figure_at(json, "rho_zcdp");
  spent.epsilon_rdp = figure_at(json, "epsilon_rdp");
  if (spent.epsilon_pld) spent.epsilon_pld = figure_at(json, "epsilon_pld");
  return spent;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string text_of_statement(const StatementCheck& check, const nlohmann::json& stated) {
  FEDSPEND_CHECK(check.differences.empty(), "a statement that follows from its plan");
  DpStatement statement = check.computed;
  const Plan& plan = statement.plan;
  if (plan.privacy.has_noise()) {
    statement.most_spent = spent_in(stated["so_far"], statement.most_spent, plan);
    statement.at_cap = spent_in(stated["at_cap"], statement.at_cap, plan);
  }
  if (statement.noise) {
    statement.noise->expected_wraps = stated["noise_in_sum"]["expected_wraps"].get<double>();
    statement.noise->noise_excess = stated["noise_in_sum"]["noise_excess"].get<double>();
  }
  return to_text(statement);
}

std::optional<TextDifference> check_dp_statement_text(const StatementCheck& check, const nlohmann::json& stated, std::string_view text) {
  const std::string rendered = text_of_statement(check, stated);
  if (text == rendered) return std::nullopt;
  const std::vector<std::string_view> said = lines_of(text), due = lines_of(rendered);
  std::size_t i = 0;
  while (i < said.size() && i < due.size() && said[i] == due[i]) ++i;
  const auto line = [i](const std::vector<std::string_view>& lines) { return i < lines.size() ? std::string(lines[i]) : std::string(); };
  return TextDifference{.line = i + 1, .stated = line(said), .due = line(due)};
}

}  // namespace fedspend
