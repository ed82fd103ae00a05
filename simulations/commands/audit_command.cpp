// fedspend-sim audit: what an attacker finds out in one run, beside what the accountant allows.

#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "common/program/runtime.h"
#include "common/secagg/dp_statement.h"
#include "simulations/audit/membership_attack.h"
#include "simulations/audit/privacy_audit.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/plans/plan_settings.h"
#include "simulations/runs/evaluation_table.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;
using program::Report;

constexpr std::int64_t kMostCanaries = 100'000;

std::string shown(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

nlohmann::json finite_or_null(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); }

nlohmann::json to_json(const Estimate& estimate) { return {{"value", estimate.value}, {"low", estimate.low}, {"high", estimate.high}}; }

nlohmann::json to_json(const std::optional<MembershipAttack>& attack) {
  if (!attack) return nlohmann::json();
  return {{"members", attack->members},
          {"non_members", attack->others},
          {"auc", to_json(attack->auc)},
          {"tpr_at_1_percent_fpr", to_json(attack->tpr)},
          {"calibrated_auc", to_json(attack->calibrated_auc)},
          {"calibrated_tpr_at_1_percent_fpr", to_json(attack->calibrated_tpr)}};
}

// What is found out about one mechanism.
struct Findings {
  PrivacyAudit audit;
  std::optional<MembershipAttack> membership;
};

nlohmann::json to_json(const Findings& findings) {
  const PrivacyAudit& audit = findings.audit;
  return {{"epsilon_lower", audit.epsilon_lower},
          {"epsilon_upper", audit.epsilon_upper ? finite_or_null(*audit.epsilon_upper) : nlohmann::json()},
          {"epsilon_provable", audit.epsilon_provable},
          {"falsified", audit.is_falsified()},
          {"canaries", audit.guesses.canaries},
          {"included", audit.included},
          {"in_sums", audit.in_sums},
          {"guesses", audit.guesses.guesses},
          {"correct", audit.guesses.correct},
          {"rounds", audit.rounds},
          {"declined", audit.declined},
          {"most_participations", audit.most_participations},
          {"membership", to_json(findings.membership)}};
}

std::string shown(const Estimate& estimate) {
  char text[80];
  std::snprintf(text, sizeof text, "%.3f (%.3f to %.3f)", estimate.value, estimate.low, estimate.high);
  return text;
}

using Rows = std::vector<std::vector<std::string>>;

void add_column(Rows& rows, const std::string& title, const Findings& findings) {
  const PrivacyAudit& audit = findings.audit;
  const bool is_bounded = audit.epsilon_upper && std::isfinite(*audit.epsilon_upper);
  std::vector<std::string> column = {title,
                                     least_text(audit.epsilon_lower),
                                     is_bounded ? bound_text(*audit.epsilon_upper) : "no bound",
                                     bound_text(audit.epsilon_provable),
                                     std::to_string(audit.guesses.correct) + " of " + std::to_string(audit.guesses.guesses),
                                     std::to_string(audit.guesses.canaries),
                                     std::to_string(audit.included),
                                     std::to_string(audit.in_sums)};
  if (const auto& attack = findings.membership)
    for (const Estimate& estimate : {attack->auc, attack->tpr, attack->calibrated_auc, attack->calibrated_tpr}) column.push_back(shown(estimate));
  for (std::size_t i = 0; i < column.size(); ++i) rows[i].push_back(column[i]);
}

std::string verdict(const AuditOptions& options, const PrivacyAudit& audit) {
  if (!audit.epsilon_upper || !std::isfinite(*audit.epsilon_upper)) return "The accountant bounds nothing here: there is no claim to check.\n";
  const std::string at_most = bound_text(*audit.epsilon_upper);
  if (audit.is_falsified())
    return "!! FALSIFIED: epsilon is at least " + least_text(audit.epsilon_lower) + " (" + shown(100 * options.confidence) + "%), and the accountant says at most " + at_most +
           ".\n!! A sound mechanism is falsified with probability " + shown(100 * (1 - options.confidence)) +
           "% at most: try other seeds. Where it stays, the noise or its accounting is broken.\n";
  if (audit.epsilon_provable <= *audit.epsilon_upper)
    return "Not falsified, nor could it be: so many guesses prove at most " + bound_text(audit.epsilon_provable) +
           ". More --canaries or --guesses, or a smaller claim, would put it to the test.\n";
  return "Not falsified.\n";
}

