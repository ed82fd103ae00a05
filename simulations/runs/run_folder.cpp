#include "simulations/runs/run_folder.h"

#include <cstdio>
#include <utility>

#include "common/program/files.h"
#include "common/program/program.h"
#include "common/protocol/model_file.h"
#include "simulations/reports/model_card.h"
#include "simulations/reports/run_report.h"
#include "simulations/runs/world_summary.h"

namespace fedspend::simulations {
namespace {

Status write_text(const std::filesystem::path& path, const std::string& text) { return program::write_file_atomically(path, as_bytes(text)); }

// models/round-000100.fsm
Status write_kept_models(const RunOptions& options, const RunResult& result, const std::filesystem::path& folder) {
  if (result.kept.empty()) return {};
  FEDSPEND_TRY(program::ensure_writable_directory(folder / "models"));
  for (const KeptModel& kept : result.kept) {
    char name[40];
    std::snprintf(name, sizeof name, "round-%06llu.fsm", static_cast<unsigned long long>(kept.round));
    const ModelFile model{options.plan.plan.model.name, options.plan.hash, kept.round, options.plan.plan.is_demonstration(), kept.weights};
    FEDSPEND_TRY(program::write_file_atomically(folder / "models" / name, encode_model_file(model)));
  }
  return {};
}

// As dp-statement.json has them.
void add_privacy(const DpStatement& statement, nlohmann::json& summary) {
  const nlohmann::json json = to_json(statement);
  summary["delta"] = json["delta"];
  for (const char* key : {"epsilon", "simulated_epsilon"}) summary[key] = json["so_far"][key];
  summary["most_participations"] = json["so_far"]["participations"];
}

}  // namespace

Result<DpStatement> statement_of(const RunOptions& options, const RunResult& result) {
  FEDSPEND_ASSIGN(DpStatement statement, make_dp_statement(options.plan.plan, options.plan.hash, std::string(program::version()), NoiseSource::seed));
  statement.bring_up_to(result.record.rounds(), result.ledger);
  return statement;
}

nlohmann::json run_summary(const RunOptions& options, const RunResult& result, std::span<const FederatedClient> clients, const RunAnalysis& analysis, const DpStatement& statement) {
  nlohmann::json summary = evaluation_json(result.scores, analysis.baselines);
  summary.update(result.record.summary(result.seconds));
  summary["simulated_seconds"] = static_cast<double>(result.simulated_time.count()) / 1000;
  std::uint64_t rows = 0;
  for (const FederatedClient& client : clients) rows += client.rows.size();
  summary["clients"] = clients.size();
  summary["rows_in_all"] = rows;
  summary["held_out_rows"] = analysis.baselines.held_out;
  summary["eligible_clients"] = result.eligible_clients;
  summary["per_client"] = client_summary(analysis.clients);
  summary["references"] = analysis.references ? references_json(*analysis.references) : nlohmann::json();
  if (analysis.personal) summary["personal"] = to_json(*analysis.personal);
  summary["seed"] = options.federation.seed;
  summary["threads"] = options.federation.threads;
  summary["plan_hash"] = options.plan.hash.hex();
  summary["model_hash"] = hash_of_weights(weights_to_bytes(*result.weights)).hex();
  summary["model_round"] = result.model_round;
  summary["stopped_early"] = result.stopped_early;
  if (options.early_stopping.evaluations != 0) summary["best_round"] = result.model_round;
  summary.update(world_summary(options, result));
  summary["checkpoint_every"] = options.federation.segment_rounds;
  add_privacy(statement, summary);
  summary["demonstration"] = options.plan.plan.is_demonstration();
  return summary;
}

std::vector<ScalarEvent> scalar_events(const RunRecord& record) {
  constexpr std::pair<const char*, const char*> kTags[] = {
      {"eval_accuracy", "held out/accuracy"}, {"eval_top3", "held out/among 3"},           {"eval_loss", "held out/loss"},        {"update_norm_l2", "update/norm l2"},
      {"updates", "devices/updates"},         {"asked", "devices/asked"},                  {"declined", "devices/declined"},      {"bytes_up", "bytes/up"},
      {"bytes_down", "bytes/down"},           {"epsilon", "privacy/epsilon"},
  };
  std::vector<ScalarEvent> events;
  for (const auto& line : record.lines()) {
    if (!line.at("published").get<bool>()) continue;  // an aborted round is a step that comes again
    for (const auto& [key, tag] : kTags)
      if (!line.at(key).is_null()) events.push_back({line.at("round").get<std::int64_t>(), line.at("simulated_ms").get<double>() / 1000, tag, line.at(key).get<float>()});
  }
  return events;
}

Status write_run(const RunOptions& options, const RunResult& result, const nlohmann::json& summary, const DpStatement& statement, const std::filesystem::path& folder) {
  const Plan& plan = options.plan.plan;
  const ModelFile model{plan.model.name, options.plan.hash, result.model_round, plan.is_demonstration(), *result.weights};
  const RunFacts facts{options.plan.text, plan, summary, {result.record.lines().begin(), result.record.lines().end()}, to_json(statement)};
  FEDSPEND_TRY(write_text(folder / "plan.toml", options.plan.text));
  if (plan.model.is_torchscript()) FEDSPEND_TRY(program::write_file_atomically(folder / plan.model.file, *options.plan.trainers.model_file));  // it goes with its plan
  FEDSPEND_TRY(write_text(folder / "metrics.jsonl", result.record.jsonl()));
  FEDSPEND_TRY(write_text(folder / "metrics.csv", result.record.csv()));
  FEDSPEND_TRY(write_text(folder / kDpStatementText, to_text(statement)));
  FEDSPEND_TRY(write_text(folder / kDpStatementJson, to_json(statement).dump(2) + "\n"));
  FEDSPEND_TRY(program::write_file_atomically(folder / "model.fsm", encode_model_file(model)));
  FEDSPEND_TRY(write_kept_models(options, result, folder));
  FEDSPEND_TRY(write_text(folder / "model-card.md", model_card(facts)));
  FEDSPEND_TRY(write_text(folder / "report.html", run_report(facts)));
  FEDSPEND_TRY(program::write_file_atomically(folder / kEventFileName, encode_event_file(scalar_events(result.record))));
  return write_text(folder / "summary.json", summary.dump(2) + "\n");
}

}  // namespace fedspend::simulations
