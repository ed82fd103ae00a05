#include "simulations/runs/reference_table.h"

#include <algorithm>
#include <utility>

#include "common/program/program.h"
#include "models/stock_models.h"
#include "simulations/reports/quantities.h"
#include "simulations/runs/run.h"

namespace fedspend::simulations {
namespace {

struct Row {
  std::string key, name;
  std::vector<double> accuracies;  // one for each seed
  double mean_loss = 0;

  double mean() const {
    double sum = 0;
    for (const double accuracy : accuracies) sum += accuracy;
    return sum / static_cast<double>(accuracies.size());
  }
  double lowest() const { return *std::min_element(accuracies.begin(), accuracies.end()); }
  double highest() const { return *std::max_element(accuracies.begin(), accuracies.end()); }
};

template <class Score>
Row row_of(const ReferenceTable& table, std::string key, std::string name, Score score) {
  Row row{std::move(key), std::move(name), {}, 0};
  for (const SeedScores& seed : table.seeds) {
    row.accuracies.push_back(score(seed).headline());
    row.mean_loss += score(seed).loss() / static_cast<double>(table.seeds.size());
  }
  return row;
}

std::vector<Row> rows_of(const ReferenceTable& table) {
  return {row_of(table, "central", "central", [](const SeedScores& seed) -> const HeldOutScore& { return seed.references.central.figure().score; }),
          row_of(table, "federated", "federated", [](const SeedScores& seed) -> const HeldOutScore& { return seed.federated; }),
          row_of(table, "local_only", "local only", [](const SeedScores& seed) -> const HeldOutScore& { return seed.references.local_only.figure().score; })};
}

std::string epochs_text(const ReferenceTable& table, const Reference References::*which) {
  std::string text;
  for (const SeedScores& seed : table.seeds) text += (text.empty() ? "" : "; ") + std::to_string((seed.references.*which).figure().epochs) + " at " + fixed_text((seed.references.*which).figure().learning_rate, 3);
  return text;
}

}  // namespace

Result<ReferenceTable> make_reference_table(const PlanFile& plan, const Population& population, const std::vector<std::uint64_t>& seeds, const ReferenceOptions& options, const OnStep& on_step) {
  const std::vector<FederatedClient> clients = federated_clients(population, plan.plan);
  ReferenceTable table{plan.plan, {}, compute_baselines(population, evaluation_rule(plan.plan))};
  for (const std::uint64_t seed : seeds) {
    const auto go_on = [&](const char* what) { return on_step("seed " + std::to_string(seed) + ", " + what); };
    RunOptions run{.plan = plan};
    run.federation.seed = seed;
    run.federation.threads = options.threads;
    run.federation.policy = accepting_policy(plan.plan);
    run.evaluate_every = plan.plan.federation.rounds;
    FEDSPEND_ASSIGN(const RunResult result, run_federation(run, clients, [&](const SimulatedRound&, const std::optional<HeldOutScore>&) { return go_on("federated training"); }));
    if (result.stopped) return fail(ErrorCode::io, "stopped by a signal", "nothing was written");
    ReferenceOptions of_seed = options;
    of_seed.seed = seed;
    FEDSPEND_ASSIGN(Reference local_only, train_local_only(plan.plan, clients, of_seed, [&] { return go_on("local-only training"); }));
    FEDSPEND_ASSIGN(Reference central, train_centrally(plan.plan, clients, of_seed, [&] { return go_on("central training"); }));
    table.seeds.push_back({seed, result.scores.frozen, {std::move(local_only), std::move(central)}});
  }
  return table;
}

std::string to_text(const ReferenceTable& table) {
  const models::Measure& measure = models::stock_model_or_first(table.plan.model.name).measure;
  const std::string headline(measure.headline);
  std::vector<std::vector<std::string>> rows = {{std::string(measure.predicted) + ": " + headline, "mean", "lowest", "highest", "loss", "epochs at learning rate"}};
  for (const Row& row : rows_of(table)) {
    const std::string epochs = row.key == "central" ? epochs_text(table, &References::central) : row.key == "local_only" ? epochs_text(table, &References::local_only) : "";
    rows.push_back({row.name, fixed_text(row.mean(), 4), fixed_text(row.lowest(), 4), fixed_text(row.highest(), 4), fixed_text(row.mean_loss, 3), epochs});
  }
  for (const Baseline& line : table.baselines.lines)
    if (!line.sees_merchant && !line.prequential) rows.push_back({line.name, fixed_text(line.score.headline(), 4), "", "", "", ""});
  std::vector<std::vector<std::string>> grid = {{"training", "seed", "learning rate", "epochs", headline, "loss"}};
  for (const SeedScores& seed : table.seeds) {
    for (const auto& [name, reference] : {std::pair{"central", &seed.references.central}, std::pair{"local only", &seed.references.local_only}})
      for (const ReferencePoint& point : reference->grid)
        grid.push_back({name, std::to_string(seed.seed), fixed_text(point.learning_rate, 3), std::to_string(point.epochs), fixed_text(point.score.headline(), 4), fixed_text(point.score.loss(), 3)});
  }
  return program::format_table(rows) + "\neverything that was tried; the figures above are of the best, chosen on the held-out rows themselves\n" + program::format_table(grid);
}

nlohmann::json to_json(const ReferenceTable& table) {
  nlohmann::json rows = nlohmann::json::object();
  for (const Row& row : rows_of(table))
    rows[row.key] = {{"accuracy_mean", row.mean()}, {"accuracy_lowest", row.lowest()}, {"accuracy_highest", row.highest()}, {"accuracy_spread", row.highest() - row.lowest()}, {"loss_mean", row.mean_loss}};
  nlohmann::json seeds = nlohmann::json::array();
  for (const SeedScores& seed : table.seeds)
    seeds.push_back({{"seed", seed.seed}, {"federated", {{"accuracy", seed.federated.headline()}, {"loss", seed.federated.loss()}}}, {"references", references_json(seed.references)}});
  nlohmann::json baselines = nlohmann::json::object();
  for (const Baseline& line : table.baselines.lines) baselines[line.key] = line.score.headline();
  return {{"table", rows}, {"seeds", seeds}, {"baselines", baselines}, {"predictions", table.seeds.front().federated.predictions}, {"demonstration", table.plan.is_demonstration()}};
}

}  // namespace fedspend::simulations
