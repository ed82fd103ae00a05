#include "common/secagg/dp_statement_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

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

bool is_between(const Json& stated, const Json& least, const Json& most) {
  if (!stated.is_number() || !least.is_number() || !most.is_number()) return stated == least && stated == most;
  if (!least.is_number_float() && !most.is_number_float()) return stated == least && stated == most;
  const double value = stated.get<double>();
  return value >= least.get<double>() * (1 - kOtherMachine) && value <= most.get<double>() * (1 + kOtherMachine);
}

Json at(const Json& flat, const std::string& where) { return flat.contains(where) ? flat[where] : Json(); }

// Every leaf of the one and of the others.
void compare(const Json& stated, const Json& least, const Json& most, StatementCheck& check) {
  const Json said = stated.flatten(), low = least.flatten(), high = most.flatten();
  for (const auto& [where, value] : high.items()) {
    ++check.compared;
    if (!said.contains(where) || !is_between(said[where], at(low, where), value)) check.differences.push_back({where, at(said, where), at(low, where), value});
  }
  for (const auto& [where, value] : said.items())
    if (!high.contains(where)) check.differences.push_back({where, value, Json(), Json()});
}

std::string counted(std::uint64_t count, const std::string& what) { return std::to_string(count) + " " + what + (count == 1 ? "" : "s"); }

// Every count against every other and against the plan, where one says something of another. Above: more than can be; below: fewer.
class Counts {
 public:
  explicit Counts(StatementCheck& check) : check_(check) {}
  void at_least(const char* where, std::uint64_t stated, std::uint64_t least, const std::string& because) {
    if (stated < least) check_.differences.push_back({where, stated, least, Json(), because});
  }
  void at_most(const char* where, std::uint64_t stated, std::uint64_t most, const std::string& because) {
    if (stated > most) check_.differences.push_back({where, stated, 0, most, because});
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
    check.differences.push_back({kNoiseSource, "generator", "seed", "seed", "this plan's model is trained in simulations alone, whose noise comes from a seed"});
}

}  // namespace

std::vector<std::string> issuers_word(const Plan& plan) {
  std::vector<std::string> pointers = {kRoundsDone, kCodeVersion};
  if (plan.privacy.has_noise()) pointers.insert(pointers.end(), {kSumsCharged, kParticipations, kNoiseSource});
  return pointers;
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
  compare(stated, to_json(least), to_json(check.computed), check);
  check_counts(facts, plan, check);
  return check;
}

}  // namespace fedspend
