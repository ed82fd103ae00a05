// fedspend-sim run: a federation on one machine, on the machines of the daemon and the device.

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "common/program/files.h"
#include "common/program/runtime.h"
#include "common/protocol/model_file.h"
#include "simulations/commands.h"
#include "simulations/evaluation_table.h"
#include "simulations/federation.h"
#include "simulations/output_folder.h"
#include "simulations/plan_file.h"
#include "simulations/read_command.h"
#include "simulations/run_record.h"

namespace fedspend::simulations {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

struct RunOptions {
  PlanFile plan;
  fs::path out;
  FederationOptions federation;
  std::uint32_t evaluate_every = 1;
  bool progress = true;
};

// --rounds and --cohort change the plan: what runs, and what is written down, is then the resolved plan.
Result<PlanFile> resolved_plan(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("plan"));
  FEDSPEND_ASSIGN(PlanFile file, read_plan_file(path));
  if (!arguments.has("rounds") && !arguments.has("cohort")) return file;
  if (arguments.has("rounds")) {
    FEDSPEND_ASSIGN(const std::int64_t rounds, arguments.integer("rounds", 1, 1'000'000));
    file.plan.federation.rounds = static_cast<std::uint32_t>(rounds);
  }
  if (arguments.has("cohort")) {
    FEDSPEND_ASSIGN(const std::int64_t cohort, arguments.integer("cohort", 1, 1'000'000));
    file.plan.federation.cohort = static_cast<std::uint32_t>(cohort);
    file.plan.federation.min_cohort = std::min(file.plan.federation.min_cohort, file.plan.federation.cohort);
    if (file.plan.federation.selection_pool != 0) file.plan.federation.selection_pool = std::max(file.plan.federation.selection_pool, file.plan.devices_asked());
  }
  std::string text = write_plan(file.plan);
  FEDSPEND_ASSIGN(Plan plan, parse_plan(text));  // the changed values are held to the same rules
  return plan_file_of(std::move(text), std::move(plan));
}

Result<client::DevicePolicy> simulated_policy(const Arguments& arguments, const Plan& plan) {
  if (const auto path = arguments.optional_text("policy")) {
    FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(*path, 1 << 16));
    Result<client::DevicePolicy> policy = client::parse_policy(as_text(bytes));
    if (!policy) return fail(policy.error().code, *path + ": " + policy.error().message, policy.error().hint);
    return policy;
  }
  // Nobody's customer is in a simulation: without a policy file its devices accept what the plan says, and the output says so.
  client::DevicePolicy policy;
  policy.purposes = {plan.purpose};
  policy.min_cohort = 1;
  policy.max_clip_norm_l2 = plan.aggregation.clip_norm_l2;
  policy.allow_open_aggregation = true;
  policy.allow_no_privacy = true;
  return policy;
}

Result<RunOptions> run_options(const Arguments& arguments) {
  FEDSPEND_ASSIGN(PlanFile plan, resolved_plan(arguments));
  RunOptions options{.plan = std::move(plan), .out = {}, .federation = {}};
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  options.out = out;
  FEDSPEND_ASSIGN(const std::int64_t seed, arguments.integer("seed", 0, INT64_MAX));
  options.federation.seed = static_cast<std::uint64_t>(seed);
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  options.federation.threads = static_cast<unsigned>(threads);
  FEDSPEND_ASSIGN(options.federation.policy, simulated_policy(arguments, options.plan.plan));
  if (const auto path = arguments.optional_text("cohorts")) {
    FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(*path, std::size_t{1} << 30));
    Result<std::vector<RecordedRound>> recorded = parse_cohort_log(as_text(bytes));
    if (!recorded) return fail(recorded.error().code, *path + ": " + recorded.error().message, recorded.error().hint);
    options.federation.recorded = std::move(*recorded);
  }
  const std::uint32_t rounds = options.plan.plan.federation.rounds;
  options.evaluate_every = std::max(1U, rounds / 10);
  if (arguments.has("evaluate-every")) {
    FEDSPEND_ASSIGN(const std::int64_t every, arguments.integer("evaluate-every", 1, 1'000'000));
    options.evaluate_every = static_cast<std::uint32_t>(every);
  }
  options.progress = !arguments.flag("no-progress");
  return options;
}

