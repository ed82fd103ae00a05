// fedspend-sim audit: what an attacker finds out in one run, beside what the accountant allows.

#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "common/program/runtime.h"
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

nlohmann::json to_json(const std::optional<MembershipAttack>& attack) {
  if (!attack) return nlohmann::json();
  return {{"members", attack->members},
          {"non_members", attack->others},
          {"auc", attack->auc},
          {"tpr_at_1_percent_fpr", attack->tpr},
          {"calibrated_auc", attack->calibrated_auc},
          {"calibrated_tpr_at_1_percent_fpr", attack->calibrated_tpr}};
}

nlohmann::json to_json(const PrivacyAudit& audit) {
  return {{"epsilon_lower", audit.epsilon_lower},
          {"epsilon_upper", audit.epsilon_upper ? finite_or_null(*audit.epsilon_upper) : nlohmann::json()},
          {"falsified", audit.is_falsified()},
          {"canaries", audit.guesses.canaries},
          {"included", audit.included},
          {"guesses", audit.guesses.guesses},
          {"correct", audit.guesses.correct},
          {"rounds", audit.rounds},
          {"most_participations", audit.most_participations},
          {"membership", to_json(audit.membership)}};
}

using Rows = std::vector<std::vector<std::string>>;

void add_column(Rows& rows, const std::string& title, const PrivacyAudit& audit) {
  const std::optional<MembershipAttack>& attack = audit.membership;
  const auto of_attack = [&](auto value) { return attack ? shown(value(*attack)) : std::string("-"); };
  const std::vector<std::string> column = {
      title,
      shown(audit.epsilon_lower),
      audit.epsilon_upper && std::isfinite(*audit.epsilon_upper) ? shown(*audit.epsilon_upper) : "no bound",
      std::to_string(audit.guesses.canaries),
      std::to_string(audit.included),
      std::to_string(audit.guesses.correct) + " of " + std::to_string(audit.guesses.guesses),
      of_attack([](const MembershipAttack& a) { return a.auc; }),
      of_attack([](const MembershipAttack& a) { return a.tpr; }),
      of_attack([](const MembershipAttack& a) { return a.calibrated_auc; }),
      of_attack([](const MembershipAttack& a) { return a.calibrated_tpr; }),
  };
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(column[i]);
}

std::string to_text(const AuditOptions& options, const PrivacyAudit& audit, const std::optional<PrivacyAudit>& without) {
  const std::string percent = shown(100 * options.confidence) + "%";
  Rows rows = {{"quantity"},
               {"epsilon, at least (" + percent + ")"},
               {"epsilon, at most (accountant)"},
               {"canaries in a sum"},
               {"of them included"},
               {"guesses that were right"},
               {"membership by loss: area"},
               {"  found at 1% false alarms"},
               {"calibrated: area"},
               {"  found at 1% false alarms"}};
  add_column(rows, "the plan", audit);
  if (without) add_column(rows, "without noise", *without);
  std::string text = program::format_table(rows) + "\ndelta " + shown(options.delta) + ", " + std::to_string(audit.rounds) + " rounds";
  if (audit.epsilon_upper) text += ", at most " + std::to_string(audit.most_participations) + " participations of a client";
  if (const auto& attack = audit.membership) text += "; " + std::to_string(attack->members) + " members, " + std::to_string(attack->others) + " others";
  text += ".\n";
  if (audit.is_falsified()) text += "FALSIFIED: the attacker found out more than the accountant says is possible.\n";
  return text + "An audit can show that a claim is false, never that it is true.\n";
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
  FEDSPEND_ASSIGN(options.left_out_share, arguments.number("left-out", 0.01, 0.99));
  return options;
}

Result<PrivacyAudit> drive(const AuditOptions& options, std::span<const FederatedClient> clients, const std::string& label, bool shows_progress) {
  program::Progress progress(label, options.plan.plan.federation.rounds, shows_progress);
  Result<PrivacyAudit> audit = audit_privacy(options, clients, [&](std::uint64_t round) {
    progress.update(round);
    return !program::stop_requested().load();
  });
  if (audit) progress.finish();
  return audit;
}

Result<Report> run(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_TRY(pin_isa(arguments));
  FEDSPEND_ASSIGN(const AuditOptions options, audit_options(arguments));
  FEDSPEND_ASSIGN(const ReadPopulation data, read_data(arguments));
  const std::vector<FederatedClient> clients = federated_clients(data.population, options.plan.plan);
  const bool shows_progress = !arguments.flag("no-progress");
  FEDSPEND_ASSIGN(const PrivacyAudit audit, drive(options, clients, "rounds", shows_progress));
  std::optional<PrivacyAudit> without;
  if (options.plan.plan.privacy.has_noise() && !arguments.flag("no-comparison")) {
    AuditOptions bare = options;
    const std::vector<std::string> no_noise = {"privacy.mode=none"};
    FEDSPEND_ASSIGN(bare.plan, apply_settings(options.plan, no_noise));
    FEDSPEND_ASSIGN(without, drive(bare, clients, "rounds without noise", shows_progress));
  }
  Report report;
  report.data = to_json(audit);
  report.data["delta"] = options.delta;
  report.data["confidence"] = options.confidence;
  report.data["privacy"] = to_string(options.plan.plan.privacy.mode);
  report.data["aggregation"] = to_string(options.plan.plan.aggregation.mode);
  report.data["demonstration"] = options.plan.plan.is_demonstration();
  report.data["without_noise"] = without ? to_json(*without) : nlohmann::json();
  report.text = demonstration_line(options.plan.plan) + to_text(options, audit, without);
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
      {.name = "guesses", .value_name = "N", .help = "canaries that are guessed about, chosen before the run; by default a third of those that are in a sum"},
      {.name = "delta", .value_name = "D", .help = "of both bounds on epsilon; by default the plan's"},
      {.name = "confidence", .value_name = "C", .help = "of the lower bound", .default_text = "0.95"},
      {.name = "left-out", .value_name = "SHARE", .help = "share of the clients that never takes part, for the attack on membership", .default_text = "0.5"},
      {.name = "seed", .value_name = "S", .help = "of coins, cohorts and the simulated devices", .default_text = "1"},
      {.name = "no-comparison", .value_name = "", .help = "leave out the second run, which is without noise"},
      isa_option(),
      {.name = "no-progress", .value_name = "", .help = "no progress display"}};
  options.insert(options.end(), own.begin(), own.end());
  return {.name = "audit",
          .summary = "what an attacker finds out in one run, beside what the accountant allows",
          .example = "fedspend-sim audit --plan simulations/plans/synthetic.toml --data out/synthetic/synthetic.toml --set aggregation.mode=open --set privacy.mode=central "
                     "--set privacy.noise_multiplier=0.5 --canaries 200",
          .options = std::move(options),
          .positional = "",
          .run = run};
}

}  // namespace fedspend::simulations
