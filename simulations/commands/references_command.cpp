// fedspend-sim references: central, federated and local-only training in one table.

#include <charconv>
#include <mutex>

#include "common/program/runtime.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/commands/seeds_option.h"
#include "simulations/plans/plan_settings.h"
#include "simulations/runs/evaluation_table.h"
#include "simulations/runs/reference_table.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;
using program::Report;

constexpr std::uint32_t kMaxEpochs = 10'000;

// "1,2,5,10"
Result<std::vector<std::uint32_t>> epochs_of(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string text, arguments.text("epochs"));
  std::vector<std::uint32_t> epochs;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (bool more = true; more;) {
    std::uint32_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    const bool rises = epochs.empty() ? number >= 1 : number > epochs.back();
    if (error != std::errc() || (next != end && *next != ',') || !rises || number > kMaxEpochs)
      return fail(ErrorCode::invalid_argument, "--epochs \"" + text + "\" is not a rising list of whole numbers from 1 to " + std::to_string(kMaxEpochs), "for example --epochs 1,2,5,10");
    epochs.push_back(number);
    more = next != end;
    at = next + (more ? 1 : 0);
  }
  return epochs;
}

Result<Report> run(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_ASSIGN(const std::string plan_path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const PlanFile given, read_plan_file(plan_path));
  FEDSPEND_ASSIGN(const PlanFile plan, apply_settings(given, arguments.texts("set")));
  FEDSPEND_ASSIGN(const std::vector<std::uint64_t> seeds, seeds_of(arguments));
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  ReferenceOptions options;
  options.threads = static_cast<unsigned>(threads);
  options.trainers = plan.trainers;
  FEDSPEND_ASSIGN(options.epochs, epochs_of(arguments));
  FEDSPEND_ASSIGN(const ReadPopulation data, read_data(arguments));

  program::Progress progress("steps", 3 * seeds.size(), !arguments.flag("no-progress"));
  std::mutex mutex;  // steps are asked about from every worker
  std::string step;
  std::uint64_t begun = 0;
  FEDSPEND_ASSIGN(const ReferenceTable table, make_reference_table(plan, data.population, seeds, options, [&](const std::string& now) {
    const std::lock_guard lock(mutex);
    if (now != step) {
      step = now;
      progress.update(begun++, step);
    }
    return !program::stop_requested().load();
  }));
  progress.update(begun);
  progress.finish();
  Report report;
  report.data = to_json(table);
  report.text = demonstration_line(plan.plan) + to_text(table);
  return report;
}

}  // namespace

program::Command references_command() {
  std::vector<program::Option> options = data_options();
  const std::vector<program::Option> own = {
      {.name = "plan", .value_name = "FILE", .help = "the plan", .required = true},
      {.name = "set", .value_name = "KEY=VALUE", .help = "sets a key of the plan", .repeated = true},
      seeds_option(),
      {.name = "epochs", .value_name = "N,N,...", .help = "epochs of the central and the local-only training; each is reported, and the best is the figure", .default_text = "1,2,5,10"},
      {.name = "no-progress", .value_name = "", .help = "no progress display"}};
  options.insert(options.end(), own.begin(), own.end());
  return {.name = "references",
          .summary = "central, federated and local-only training in one table",
          .example = "fedspend-sim references --plan simulations/plans/purchase-cards.toml --data simulations/data/purchase-cards.toml --data-root ../shared/data --seeds 1,2,3",
          .options = std::move(options),
          .positional = "",
          .run = run};
}

}  // namespace fedspend::simulations