// Drives the federation and writes down what happens. Evaluation is not part of the timed work.
class Run {
 public:
  Run(const RunOptions& options, const std::vector<FederatedClient>& clients)
      : options_(options), clients_(clients), progress_("rounds", options.plan.plan.federation.rounds, options.progress), record_(options.plan.plan) {}

  Status drive(Federation& federation) {
    Status evaluated;
    const auto begun = std::chrono::steady_clock::now();
    FEDSPEND_TRY(federation.run([&](const SimulatedRound& round) {
      evaluated = on_round(round);
      const bool done = round.summary.published && round.summary.round.value >= last_round();
      return evaluated.has_value() && !done && !program::stop_requested().load();
    }));
    FEDSPEND_TRY(evaluated);
    progress_.finish();
    if (program::stop_requested().load()) return fail(ErrorCode::io, "stopped by a signal after round " + std::to_string(record_.rounds()), "nothing was written");
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() - evaluation_seconds_;
    return {};
  }

  const RunRecord& record() const { return record_; }
  double seconds() const { return seconds_; }
  // After the last published round; the initial ones before.
  const std::shared_ptr<const std::vector<float>>& weights() const { return weights_; }

 private:
  Status on_round(const SimulatedRound& round) {
    std::optional<HeldOutScore> score;
    const std::uint64_t number = round.summary.round.value;
    if (round.summary.published && (number % options_.evaluate_every == 0 || number == last_round())) {
      const auto begun = std::chrono::steady_clock::now();
      FEDSPEND_ASSIGN(score_, evaluate_held_out(options_.plan.plan, *round.weights, clients_, models::Counting::frozen, options_.federation.threads));
      evaluation_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
      score = score_;
    }
    record_.add(round, score);
    weights_ = round.weights;
    if (round.summary.published) progress_.update(number, note());
    return {};
  }

  // A recorded federation may have ended before its plan's last round.
  std::uint64_t last_round() const {
    const std::uint64_t planned = options_.plan.plan.federation.rounds;
    return options_.federation.recorded.empty() ? planned : std::min(planned, options_.federation.recorded.back().round);
  }

  std::string note() const {
    char text[48];
    std::snprintf(text, sizeof text, "accuracy %.3f", score_.accuracy());
    return score_.predictions == 0 ? std::string() : text;
  }

  const RunOptions& options_;
  const std::vector<FederatedClient>& clients_;
  program::Progress progress_;
  RunRecord record_;
  HeldOutScore score_;
  std::shared_ptr<const std::vector<float>> weights_;
  double evaluation_seconds_ = 0;
  double seconds_ = 0;
};

Status write_outputs(const RunOptions& options, const fs::path& folder, const Run& run, const std::vector<float>& weights, const nlohmann::json& summary) {
  const Plan& plan = options.plan.plan;
  const ModelFile model{plan.model.name, options.plan.hash, run.record().rounds(), plan.is_demonstration(), weights};
  FEDSPEND_TRY(program::write_file_atomically(folder / "plan.toml", as_bytes(options.plan.text)));
  FEDSPEND_TRY(program::write_file_atomically(folder / "metrics.jsonl", as_bytes(run.record().jsonl())));
  FEDSPEND_TRY(program::write_file_atomically(folder / "metrics.csv", as_bytes(run.record().csv())));
  FEDSPEND_TRY(program::write_file_atomically(folder / "model.fsm", encode_model_file(model)));
  return program::write_file_atomically(folder / "summary.json", as_bytes(summary.dump(2) + "\n"));
}

