// fedspend-sim run: a federation on one machine, on the machines of the daemon and the device.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "client/local_training.h"
#include "common/program/files.h"
#include "common/program/runtime.h"
#include "common/protocol/model_file.h"
#include "models/stock_models.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/course_options.h"
#include "simulations/commands/ranks_option.h"
#include "simulations/commands/read_command.h"
#include "simulations/commands/trainers_option.h"
#include "simulations/federation/cohort_size.h"
#include "simulations/plans/plan_settings.h"
#include "simulations/reports/quantities.h"
#include "simulations/runs/output_folder.h"
#include "simulations/runs/run_folder.h"
#include "simulations/runs/synthetic_clients.h"
#include "simulations/runs/world_summary.h"

namespace fedspend::simulations {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

struct RunRequest {
  RunOptions run;
  fs::path out;
  bool resume = false;
  WantedReferences references = WantedReferences::automatic;
  bool personalise = false;
  std::optional<ClientNames> per_client;  // per_client.csv
  std::optional<models::ProcessGroupOptions> ranks;  // of a run that several processes share
  bool progress = true;

  // Rank 0 alone has files.
  bool writes() const { return !ranks || ranks->rank == 0; }
};

Result<std::optional<ClientNames>> wanted_names(const Arguments& arguments) {
  const auto wanted = arguments.optional_text("per-client");
  if (!wanted) return std::nullopt;
  if (*wanted == "ranks") return ClientNames::ranks;
  if (*wanted == "labels") return ClientNames::labels;
  return fail(ErrorCode::invalid_argument, "--per-client \"" + *wanted + "\" is not known", "ranks (names nobody) or labels (the clients' names in the data)");
}

// --set, --rounds and --cohort change the plan: what runs, and what is written down, is then the resolved plan.
Result<PlanFile> resolved_plan(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("plan"));
  FEDSPEND_ASSIGN(PlanFile given, read_plan_file(path));
  FEDSPEND_TRY(choose_trainers(arguments, given));
  FEDSPEND_ASSIGN(PlanFile file, apply_settings(given, arguments.texts("set")));
  if (!arguments.has("rounds") && !arguments.has("cohort")) return file;
  if (arguments.has("rounds")) {
    FEDSPEND_ASSIGN(const std::int64_t rounds, arguments.integer("rounds", 1, 1'000'000));
    file.plan.federation.rounds = static_cast<std::uint32_t>(rounds);
  }
  if (arguments.has("cohort")) {
    FEDSPEND_ASSIGN(const std::int64_t cohort, arguments.integer("cohort", 1, 1'000'000));
    file.plan.federation.cohort = static_cast<std::uint32_t>(cohort);
    file.plan.federation.min_cohort = std::min(file.plan.federation.min_cohort, file.plan.most_min_cohort());
    if (file.plan.federation.selection_pool != 0) file.plan.federation.selection_pool = std::max(file.plan.federation.selection_pool, file.plan.devices_asked());
  }
  std::string text = write_plan(file.plan);
  FEDSPEND_ASSIGN(Plan plan, parse_plan(text));  // the changed values are held to the same rules
  return plan_file_of(std::move(text), std::move(plan), std::move(file.trainers));
}

Result<RunRequest> run_request(const Arguments& arguments) {
  FEDSPEND_ASSIGN(PlanFile plan, resolved_plan(arguments));
  FEDSPEND_ASSIGN(const RunCourse course, read_course(arguments));
  FEDSPEND_TRY(check_kept_models(course, plan.plan.federation.rounds));
  FEDSPEND_ASSIGN(const std::int64_t seed, arguments.integer("seed", 0, INT64_MAX));
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  RunRequest request{.run = run_options(std::move(plan), course, static_cast<std::uint64_t>(seed), static_cast<unsigned>(threads)), .out = {}, .per_client = {}, .ranks = {}};
  FEDSPEND_ASSIGN(request.ranks, ranks_of(arguments));
  RunOptions& options = request.run;
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  request.out = out;
  if (const auto path = arguments.optional_text("cohorts")) {
    FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(*path, std::size_t{1} << 30));
    Result<std::vector<RecordedRound>> recorded = parse_cohort_log(as_text(bytes));
    if (!recorded) return fail(recorded.error().code, *path + ": " + recorded.error().message, recorded.error().hint);
    options.federation.recorded = std::move(*recorded);
    if (!options.federation.recorded.empty() && arguments.has("world"))
      return fail(ErrorCode::invalid_argument, "--cohorts repeats what happened, so that there is nothing for --world to decide", "leave one of the two out");
  }
  request.resume = arguments.flag("resume");
  FEDSPEND_ASSIGN(const std::string references, arguments.text("references"));
  Result<WantedReferences> wanted = parse_wanted_references(references);
  if (!wanted) return fail(wanted.error().code, "--references " + wanted.error().message, wanted.error().hint);
  request.references = *wanted;
  request.personalise = arguments.flag("personalise");
  if (request.personalise) FEDSPEND_TRY(check_personal(options.plan.plan, options.plan.trainers));
  FEDSPEND_ASSIGN(request.per_client, wanted_names(arguments));
  request.progress = !arguments.flag("no-progress");
  return request;
}

