#include "common/program/files.h"
#include "common/program/runtime.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/plans/profiles.h"
#include "simulations/runs/output_folder.h"

namespace fedspend::simulations {
namespace {

Result<program::Report> run(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string plan_path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  FEDSPEND_ASSIGN(const std::int64_t processes, arguments.integer("processes", 1, 10'000));
  FEDSPEND_ASSIGN(const std::int64_t most, arguments.integer("max-clients", 0, 10'000'000));
  FEDSPEND_ASSIGN(const Bytes plan_bytes, program::read_file(plan_path, kMaxPlanBytes));
  auto plan = parse_plan(as_text(plan_bytes));
  if (!plan) return fail(plan.error().code, plan_path + ": " + plan.error().message, plan.error().hint);
  FEDSPEND_ASSIGN(const ReadPopulation read, read_data(arguments));
  program::install_stop_signals();  // from here on there is something to take away
  FEDSPEND_ASSIGN(OutputFolder folder, OutputFolder::create(out, "fedspend-sim profiles"));
  const ProfilesOptions options{.processes = static_cast<std::size_t>(processes), .max_clients = static_cast<std::size_t>(most)};
  FEDSPEND_ASSIGN(const ProfilesSummary summary, write_profiles(read.population, *plan, options, folder.partial()));
  FEDSPEND_TRY(folder.commit());
  program::Report report;
  report.data = {{"out", out}, {"processes", processes}, {"clients", summary.clients}, {"rows", summary.rows}};
  report.text = "wrote " + std::to_string(summary.rows) + " transactions of " + std::to_string(summary.clients) + " clients for " + std::to_string(processes) + " device processes to " + out + "\n";
  return report;
}

}  // namespace

program::Command profiles_command() {
  program::Command command{.name = "profiles",
                           .summary = "writes the clients' histories as folders for fedspend-device",
                           .example = "fedspend-sim profiles --data out/synthetic/synthetic.toml --plan plan.toml --processes 4 --out out/profiles",
                           .options = data_options(),
                           .positional = {},
                           .run = run};
  const std::vector<program::Option> own = {
      {.name = "plan", .value_name = "FILE", .help = "the plan, which says who is eligible", .required = true},
      {.name = "out", .value_name = "DIR", .help = "folder to write: new, empty, or written by this command before", .required = true},
      {.name = "processes", .value_name = "K", .help = "device processes", .required = true},
      {.name = "max-clients", .value_name = "N", .help = "the first N eligible clients only; 0: all", .default_text = "0"},
  };
  command.options.insert(command.options.end(), own.begin(), own.end());
  return command;
}

}  // namespace fedspend::simulations