std::string to_text(const AuditOptions& options, const Findings& plan, const std::optional<Findings>& without) {
  Rows rows = {{"quantity"},
               {"epsilon, at least (" + shown(100 * options.confidence) + "%)"},
               {"epsilon, at most (accountant)"},
               {"epsilon, provable by these guesses"},
               {"guesses that were right"},
               {"canaries"},
               {"of them included, by their coin"},
               {"of them in a sum"}};
  if (plan.membership)
    for (const char* name : {"membership by loss: area (95%)", "  found at 1% false alarms", "membership, calibrated: area", "  found at 1% false alarms"})
      rows.push_back({name});
  add_column(rows, options.noise_share < 1 ? "control" : "the plan", plan);
  if (without) add_column(rows, "without noise", *without);
  std::string text;
  if (options.noise_share < 1) text += "CONTROL: " + shown(100 * options.noise_share) + "% of the noise that is accounted was added. The audit should find that out.\n";
  text += program::format_table(rows) + "\ndelta " + bound_text(options.delta) + ", " + std::to_string(plan.audit.rounds) + " rounds";
  if (plan.audit.epsilon_upper) text += ", at most " + std::to_string(plan.audit.most_participations) + " participations of a client";
  if (const auto& attack = plan.membership) text += "; " + std::to_string(attack->members) + " members, " + std::to_string(attack->others) + " others";
  return text + ".\n" + verdict(options, plan.audit) + "An audit can show that a claim is false, never that it is true.\n";
}

Result<AuditOptions> audit_options(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const PlanFile given, read_plan_file(path));
  AuditOptions options;
  FEDSPEND_ASSIGN(options.plan, apply_settings(given, arguments.texts("set")));
  FEDSPEND_ASSIGN(const std::int64_t seed, arguments.integer("seed", 0, INT64_MAX));
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  FEDSPEND_ASSIGN(const std::int64_t canaries, arguments.integer("canaries", 10, kMostCanaries));
  options.seed = static_cast<std::uint64_t>(seed);
  options.threads = static_cast<unsigned>(threads);
  options.canaries = static_cast<std::size_t>(canaries);
  FEDSPEND_ASSIGN(const std::string kind, arguments.text("canary"));
  if (kind != "sphere" && kind != "dirac")
    return fail(ErrorCode::invalid_argument, "--canary \"" + kind + "\" is not known", "sphere (random directions) or dirac (one coordinate each)");
  options.kind = kind == "sphere" ? CanaryKind::sphere : CanaryKind::dirac;
  if (arguments.has("guesses")) {
    FEDSPEND_ASSIGN(const std::int64_t guesses, arguments.integer("guesses", 2, canaries));
    options.guesses = static_cast<std::size_t>(guesses);
  }
  options.delta = options.plan.plan.privacy.delta;
  if (arguments.has("delta")) {
    FEDSPEND_ASSIGN(options.delta, arguments.number("delta", 1e-15, 0.1));
  }
  FEDSPEND_ASSIGN(options.confidence, arguments.number("confidence", 0.5, 0.999999));
  FEDSPEND_ASSIGN(options.noise_share, arguments.number("noise-share", 0.001, 1));
  return options;
}

// What is found out in each run, with its progress.
class Runs {
 public:
  // A control is of the bound alone.
  Runs(const Arguments& arguments, bool is_control, std::span<const FederatedClient> clients)
      : clients_(clients), shows_progress_(!arguments.flag("no-progress")), attacks_membership_(!is_control && !arguments.flag("no-membership")) {}

  Result<Findings> find_out(const AuditOptions& options, double left_out_share, const std::string& label) const {
    const auto driven = [&](const std::string& what, const auto& run) {
      program::Progress progress(what + label, options.plan.plan.federation.rounds, shows_progress_);
      auto result = run([&](std::uint64_t round) {
        progress.update(round);
        return !program::stop_requested().load();
      });
      if (result) progress.finish();
      return result;
    };
    Findings findings;
    FEDSPEND_ASSIGN(findings.audit, driven("rounds with canaries", [&](const OnAuditRound& on_round) { return audit_privacy(options, clients_, on_round); }));
    if (!attacks_membership_) return findings;
    const AttackOptions attack{.plan = options.plan, .seed = options.seed, .threads = options.threads, .left_out_share = left_out_share};
    FEDSPEND_ASSIGN(findings.membership, driven("rounds for membership", [&](const OnAuditRound& on_round) { return attack_membership(attack, clients_, on_round); }));
    return findings;
  }