std::string text_of(const RunRequest& request, const nlohmann::json& summary, const ModelScores& scores, const RunAnalysis& analysis, const DpStatement& statement) {
  char line[256];
  std::snprintf(line, sizeof line, "%llu rounds, %.0f updates, %.1f s (%.0f clients per second), %.0f bytes up and %.0f down per update\n",
                summary["rounds"].get<unsigned long long>(), summary["updates"].get<double>(), summary["seconds"].get<double>(), summary["clients_per_second"].get<double>(),
                summary["bytes_up_per_client"].get<double>(), summary["bytes_down_per_client"].get<double>());
  return demonstration_line(request.run.plan.plan) +
         evaluation_table(scores, analysis.baselines, analysis.references) + (analysis.personal ? "\n" + to_text(*analysis.personal) + "\n" : "") + line + short_text(statement) + "\nresults: " + request.out.string() + "\n";
}

// --evaluate-clients is the size of the sample of clients that are made on demand.
Result<DataDescription> run_description(const Arguments& arguments) {
  FEDSPEND_ASSIGN(DataDescription description, description_of(arguments));
  if (!arguments.has("evaluate-clients")) return description;
  if (!description.synthetic)
    return fail(ErrorCode::invalid_argument, "--evaluate-clients is for clients that are made on demand ([synthetic] in the data description)", "leave it out: all clients of the files are evaluated");
  FEDSPEND_ASSIGN(const std::int64_t sample, arguments.integer("evaluate-clients", 1, static_cast<std::int64_t>(description.synthetic->clients)));
  description.synthetic->sample = static_cast<std::uint64_t>(sample);
  return description;
}

std::unique_ptr<ClientSource> source_of(const DataDescription& description, const Plan& plan, std::span<const FederatedClient> clients) {
  if (!description.synthetic) return std::make_unique<MemoryClients>(clients);
  const SyntheticRules& rules = *description.synthetic;
  return std::make_unique<SyntheticClients>(SyntheticOptions{.seed = rules.seed, .clients = rules.clients, .months = rules.months}, plan);
}

std::string progress_note(const Plan& plan, const std::optional<HeldOutScore>& score) {
  if (!score || score->predictions == 0) return {};
  return std::string(models::stock_model_or_first(plan.model.name).measure.name) + " " + fixed_text(score->headline(), 3);
}

std::string resume_hint(const fs::path& checkpoint_file) { return "go on with --resume: " + checkpoint_file.string() + " holds the last checkpoint"; }

// The federation alone, with what is shown and kept on the way.
Result<RunResult> drive(const RunRequest& request, const ClientSource& source, std::span<const FederatedClient> clients, std::optional<RunCheckpoint> checkpoint) {
  program::Progress progress("rounds", request.run.plan.plan.federation.rounds, request.progress && request.writes());
  const fs::path checkpoint_file = checkpoint_path(request.out);
  std::string note;  // of the last evaluation
  Result<RunResult> ran = run_federation(request.run, source, clients, [&](const SimulatedRound& round, const std::optional<HeldOutScore>& score) {
    if (score) note = progress_note(request.run.plan.plan, score);
    if (round.summary.published) progress.update(round.summary.round.value, note);
    return !program::stop_requested().load();
  }, [&](const RunCheckpoint& reached) { return program::write_file_atomically(checkpoint_file, encode_checkpoint(reached)); }, std::move(checkpoint));
  const bool can_resume = request.writes() && fs::exists(checkpoint_file);
  if (!ran && program::stop_requested().load()) return fail(ran.error().code, ran.error().message, can_resume ? resume_hint(checkpoint_file) : ran.error().hint);
  if (ran && ran->stopped)
    return fail(ErrorCode::io, "stopped by a signal after round " + std::to_string(ran->record.rounds()), can_resume ? resume_hint(checkpoint_file) : "nothing was written");
  if (ran) progress.finish();
  return ran;
}

// What a rank that writes nothing has to say.
Report report_of_rank(const RunRequest& request, const RunResult& result) {
  Report report;
  const std::string model = hash_of_weights(weights_to_bytes(*result.weights)).hex();
  report.data = {{"rank", request.ranks->rank}, {"world_size", request.ranks->size}, {"rounds", result.record.rounds()}, {"model_hash", model}};
  report.text = "rank " + std::to_string(request.ranks->rank) + " of " + std::to_string(request.ranks->size) + ": " + std::to_string(result.record.rounds()) + " rounds, model " + model + "; rank 0 writes the results\n";
  return report;
}

