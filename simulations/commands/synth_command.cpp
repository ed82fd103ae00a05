#include "common/program/runtime.h"
#include "simulations/commands/commands.h"
#include "simulations/population/synthetic.h"
#include "simulations/runs/output_folder.h"

namespace fedspend::simulations {
namespace {

Result<program::Report> run(const program::Arguments& arguments) {
  SyntheticOptions options;
  FEDSPEND_ASSIGN(const std::int64_t clients, arguments.integer("clients", 1, 10'000'000));
  FEDSPEND_ASSIGN(const std::int64_t seed, arguments.integer("seed", 0, INT64_MAX));
  FEDSPEND_ASSIGN(const std::int64_t months, arguments.integer("months", 1, 120));
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  options.clients = static_cast<std::uint64_t>(clients);
  options.seed = static_cast<std::uint64_t>(seed);
  options.months = static_cast<unsigned>(months);
  program::install_stop_signals();  // from here on there is something to take away
  FEDSPEND_ASSIGN(OutputFolder folder, OutputFolder::create(out, "fedspend-sim synth"));
  FEDSPEND_ASSIGN(const SyntheticSummary summary, write_synthetic(options, folder.partial()));
  FEDSPEND_TRY(folder.commit());
  program::Report report;
  const std::string description = (std::filesystem::path(out) / "synthetic.toml").string();
  report.data = {{"clients", summary.clients}, {"rows", summary.rows}, {"bytes", summary.bytes}, {"seed", options.seed}, {"months", options.months}, {"description", description}};
  report.text = "wrote " + std::to_string(summary.rows) + " transactions of " + std::to_string(summary.clients) + " invented customers, " + std::to_string(summary.bytes) +
                " bytes\nread them with --data " + description + "\n";
  return report;
}

}  // namespace

program::Command synth_command() {
  return {.name = "synth",
          .summary = "writes a synthetic population: a CSV file and its data description",
          .example = "fedspend-sim synth --clients 500 --seed 1 --out out/synthetic",
          .options = {{.name = "clients", .value_name = "N", .help = "customers", .required = true},
                      {.name = "seed", .value_name = "S", .help = "the same seed gives the same bytes", .default_text = "1"},
                      {.name = "months", .value_name = "M", .help = "months from January 2023 on", .default_text = "12"},
                      {.name = "out", .value_name = "DIR", .help = "folder to write: new, empty, or written by this command before", .required = true}},
          .positional = {},
          .run = run};
}

}  // namespace fedspend::simulations
