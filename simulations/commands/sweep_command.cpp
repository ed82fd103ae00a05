// fedspend-sim sweep: one plan with every combination of some keys' values, with several seeds.

#include "common/program/files.h"
#include "common/program/runtime.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/course_options.h"
#include "simulations/commands/read_command.h"
#include "simulations/commands/seeds_option.h"
#include "simulations/commands/trainers_option.h"
#include "simulations/plans/plan_settings.h"
#include "simulations/runs/evaluation_table.h"
#include "simulations/runs/sweep.h"

namespace fedspend::simulations {
namespace {

namespace fs = std::filesystem;
using program::Arguments;
using program::Report;

Result<Sweep> sweep_of(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string plan_path, arguments.text("plan"));
  FEDSPEND_ASSIGN(PlanFile given, read_plan_file(plan_path));
  FEDSPEND_TRY(choose_trainers(arguments, given));
  FEDSPEND_ASSIGN(PlanFile base, apply_settings(given, arguments.texts("set")));
  std::vector<GridAxis> axes;
  for (const std::string& text : arguments.texts("grid")) {
    FEDSPEND_ASSIGN(GridAxis axis, parse_grid_axis(text));
    axes.push_back(std::move(axis));
  }
  FEDSPEND_ASSIGN(std::vector<std::uint64_t> seeds, seeds_of(arguments));
  FEDSPEND_ASSIGN(Sweep sweep, plan_sweep(std::move(base), std::move(axes), std::move(seeds)));
  FEDSPEND_ASSIGN(sweep.course, read_course(arguments));
  for (const SweepPoint& point : sweep.points) FEDSPEND_TRY(check_kept_models(sweep.course, point.plan.plan.federation.rounds));
  return sweep;
}

Status write_table(const SweepTable& table, const fs::path& folder) {
  FEDSPEND_TRY(program::write_file_atomically(folder / "summary.csv", as_bytes(to_csv(table))));
  FEDSPEND_TRY(program::write_file_atomically(folder / "sweep.html", as_bytes(sweep_page(table))));
  return program::write_file_atomically(folder / "summary.json", as_bytes(to_json(table).dump(2) + "\n"));
}

Result<Report> run(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_TRY(pin_isa(arguments));
  FEDSPEND_ASSIGN(const Sweep sweep, sweep_of(arguments));
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  FEDSPEND_ASSIGN(const ReadPopulation data, read_data(arguments));

  program::Progress progress("jobs", sweep.jobs(), !arguments.flag("no-progress"));
  FEDSPEND_ASSIGN(std::vector<SweepJobFacts> jobs, run_sweep(sweep, data.population, out, static_cast<unsigned>(threads), [&](std::size_t done) {
    progress.update(done);
    return !program::stop_requested().load();
  }));
  progress.finish();

  std::vector<std::string> keys;
  for (const GridAxis& axis : sweep.axes) keys.push_back(axis.key);
  const SweepTable table = sweep_table(sweep.base.plan.name, std::string(sweep.base.plan.demonstration_note()), std::move(keys), std::move(jobs));
  FEDSPEND_TRY(write_table(table, out));
  Report report;
  report.data = to_json(table);
  report.data["out"] = out;
  report.text = demonstration_line(sweep.base.plan) + to_text(table) + "results: " + out + "\n";
  return report;
}

}  // namespace

program::Command sweep_command() {
  std::vector<program::Option> options = data_options();
  const std::vector<program::Option> own = {
      {.name = "plan", .value_name = "FILE", .help = "the plan that all jobs begin from", .required = true},
      {.name = "grid", .value_name = "KEY=V,V,...", .help = "values of a key of the plan; given several times: every combination", .repeated = true},
      {.name = "set", .value_name = "KEY=VALUE", .help = "sets a key of the plan for all jobs", .repeated = true},
      seeds_option(),
      trainers_option(),
      isa_option(),
      {.name = "out", .value_name = "DIR", .help = "folder for the jobs' folders, summary.json, summary.csv and sweep.html: new, or of this same sweep, which then goes on", .required = true},
      {.name = "no-progress", .value_name = "", .help = "no progress display"}};
  for (const std::vector<program::Option>& more : {own, course_options()}) options.insert(options.end(), more.begin(), more.end());
  return {.name = "sweep",
          .summary = "run a plan with every combination of some keys' values",
          .example = "fedspend-sim sweep --plan simulations/plans/purchase-cards.toml --data simulations/data/purchase-cards.toml --data-root ../shared/data --grid server.learning_rate=0.4,0.8 --out out/sweep",
          .options = std::move(options),
          .positional = "",
          .run = run};
}

}  // namespace fedspend::simulations