Result<Report> run(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_TRY(pin_isa(arguments));
  FEDSPEND_ASSIGN(RunRequest request, run_request(arguments));
  const RunOptions& options = request.run;
  std::optional<OutputFolder> folder;
  std::optional<RunCheckpoint> checkpoint;
  const fs::path checkpoint_file = checkpoint_path(request.out);
  if (request.writes()) {
    FEDSPEND_ASSIGN(OutputFolder made, OutputFolder::create(request.out, "fedspend-sim run"));
    folder.emplace(std::move(made));
    FEDSPEND_ASSIGN(checkpoint, find_checkpoint(checkpoint_file, request.resume));
    program::remove_partials_of(checkpoint_file);  // of a run that was killed while it wrote one
  }
  FEDSPEND_ASSIGN(const DataDescription description, run_description(arguments));
  FEDSPEND_ASSIGN(const ReadPopulation data, read_data(arguments, description));
  const std::vector<FederatedClient> clients = federated_clients(data.population, options.plan.plan);
  const std::unique_ptr<ClientSource> source = source_of(description, options.plan.plan, clients);
  const std::string note = options.federation.recorded.empty() ? cohort_note(options.plan.plan, eligible_clients(options.plan.plan, *source)) : "";
  if (!note.empty() && request.writes()) program::log(program::LogLevel::warning, note);
  std::unique_ptr<RankExchange> ranks;
  if (request.ranks) {
    FEDSPEND_ASSIGN(ranks, join_ranks(*request.ranks));
    request.run.federation.exchange = ranks.get();
  }
  FEDSPEND_ASSIGN(const RunResult result, drive(request, *source, clients, std::move(checkpoint)));
  if (!request.writes()) return report_of_rank(request, result);

  const Result<RunAnalysis> analysed = analyse_run(options, result, clients, compute_baselines(data.population, evaluation_rule(options.plan.plan)),
                                                   {.references = references_for(request.references, options, clients), .personalise = request.personalise}, [] { return !program::stop_requested().load(); });
  if (!analysed) {
    const bool can_resume = program::stop_requested().load() && fs::exists(checkpoint_file);
    return fail(analysed.error().code, analysed.error().message, can_resume ? resume_hint(checkpoint_file) : analysed.error().hint);
  }
  const RunAnalysis& analysis = *analysed;
  Report report;
  if (!note.empty()) report.data["note"] = note;
  FEDSPEND_ASSIGN(const DpStatement statement, statement_of(options, result));
  report.data["summary"] = run_summary(options, result, clients, analysis, statement);
  report.data["out"] = request.out.string();
  report.data["peak_memory_bytes"] = program::peak_memory_bytes();
  FEDSPEND_TRY(write_run(options, result, report.data["summary"], statement, folder->partial()));
  if (request.per_client) FEDSPEND_TRY(program::write_file_atomically(folder->partial() / "per_client.csv", as_bytes(client_csv(analysis.clients, *request.per_client))));
  FEDSPEND_TRY(folder->commit());
  std::error_code ignored;
  fs::remove(checkpoint_file, ignored);
  report.text = text_of(request, report.data["summary"], result.scores, analysis, statement) + world_line(options, result) + (note.empty() ? "" : note + "\n") +
                "peak memory: " + std::to_string(program::peak_memory_bytes() >> 20) + " MiB\n";
  return report;
}

}  // namespace

program::Command run_command() {
  std::vector<program::Option> options = data_options();
  const std::vector<program::Option> own = {
      {.name = "plan", .value_name = "FILE", .help = "the plan (`fedspend-sim plan` drafts one)", .required = true},
      {.name = "out", .value_name = "DIR", .help = "folder for the resolved plan, the metrics, the model and its card, report.html and TensorBoard's events: new, empty, or written by this command before", .required = true},
      {.name = "set", .value_name = "KEY=VALUE", .help = "sets a key of the plan, e.g. server.optimizer=fedadam", .repeated = true},
      {.name = "rounds", .value_name = "N", .help = "instead of the plan's"},
      {.name = "cohort", .value_name = "N", .help = "instead of the plan's"},
      {.name = "seed", .value_name = "S", .help = "of the cohorts and the simulated devices", .default_text = "1"},
      {.name = "cohorts", .value_name = "FILE", .help = "repeat the cohorts of a federation that ran (cohorts.jsonl of a coordinator)"},
      trainers_option(),
      {.name = "resume", .value_name = "", .help = "go on from DIR.checkpoint, which a run that was stopped or killed has left; without one, begin"},
      {.name = "evaluate-clients", .value_name = "N", .help = "clients that are evaluated where they are made on demand; by default the description's sample"},
      isa_option(),
      {.name = "references", .value_name = "WHICH", .help = "central and local-only training for the report: all, none, or auto: where they cost no more than the federation", .default_text = "auto"},
      {.name = "personalise", .value_name = "", .help = "afterwards also adapts the model to each client, as a device does: what that is worth and for whom it fails, in the report"},
      {.name = "per-client", .value_name = "NAMES", .help = "also write per_client.csv, one line a client, with ranks (names nobody) or labels"},
      {.name = "no-progress", .value_name = "", .help = "no progress display"}};
  for (const std::vector<program::Option>& more : {own, course_options(), ranks_options()}) options.insert(options.end(), more.begin(), more.end());
  return {.name = "run",
          .summary = "train a model in a federation on this machine",
          .example = "fedspend-sim run --plan simulations/plans/purchase-cards.toml --data simulations/data/purchase-cards.toml --data-root ../shared/data --out out/cards",
          .options = std::move(options),
          .positional = "",
          .run = run};
}

}  // namespace fedspend::simulations
