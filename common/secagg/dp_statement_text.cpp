// The statement as JSON and as text: the same facts.
#include <cmath>

#include "common/secagg/dp_assumptions.h"
#include "common/secagg/dp_statement.h"
#include "common/secagg/session_terms.h"

namespace fedspend {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kPartsPerMillion = 1e6;
constexpr int kSettingDigits = 6;  // of what somebody chose
constexpr std::size_t kLabel = 14, kWidth = 110;

constexpr std::string_view kNoNoise = "no differential privacy: no epsilon bounds what the published models tell about a customer";
constexpr std::string_view kSeeded = "!! A simulation's: its noise comes from the run's seed, and whoever has that takes it off. NO guarantee for this run's models; the figures below are "
                                     "those of the plan, where devices and coordinator draw the noise themselves.";
constexpr std::string_view kUnit = "one device of one customer: all that it contributes under this plan";
constexpr std::string_view kAdjacency = "zero-out: the device's contributions are replaced by zero; that it took part is no secret";
constexpr std::string_view kCovers = "training under this plan. Not: choosing hyperparameters or evaluating on the same customers, other plans, who took part and when";

bool is_simulated(const Plan& plan) { return plan.privacy.noise_cohort != 0; }

std::string percent(std::uint32_t ppm) { return number_text(ppm * 100 / kPartsPerMillion) + "%"; }

std::string setting_of(const Plan& plan) {
  switch (plan.privacy.mode) {
    case PrivacyMode::distributed: return "distributed: each device adds its share of the noise before its update is masked";
    case PrivacyMode::central: return "central: a trusted coordinator adds the noise to the sum";
    case PrivacyMode::none: return "none";
  }
  return "none";
}

// A simulation's noise, which is that of the plan but for where it comes from.
bool is_seeded(const DpStatement& statement) { return statement.plan.privacy.has_noise() && !is_simulated(statement.plan) && statement.noise_source == NoiseSource::seed; }

std::string protects_against(const DpStatement& statement) {
  const Plan& plan = statement.plan;
  if (!plan.privacy.has_noise() || is_simulated(plan)) return "nobody";
  if (is_seeded(statement)) return "nobody who has the seed of this simulation";
  if (plan.privacy.mode == PrivacyMode::distributed) {
    // A device knows its own share of the noise. It is among the corrupt that n_h leaves out, where there is at least one.
    const bool none_corrupt = std::uint64_t{plan.least_asked()} * plan.aggregation.corrupt_ppm < 1'000'000;
    return "whoever sees the models" + std::string(none_corrupt ? " and took no part" : "") + "; the coordinator, with up to " + percent(plan.aggregation.corrupt_ppm) + " of a round's devices";
  }
  return "whoever sees the models, but not the coordinator";
}

std::vector<std::string> released(const Plan& plan) {
  std::vector<std::string> list = {"the model after each round: to the enrolled devices, and to whoever has model.fsm"};
  if (plan.privacy.mode == PrivacyMode::distributed) list.emplace_back("each round's noised sum: to the coordinator");
  if (plan.privacy.has_adaptive_clip()) list.emplace_back("each round's noised share of updates within the clip norm: to the coordinator, and to the enrolled devices the clip norm that follows from it");
  return list;
}

std::string mechanism_of(const PrivacySpec& privacy) {
  if (privacy.mode == PrivacyMode::distributed) return "sum of discrete Gaussian shares on clipped, rotated, conditionally rounded updates";
  return privacy.mode == PrivacyMode::central ? "Gaussian, rounded to integers, on the integer sum of clipped updates" : "none";
}

std::string accountant_of(const DpStatement& statement) {
  if (!statement.plan.privacy.has_noise()) return "none";
  return statement.at_cap.epsilon_pld ? "PLD" : "RDP";
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

// Null where nobody is protected by them.
Json json_of(const PrivacySpent& spent, const Plan& plan) {
  const Json epsilon = plan.privacy.has_noise() ? number(spent.epsilon()) : Json();
  const bool real = plan.privacy.has_noise() && !is_simulated(plan);
  Json json;
  json["participations"] = spent.participations;
  json["rho_zcdp"] = real ? number(spent.rho) : Json();
  json["epsilon"] = real ? epsilon : Json();
  json["epsilon_rdp"] = real ? number(spent.epsilon_rdp) : Json();
  json["epsilon_pld"] = real && spent.epsilon_pld ? number(*spent.epsilon_pld) : Json();
  json["simulated_epsilon"] = is_simulated(plan) ? epsilon : Json();
  return json;
}

Json secure_aggregation_json(const Plan& plan) {
  if (plan.aggregation.mode != Aggregation::secure) return {};
  const AggregationSpec& aggregation = plan.aggregation;
  return {{"corrupt_fraction", aggregation.corrupt_ppm / kPartsPerMillion},
          {"dropout_fraction", aggregation.dropout_ppm / kPartsPerMillion},
          {"threat", to_string(aggregation.threat)},
          {"security_bits", aggregation.security_bits},
          {"failure_bits", aggregation.failure_bits},
          {"beacon", to_string(aggregation.beacon)}};
}

Json noise_json(const DpStatement& statement) {
  if (!statement.noise) return {};
  const NoiseInSum& noise = *statement.noise;
  return {{"honest_shares_least", noise.honest_shares_least},
          {"honest_shares_asked", noise.honest_shares_asked},
          {"dimension", noise.dimension},
          {"bits", statement.plan.aggregation.bits},
          {"expected_wraps", noise.expected_wraps},
          {"noise_excess", noise.noise_excess}};
}

Json mechanism_json(const Plan& plan) {
  const PrivacySpec& privacy = plan.privacy;
  const bool noise = privacy.has_noise();
  return {{"name", mechanism_of(privacy)},
          {"noise_multiplier", noise ? Json(privacy.noise_multiplier) : Json()},
          {"clip_norm_l2", plan.aggregation.clip_norm_l2},
          {"clip_norm_l2_least", privacy.has_adaptive_clip() ? Json(clip_norm_range(plan).least) : Json()},
          {"clip_norm_l2_most", privacy.has_adaptive_clip() ? Json(clip_norm_range(plan).most) : Json()},
          {"clip_quantile", privacy.has_adaptive_clip() ? Json(privacy.clip_quantile) : Json()},
          {"noise_cohort", is_simulated(plan) ? Json(privacy.noise_cohort) : Json()}};
}

// A line with its label, broken at spaces.
class Lines {
 public:
  void add(std::string_view label, std::string_view text) {
    std::string line(label);
    line.resize(std::max(kLabel, label.size() + 1), ' ');
    std::size_t used = line.size();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(' ', at), text.size());
      if (used + 1 + end - at > kWidth && used > kLabel) {
        line += "\n" + std::string(kLabel, ' ');
        used = kLabel;
      } else if (at != 0) {
        line += ' ';
        ++used;
      }
      line.append(text, at, end - at);
      used += end - at;
      at = end + 1;
    }
    text_ += line + "\n";
  }
  void plain(std::string_view text) { text_.append(text) += '\n'; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string figure(const PrivacySpent& spent, const DpStatement& statement) {
  const Plan& plan = statement.plan;
  std::string text = "(epsilon, delta) = (" + bound_text(spent.epsilon()) + ", " + bound_text(plan.privacy.delta, kSettingDigits) + ")";
  if (spent.epsilon_pld) text += " by PLD, " + bound_text(spent.epsilon_rdp) + " by RDP";
  else text += " by RDP";
  return text + "; " + (statement.noise ? "approximate " : "") + "rho-zCDP with rho = " + bound_text(spent.rho);
}

std::string times(std::uint64_t participations) { return std::to_string(participations) + (participations == 1 ? " participation" : " participations"); }

void add_figures(const DpStatement& statement, Lines& lines) {
  const Plan& plan = statement.plan;
  const std::string as_if = is_simulated(plan) ? "SIMULATED for a cohort of " + std::to_string(plan.privacy.noise_cohort) + ", true of no model here: " : "";
  lines.add("so far", as_if + figure(statement.most_spent, statement) + ", of the device that took part most, " + times(statement.most_spent.participations));
  lines.add("at most", as_if + figure(statement.at_cap, statement) + ", after " + times(statement.at_cap.participations) +
                           (statement.at_cap.epsilon_rdp >= plan.privacy.max_epsilon ? " or when max_epsilon is reached" : ""));
  lines.add("accountant", accountant_of(statement) + (plan.privacy.mode == PrivacyMode::distributed
                                                             ? ": no dominating pair is proven for sums of discrete Gaussians, so no PLD. Unamplified: P participations compose"
                                                             : " of the Gaussian, RDP beside it. Unamplified: P participations compose"));
}

void add_mechanism(const DpStatement& statement, Lines& lines) {
  const Plan& plan = statement.plan;
  lines.add("mechanism", mechanism_of(plan.privacy));
  std::string noise = "noise multiplier " + least_text(plan.privacy.noise_multiplier, kSettingDigits) + ", clip norm " + number_text(plan.aggregation.clip_norm_l2) + " (L2)";
  if (plan.privacy.has_adaptive_clip()) noise += " in the first round, then " + number_text(clip_norm_range(plan).least) + " to " + number_text(clip_norm_range(plan).most) + ", by a noised indicator for its quantile " + number_text(plan.privacy.clip_quantile);
  if (is_simulated(plan)) noise += "; ADDED: " + least_text(plan.added_noise_multiplier(), kSettingDigits) + " alone";
  lines.add("noise", noise);
  if (!statement.noise) return;
  lines.add("", "surely in a sum: the shares of n_h = " + std::to_string(statement.noise->honest_shares_least) + " (of " + std::to_string(plan.least_asked()) + " devices) to " +
                    std::to_string(statement.noise->honest_shares_asked) + " (of " + std::to_string(plan.devices_asked()) + "); where nobody is lost, " + bound_text(statement.noise->noise_excess) +
                    " times the noise that is counted");
  lines.add("", "dimension " + std::to_string(statement.noise->dimension) + ", " + std::to_string(plan.aggregation.bits) + " bits; expected wraps " + bound_text(statement.noise->expected_wraps) +
                    " a sum (d p: they cost accuracy, not privacy)");
}

void add_run(const DpStatement& statement, Lines& lines) {
  const Plan& plan = statement.plan;
  lines.add("cohort", std::to_string(plan.federation.cohort) + ", at least " + std::to_string(plan.min_reports()) + " in a sum; " + std::to_string(plan.devices_asked()) + " asked");
  lines.add("rounds", std::to_string(statement.rounds_done) + " of " + std::to_string(plan.federation.rounds) + (plan.privacy.has_noise() ? ", " + std::to_string(statement.sums_charged) + " sums charged" : ""));
  if (plan.privacy.has_noise()) {
    std::string cap = "at most " + std::to_string(plan.privacy.max_participations) + " a device";
    if (plan.privacy.min_separation_rounds > 1) cap += ", " + std::to_string(plan.privacy.min_separation_rounds) + " rounds apart";
    lines.add("participation", cap + "; epsilon at most " + bound_text(plan.privacy.max_epsilon));
  }
  const AggregationSpec& aggregation = plan.aggregation;
  lines.add("secure sums", aggregation.mode == Aggregation::open
                               ? "no: the coordinator sees every single update"
                               : "yes: up to " + percent(aggregation.corrupt_ppm) + " corrupt (gamma), " + percent(aggregation.dropout_ppm) + " lost (delta), " + std::string(to_string(aggregation.threat)) +
                                     " coordinator, 2^-" + std::to_string(aggregation.security_bits));
}

}  // namespace

std::string_view to_string(Standing standing) noexcept { return standing == Standing::enforced ? "enforced" : "assumed"; }

nlohmann::ordered_json to_json(const DpStatement& statement) {
  const Plan& plan = statement.plan;
  const PrivacySpec& privacy = plan.privacy;
  Json json;
  json["schema_version"] = kDpStatementSchema;
  json["kind"] = "dp-statement";
  json["is_guarantee"] = statement.is_guarantee();
  json["warning"] = plan.is_demonstration() ? Json(plan.demonstration_note()) : Json();
  json["plan"] = {{"name", plan.name}, {"population", plan.population}, {"task", plan.task.hex()}, {"hash", statement.plan_hash.hex()}};
  json["code_version"] = statement.code_version;
  json["setting"] = to_string(privacy.mode);
  json["noise_source"] = !privacy.has_noise() ? Json() : Json(statement.noise_source == NoiseSource::seed ? "seed" : "generator");
  json["protects_against"] = protects_against(statement);
  json["released"] = released(plan);
  json["covers"] = kCovers;
  json["unit"] = kUnit;
  json["adjacency"] = kAdjacency;
  json["mechanism"] = mechanism_json(plan);
  json["cohort"] = {{"least", plan.min_reports()}, {"goal", plan.federation.cohort}, {"asked", plan.devices_asked()}};
  json["rounds"] = {{"done", statement.rounds_done}, {"planned", plan.federation.rounds}, {"sums_charged", statement.sums_charged}};
  json["participation"] = privacy.has_noise() ? Json{{"cap", privacy.max_participations}, {"min_separation_rounds", privacy.min_separation_rounds}} : Json();
  json["accountant"] = accountant_of(statement);
  json["amplification"] = "none";
  json["delta"] = privacy.has_noise() ? Json(privacy.delta) : Json();
  json["max_epsilon"] = privacy.has_noise() ? Json(privacy.max_epsilon) : Json();
  json["so_far"] = json_of(statement.most_spent, plan);
  json["at_cap"] = json_of(statement.at_cap, plan);
  json["secure_aggregation"] = secure_aggregation_json(plan);
  json["noise_in_sum"] = noise_json(statement);
  json["assumptions"] = Json::array();
  for (const Assumption& assumption : statement.assumptions)
    json["assumptions"].push_back({{"what", assumption.what}, {"standing", to_string(assumption.standing)}, {"why", assumption.why}});
  return json;
}

std::string to_text(const DpStatement& statement) {
  const Plan& plan = statement.plan;
  Lines lines;
  lines.plain("DP statement: " + plan.name + ", round " + std::to_string(statement.rounds_done));
  if (plan.is_demonstration()) lines.plain(plan.demonstration_note());
  if (is_simulated(plan))
    lines.plain("!! A simulation of the noise that a cohort of " + std::to_string(plan.privacy.noise_cohort) + " would bring. This run's models protect NOBODY, whatever stands below.");
  if (!plan.privacy.has_noise()) lines.plain(kNoNoise);
  if (is_seeded(statement)) lines.add("", kSeeded);
  lines.plain("");
  lines.add("setting", setting_of(plan));
  lines.add("protects", "against " + protects_against(statement));
  for (const std::string& what : released(plan)) lines.add("released", what);
  if (plan.privacy.has_noise()) {
    lines.add("covers", kCovers);
    lines.add("unit", kUnit);
    lines.add("adjacency", kAdjacency);
    add_mechanism(statement, lines);
  }
  add_run(statement, lines);
  if (plan.privacy.has_noise()) add_figures(statement, lines);
  for (const Standing standing : {Standing::enforced, Standing::assumed})
    for (const Assumption& assumption : statement.assumptions)
      if (assumption.standing == standing) lines.add(to_string(standing), assumption.what + ": " + assumption.why);
  lines.add("plan", statement.plan_hash.hex());
  lines.add("code", "fedspend " + statement.code_version + "; to check all of this against the plan: fedspend-sim privacy --plan plan.toml --statement " + std::string(kDpStatementJson));
  return lines.take();
}

std::string short_text(const DpStatement& statement) {
  const Plan& plan = statement.plan;
  if (!plan.privacy.has_noise()) return std::string(kNoNoise);
  const std::string as_if = is_simulated(plan) ? "SIMULATED (protects nobody): " : is_seeded(statement) ? "a simulation's, no guarantee: " : "";
  return as_if + std::string(to_string(plan.privacy.mode)) + " differential privacy, epsilon " + bound_text(statement.most_spent.epsilon()) + " at delta " + bound_text(plan.privacy.delta, kSettingDigits) + " (" +
         accountant_of(statement) + ") after " + times(statement.most_spent.participations) + " of the device that took part most; at most " + bound_text(statement.at_cap.epsilon());
}

}  // namespace fedspend
