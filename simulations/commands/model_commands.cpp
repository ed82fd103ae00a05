// fedspend-sim init and evaluate: a plan's initial model, and the accuracy of a model.

#include <thread>
#include <utility>

#include "common/program/files.h"
#include "common/protocol/model_file.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/commands/trainers_option.h"
#include "simulations/plans/plan_file.h"
#include "simulations/population/injected_unusual.h"
#include "simulations/runs/evaluation_table.h"
#include "simulations/runs/occurrence_scores.h"
#include "simulations/runs/personal_scores.h"
#include "simulations/runs/unusual_scores.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;
using program::Report;

constexpr std::size_t kMaxModelFileBytes = (std::size_t{4} << 24) + 4096;

Result<Report> init(const Arguments& arguments) {
  FEDSPEND_TRY(pin_isa(arguments));
  FEDSPEND_ASSIGN(const std::string plan_path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  FEDSPEND_ASSIGN(const PlanFile file, read_plan_file(plan_path));
  FEDSPEND_ASSIGN(std::vector<float> weights, initial_weights(file.plan, file.trainers));
  const ModelHash hash = hash_of_weights(weights_to_bytes(weights));
  const std::size_t count = weights.size();
  const ModelFile model{file.plan.model.name, file.hash, 0, file.plan.is_demonstration(), std::move(weights)};
  FEDSPEND_TRY(program::write_file_atomically(out, encode_model_file(model)));
  Report report;
  report.data = {{"model", out}, {"parameters", count}, {"model_hash", hash.hex()}};
  report.text = out + ": " + file.plan.model.name + " with " + std::to_string(count) + " parameters, not trained yet\n";
  return report;
}

Result<Report> evaluate(const Arguments& arguments) {
  FEDSPEND_TRY(pin_isa(arguments));
  FEDSPEND_ASSIGN(const std::string plan_path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const std::string model_path, arguments.text("model"));
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  FEDSPEND_ASSIGN(PlanFile file, read_plan_file(plan_path));
  FEDSPEND_TRY(choose_trainers(arguments, file));
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(model_path, kMaxModelFileBytes));
  const Result<ModelFile> model = decode_model_file(bytes);
  if (!model) return fail(model.error().code, model_path + ": " + model.error().message, model.error().hint);
  if (model->plan_hash != file.hash)
    return fail(ErrorCode::invalid_argument, model_path + " was made for another plan than " + plan_path, "give the plan that the model was trained with");
  FEDSPEND_ASSIGN(ReadPopulation data, read_data(arguments));
  FEDSPEND_ASSIGN(const std::int64_t injected, arguments.integer("inject-unusual", 0, 1000));
  if (injected > 0) {
    FEDSPEND_ASSIGN(data.population, inject_unusual(data.population, static_cast<std::uint32_t>(injected), 1));
  }
  const std::vector<FederatedClient> clients = federated_clients(data.population, file.plan);
  FEDSPEND_ASSIGN(const ModelScores scores, score_model(file.plan, model->round, model->weights, clients, static_cast<unsigned>(threads), nullptr, file.trainers));
  const Baselines baselines = compute_baselines(data.population, evaluation_rule(file.plan));

  Report report;
  report.data = evaluation_json(scores, baselines);
  report.data["round"] = model->round;
  report.data["model_hash"] = hash_of_weights(weights_to_bytes(model->weights)).hex();
  report.data["demonstration"] = model->demonstration;
  report.text = demonstration_line(file.plan) +
                evaluation_table(scores, baselines);
  if (arguments.flag("personalise")) {
    FEDSPEND_ASSIGN(const PersonalScores personal, score_personal(file.plan, model->weights, clients, static_cast<unsigned>(threads), file.trainers));
    report.data["personal"] = to_json(personal);
    report.text += "\n" + to_text(personal);
  }
  if (arguments.flag("occurrences")) {
    FEDSPEND_ASSIGN(const OccurrenceScores occurrences, score_occurrences(file.plan, model->weights, clients, static_cast<unsigned>(threads), file.trainers));
    report.data["occurrences"] = to_json(occurrences);
    report.text += "\n" + to_text(occurrences);
  }
  if (file.plan.model.name == "unusual_activity" && data.population.labels().size() > 1) {
    FEDSPEND_ASSIGN(const UnusualScores unusual, score_unusual(file.plan, model->weights, data.population, static_cast<unsigned>(threads)));
    report.data["unusual"] = to_json(unusual);
    report.text += "\n" + to_text(unusual);
  }
  return report;
}

}  // namespace

program::Command init_command() {
  return {.name = "init",
          .summary = "write the initial model of a plan, where its first round begins",
          .example = "fedspend-sim init --plan plan.toml --out initial.fsm",
          .options = {{.name = "plan", .value_name = "FILE", .help = "the plan", .required = true},
                      {.name = "out", .value_name = "FILE", .help = "where the model goes", .required = true},
                      isa_option()},
          .positional = "",
          .run = init};
}

program::Command evaluate_command() {
  std::vector<program::Option> options = data_options();
  options.push_back({.name = "plan", .value_name = "FILE", .help = "the plan that the model was trained with", .required = true});
  options.push_back({.name = "model", .value_name = "FILE", .help = "model.fsm of a run or of a coordinator", .required = true});
  options.push_back({.name = "personalise", .value_name = "", .help = "also adapts the model to each client, as a device does, and says what that is worth and for whom it fails"});
  options.push_back({.name = "occurrences", .value_name = "", .help = "also says how well the day and the amount hold that a device gives with a next category"});
  options.push_back({.name = "inject-unusual", .value_name = "N", .help = "lays labelled unusual rows into the histories, an incident after N of a thousand rows (simulations/population/injected_unusual.h)", .default_text = "0"});
  options.push_back(trainers_option());
  options.push_back(isa_option());
  return {.name = "evaluate",
          .summary = "the accuracy of a model on the held-out rows, beside the baselines",
          .example = "fedspend-sim evaluate --plan plan.toml --data simulations/data/purchase-cards.toml --data-root ../shared/data --model out/model.fsm",
          .options = std::move(options),
          .positional = "",
          .run = evaluate};
}

}  // namespace fedspend::simulations