 private:
  std::span<const FederatedClient> clients_;
  bool shows_progress_, attacks_membership_;
};

Result<Report> run(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_TRY(pin_isa(arguments));
  FEDSPEND_ASSIGN(const AuditOptions options, audit_options(arguments));
  FEDSPEND_ASSIGN(const double left_out_share, arguments.number("left-out", 0.01, 0.99));
  FEDSPEND_ASSIGN(const ReadPopulation data, read_data(arguments));
  const Plan& plan = options.plan.plan;
  const std::vector<FederatedClient> clients = federated_clients(data.population, plan);
  const Runs runs(arguments, options.noise_share < 1, clients);
  FEDSPEND_ASSIGN(const Findings findings, runs.find_out(options, left_out_share, ""));
  std::optional<Findings> without;
  if (plan.privacy.has_noise() && !arguments.flag("no-comparison")) {
    AuditOptions bare = options;
    const std::vector<std::string> no_noise = {"privacy.mode=none"};
    FEDSPEND_ASSIGN(bare.plan, apply_settings(options.plan, no_noise));
    bare.noise_share = 1;
    FEDSPEND_ASSIGN(without, runs.find_out(bare, left_out_share, ", without noise"));
  }
  Report report;
  report.data = to_json(findings);
  report.data["delta"] = options.delta;
  report.data["confidence"] = options.confidence;
  report.data["noise_share"] = options.noise_share;
  report.data["privacy"] = to_string(plan.privacy.mode);
  report.data["aggregation"] = to_string(plan.aggregation.mode);
  report.data["demonstration"] = plan.is_demonstration();
  report.data["without_noise"] = without ? to_json(*without) : nlohmann::json();
  report.text = demonstration_line(plan) + to_text(options, findings, without);
  if (findings.audit.is_falsified()) report.exit_code = program::ExitCode::falsified;
  return report;
}

}  // namespace

program::Command audit_command() {
  std::vector<program::Option> options = data_options();
  const std::vector<program::Option> own = {
      {.name = "plan", .value_name = "FILE", .help = "the plan", .required = true},
      {.name = "set", .value_name = "KEY=VALUE", .help = "sets a key of the plan, e.g. privacy.noise_multiplier=0.5", .repeated = true},
      {.name = "canaries", .value_name = "N", .help = "clients that are inserted; each sends an update at the clip norm or zero, as a coin says", .default_text = "200"},
      {.name = "canary", .value_name = "KIND", .help = "their directions: sphere (random) or dirac (one coordinate each)", .default_text = "sphere"},
      {.name = "guesses", .value_name = "N", .help = "canaries that are guessed about, chosen before the run; by default a third"},
      {.name = "delta", .value_name = "D", .help = "of both bounds on epsilon; by default the plan's"},
      {.name = "confidence", .value_name = "C", .help = "of the lower bound", .default_text = "0.95"},
      {.name = "left-out", .value_name = "SHARE", .help = "share of the clients that never takes part, for the attack on membership", .default_text = "0.5"},
      {.name = "seed", .value_name = "S", .help = "of coins, cohorts and the simulated devices", .default_text = "1"},
      {.name = "noise-share",
       .value_name = "SHARE",
       .help = "a control: adds only this share of the noise that is accounted, which the audit should find out; without the attack on membership",
       .default_text = "1"},
      {.name = "no-comparison", .value_name = "", .help = "leave out the same without noise"},
      {.name = "no-membership", .value_name = "", .help = "leave out the attack on membership"},
      isa_option(),
      {.name = "no-progress", .value_name = "", .help = "no progress display"}};
  options.insert(options.end(), own.begin(), own.end());
  return {.name = "audit",
          .summary = "what an attacker finds out in one run, beside what the accountant allows",
          .example = "fedspend-sim audit --plan simulations/plans/synthetic.toml --data out/synthetic/synthetic.toml --set aggregation.mode=open --set privacy.mode=central "
                     "--set privacy.noise_multiplier=0.5 --canaries 200",
          .options = std::move(options),
          .positional = "",
          .run = run,
          .checks_a_claim = true};
}

}  // namespace fedspend::simulations
