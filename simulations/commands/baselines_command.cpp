#include <cstdio>

#include "models/stock_models.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/population/baselines.h"

namespace fedspend::simulations {
namespace {

Result<program::Report> run(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string model, arguments.text("model"));
  const models::StockModel* stock = models::find_stock_model(model);
  if (stock == nullptr) return fail(ErrorCode::invalid_argument, "--model \"" + model + "\" is not known", models::stock_model_names());
  FEDSPEND_ASSIGN(const ReadPopulation read, read_data(arguments));
  const Baselines baselines = compute_baselines(read.population, {.model = stock->default_model(read.population.categories())});
  if (baselines.held_out == 0)
    return fail(ErrorCode::malformed, "no client has the 5 categorised transactions that the evaluation asks for", "give more data, or check columns.client");
  program::Report report;
  std::vector<std::vector<std::string>> table = {{"baseline", std::string(stock->measure.name)}};
  nlohmann::json lines = nlohmann::json::object();
  for (const Baseline& line : baselines.lines) {
    char shown[16];
    std::snprintf(shown, sizeof shown, "%.4f", line.score.headline());
    table.push_back({line.name, shown});
    lines[line.key] = line.score.headline();
  }
  report.data = {{"data", to_json(read.statistics, read.population)}, {"clients_evaluated", baselines.clients}, {"rows_held_out", baselines.held_out}, {"accuracy", lines}};
  report.text = to_text(read.statistics, read.population) + "\n" + program::format_table(table) + "\nthe last fifth of the rows of " + std::to_string(baselines.clients) +
                " clients with 5 or more is held out: " + std::to_string(baselines.held_out) + " rows\n";
  return report;
}

std::vector<program::Option> options() {
  std::vector<program::Option> all = data_options();
  all.push_back({.name = "model", .value_name = "NAME", .help = "beside which model: " + models::stock_model_names(), .default_text = "next_category"});
  return all;
}

}  // namespace

program::Command baselines_command() {
  return {.name = "baselines",
          .summary = "the lines to beat: simple predictors on the rows that a model is scored on",
          .example = "fedspend-sim baselines --data simulations/data/purchase-cards.toml --data-root ../shared/data",
          .options = options(),
          .positional = {},
          .run = run};
}

}  // namespace fedspend::simulations
