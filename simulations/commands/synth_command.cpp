#include "common/program/runtime.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/population/population_statistics.h"
#include "simulations/population/synthetic.h"
#include "simulations/runs/output_folder.h"

namespace fedspend::simulations {
namespace {

Result<SyntheticOptions> options_of(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::int64_t clients, arguments.integer("clients", 1, 10'000'000));
  FEDSPEND_ASSIGN(const std::int64_t seed, arguments.integer("seed", 0, INT64_MAX));
  FEDSPEND_ASSIGN(const std::int64_t months, arguments.integer("months", 1, 120));
  FEDSPEND_ASSIGN(const std::int64_t unusual, arguments.integer("unusual", 0, 1000));
  return SyntheticOptions{.seed = static_cast<std::uint64_t>(seed),
                          .clients = static_cast<std::uint64_t>(clients),
                          .months = static_cast<unsigned>(months),
                          .unusual_in_thousand = static_cast<std::uint32_t>(unusual)};
}

struct Described {
  std::vector<std::string> names;
  std::vector<PopulationStatistics> statistics;
};

// The data sets that stand beside the synthetic population: --data one or several times, with one --data-root for all or one for each.
Status describe_data(const program::Arguments& arguments, unsigned threads, Described& described) {
  const std::vector<std::string> files = arguments.texts("data"), roots = arguments.texts("data-root");
  if (roots.size() > 1 && roots.size() != files.size())
    return fail(ErrorCode::invalid_argument, std::to_string(roots.size()) + " times --data-root for " + std::to_string(files.size()) + " times --data", "give one folder for all, or one for each in the same order");
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::optional<std::filesystem::path> root;
    if (!roots.empty()) root = roots.size() == 1 ? roots[0] : roots[i];
    FEDSPEND_ASSIGN(const DataDescription description, read_data_description(files[i], root));
    FEDSPEND_ASSIGN(const ReadPopulation read, read_population(description, {.threads = threads}));
    described.names.push_back(std::filesystem::path(files[i]).stem().string());
    described.statistics.push_back(compute_statistics(read.population));
  }
  return {};
}

Result<Described> describe(const program::Arguments& arguments, const SyntheticOptions& options, unsigned threads) {
  Described described;
  FEDSPEND_TRY(describe_data(arguments, threads, described));  // first: it can be wrong, and is the quicker
  FEDSPEND_ASSIGN(const Population population, synthetic_population(options, threads));
  described.names.insert(described.names.begin(), "synthetic");
  described.statistics.insert(described.statistics.begin(), compute_statistics(population));
  return described;
}

Result<program::Report> run(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const SyntheticOptions options, options_of(arguments));
  FEDSPEND_ASSIGN(const std::int64_t threads, arguments.integer("threads", 1, 256));
  const auto out = arguments.optional_text("out");
  const bool describes = arguments.flag("describe");
  if (!out && !describes) return fail(ErrorCode::invalid_argument, "nothing to do without --out or --describe", "give --out DIR to write the population, --describe to see its statistics, or both");
  if (!describes && (arguments.has("data") || arguments.has("data-root"))) return fail(ErrorCode::invalid_argument, "--data and --data-root have no effect without --describe", "add --describe, or leave them out");
  program::install_stop_signals();  // from here on there is something to take away
  program::Report report;
  report.data = {{"seed", options.seed}, {"months", options.months}, {"unusual", options.unusual_in_thousand}, {"clients", options.clients}};
  if (out) {
    FEDSPEND_ASSIGN(OutputFolder folder, OutputFolder::create(*out, "fedspend-sim synth"));
    FEDSPEND_ASSIGN(const SyntheticSummary summary, write_synthetic(options, folder.partial(), static_cast<unsigned>(threads)));
    FEDSPEND_TRY(folder.commit());
    const std::string description = (std::filesystem::path(*out) / "synthetic.toml").string();
    report.data.update({{"rows", summary.rows}, {"unusual_rows", summary.unusual}, {"life_events", summary.events}, {"bytes", summary.bytes}, {"description", description}});
    report.text = "wrote " + std::to_string(summary.rows) + " transactions of " + std::to_string(summary.clients) + " invented customers, " + std::to_string(summary.unusual) + " of them unusual, " +
                  std::to_string(summary.events) + " life events; " + std::to_string(summary.bytes) + " bytes\nread them with --data " + description + "\n";
  }
  if (describes) {
    FEDSPEND_ASSIGN(const Described described, describe(arguments, options, static_cast<unsigned>(threads)));
    report.data["statistics"] = nlohmann::json::array();
    for (std::size_t i = 0; i < described.names.size(); ++i) {
      report.data["statistics"].push_back(to_json(described.statistics[i]));
      report.data["statistics"].back()["name"] = described.names[i];
    }
    report.text += statistics_table(described.names, described.statistics);
  }
  return report;
}

}  // namespace

program::Command synth_command() {
  return {.name = "synth",
          .summary = "writes a synthetic population, and describes it beside real data",
          .example = "fedspend-sim synth --clients 500 --seed 1 --out out/synthetic",
          .options = {{.name = "clients", .value_name = "N", .help = "customers", .default_text = "500"},
                      {.name = "seed", .value_name = "S", .help = "the same seed gives the same bytes", .default_text = "1"},
                      {.name = "months", .value_name = "M", .help = "months from January 2023 on", .default_text = "12"},
                      {.name = "unusual", .value_name = "N", .help = "of a thousand months of a customer, those with an incident of unusual activity", .default_text = "60"},
                      {.name = "out", .value_name = "DIR", .help = "folder to write: new, empty, or written by this command before"},
                      {.name = "describe", .value_name = "", .help = "print statistics of the population, beside those of every --data"},
                      {.name = "data", .value_name = "FILE", .help = "data description (TOML) to describe too; may be repeated", .repeated = true},
                      {.name = "data-root", .value_name = "DIR", .help = "folder that file names are relative to: one for all --data, or one for each", .repeated = true},
                      {.name = "threads", .value_name = "N", .help = "threads", .default_text = "2"}},
          .positional = {},
          .run = run};
}

}  // namespace fedspend::simulations
