#include <cstdio>

#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/population/baselines.h"

namespace fedspend::simulations {
namespace {

Result<program::Report> run(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const ReadPopulation read, read_data(arguments));
  const Baselines baselines = compute_baselines(read.population);
  if (baselines.held_out == 0)
    return fail(ErrorCode::malformed, "no client has the 5 categorised transactions that the evaluation asks for", "give more data, or check columns.client");
  program::Report report;
  std::vector<std::vector<std::string>> table = {{"baseline", "accuracy"}};
  nlohmann::json lines = nlohmann::json::object();
  for (const Baseline& line : baselines.lines) {
    char shown[16];
    std::snprintf(shown, sizeof shown, "%.4f", baselines.accuracy(line));
    table.push_back({line.name, shown});
    lines[line.key] = baselines.accuracy(line);
  }
  report.data = {{"data", to_json(read.statistics, read.population)}, {"clients_evaluated", baselines.clients}, {"rows_held_out", baselines.held_out}, {"accuracy", lines}};
  report.text = to_text(read.statistics, read.population) + "\n" + program::format_table(table) + "\nthe last fifth of the rows of " + std::to_string(baselines.clients) +
                " clients with 5 or more is held out: " + std::to_string(baselines.held_out) + " rows\n";
  return report;
}

}  // namespace

program::Command baselines_command() {
  return {.name = "baselines",
          .summary = "the lines to beat: accuracy of simple predictors of the next category",
          .example = "fedspend-sim baselines --data simulations/data/purchase-cards.toml --data-root ../shared/data",
          .options = data_options(),
          .positional = {},
          .run = run};
}

}  // namespace fedspend::simulations