std::string text_of(const RunOptions& options, const nlohmann::json& summary, const ModelScores& scores, const Baselines& baselines) {
  char line[256];
  std::snprintf(line, sizeof line, "%llu rounds, %.0f updates, %.1f s (%.0f clients per second), %.0f bytes up and %.0f down per update\n",
                summary["rounds"].get<unsigned long long>(), summary["updates"].get<double>(), summary["seconds"].get<double>(), summary["clients_per_second"].get<double>(),
                summary["bytes_up_per_client"].get<double>(), summary["bytes_down_per_client"].get<double>());
  return (options.plan.plan.is_demonstration() ? std::string(kDemonstrationNote) : std::string()) +
         evaluation_table(scores, baselines) + line + "results: " + options.out.string() + "\n";
}

Result<Report> run(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_ASSIGN(const RunOptions options, run_options(arguments));
  FEDSPEND_ASSIGN(OutputFolder folder, OutputFolder::create(options.out, "fedspend-sim run"));
  FEDSPEND_ASSIGN(const ReadPopulation data, read_data(arguments));
  const std::vector<FederatedClient> clients = federated_clients(data.population, options.plan.plan);
  FEDSPEND_ASSIGN(std::vector<float> weights, initial_weights(options.plan.plan));
  FEDSPEND_ASSIGN(const auto federation, Federation::create(clients, options.plan.text, std::move(weights), options.federation));

  Run running(options, clients);
  FEDSPEND_TRY(running.drive(*federation));
  const std::vector<float>& trained = *running.weights();
  FEDSPEND_ASSIGN(const ModelScores scores, score_model(options.plan.plan, running.record().rounds(), trained, clients, options.federation.threads));
  const Baselines baselines = compute_baselines(data.population, evaluation_rule(options.plan.plan));
  Report report;
  report.data["summary"] = evaluation_json(scores, baselines);
  report.data["summary"].update(running.record().summary(running.seconds()));
  nlohmann::json& summary = report.data["summary"];
  summary["eligible_clients"] = federation->eligible_clients();
  summary["seed"] = options.federation.seed;
  summary["threads"] = options.federation.threads;
  summary["plan_hash"] = options.plan.hash.hex();
  summary["model_hash"] = hash_of_weights(weights_to_bytes(trained)).hex();
  summary["epsilon"] = nullptr;  // no noise was added: there is no guarantee to state
  summary["delta"] = nullptr;
  summary["demonstration"] = options.plan.plan.is_demonstration();
  report.data["out"] = options.out.string();
  FEDSPEND_TRY(write_outputs(options, folder.partial(), running, trained, summary));
  FEDSPEND_TRY(folder.commit());
  report.text = text_of(options, summary, scores, baselines);
  return report;
}

}  // namespace

program::Command run_command() {
  std::vector<program::Option> options = data_options();
  const std::vector<program::Option> own = {
      {.name = "plan", .value_name = "FILE", .help = "the plan (`fedspend-sim plan` drafts one)", .required = true},
      {.name = "out", .value_name = "DIR", .help = "folder for plan.toml, metrics.jsonl, metrics.csv, model.fsm and summary.json: new, empty, or written by this command before", .required = true},
      {.name = "rounds", .value_name = "N", .help = "instead of the plan's"},
      {.name = "cohort", .value_name = "N", .help = "instead of the plan's"},
      {.name = "seed", .value_name = "S", .help = "of the cohorts and the simulated devices", .default_text = "1"},
      {.name = "cohorts", .value_name = "FILE", .help = "repeat the cohorts of a federation that ran (cohorts.jsonl of a coordinator)"},
      {.name = "policy", .value_name = "FILE", .help = "the simulated devices' policy (TOML); without it they accept the plan"},
      {.name = "evaluate-every", .value_name = "N", .help = "rounds between evaluations; by default ten in all"},
      {.name = "no-progress", .value_name = "", .help = "no progress display"}};
  options.insert(options.end(), own.begin(), own.end());
  return {.name = "run",
          .summary = "train a model in a federation on this machine",
          .example = "fedspend-sim run --plan simulations/plans/purchase-cards.toml --data simulations/data/purchase-cards.toml --data-root ../shared/data --out out/cards",
          .options = std::move(options),
          .positional = "",
          .run = run};
}

}  // namespace fedspend::simulations
