#include "simulations/runs/sweep.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "common/program/files.h"
#include "simulations/federation/cohort_size.h"
#include "simulations/parallel.h"
#include "simulations/plans/plan_settings.h"
#include "simulations/reports/run_facts.h"
#include "simulations/runs/output_folder.h"
#include "simulations/runs/run_folder.h"

namespace fedspend::simulations {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxSmallFileBytes = 16 << 20;

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// What a point needs beside its plan, the same for all with the same vocabulary and rule.
struct Prepared {
  std::vector<FederatedClient> clients;
  Baselines baselines;
};
using Preparations = std::map<std::string, Prepared>;

std::string preparation_key(const Plan& plan) {
  return std::to_string(plan.evaluation.holdout_fraction) + "|" + std::to_string(plan.evaluation.min_rows) + "|" + joined(plan.model.categories, "\x1f");
}

Preparations prepare(const Sweep& sweep, const Population& population) {
  Preparations preparations;
  for (const SweepPoint& point : sweep.points) {
    const auto [at, is_new] = preparations.try_emplace(preparation_key(point.plan.plan));
    if (is_new) at->second = {federated_clients(population, point.plan.plan), compute_baselines(population, evaluation_rule(point.plan.plan))};
  }
  return preparations;
}

// Before any job runs.
Status check_cohort_of(const Sweep& sweep, const SweepPoint& point, const Prepared& prepared) {
  const Status enough = check_cohort(point.plan.plan, eligible_clients(point.plan.plan, MemoryClients(prepared.clients)));
  if (enough) return {};
  std::string settings;
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) settings += (i == 0 ? "" : ", ") + sweep.axes[i].key + "=" + point.values[i];
  return fail(enough.error().code, "with " + settings + " " + enough.error().message, enough.error().hint);
}

RunOptions options_of(const Sweep& sweep, std::size_t job) { return run_options(sweep.point_of(job).plan, sweep.course, sweep.seed_of(job), 1); }

RunIdentity identity_of(const Sweep& sweep, const Preparations& preparations) {
  RunIdentity identity = {{"plan", sweep.base.hash.hex()}};
  for (const GridAxis& axis : sweep.axes) identity.emplace_back("grid of " + axis.key, joined(axis.values, ","));
  std::vector<std::string> seeds;
  for (const std::uint64_t seed : sweep.seeds) seeds.push_back(std::to_string(seed));
  identity.emplace_back("seeds", joined(seeds, ","));
  const Prepared& first = preparations.at(preparation_key(sweep.points.front().plan.plan));
  for (const auto& [name, value] : run_identity(options_of(sweep, 0), first.clients))
    if (name != "plan" && name != "seed") identity.emplace_back(name, value);
  return identity;
}

// Writes sweep.json, or finds the one that says the same.
Status claim_folder(const fs::path& folder, const RunIdentity& identity) {
  const fs::path file = folder / "sweep.json";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    if (fs::exists(folder, ignored) && !fs::is_empty(folder, ignored))
      return fail(ErrorCode::conflict, folder.string() + " is not an empty folder, and holds no sweep", "name a folder that does not exist yet, or that of this sweep");
    FEDSPEND_TRY(program::ensure_writable_directory(folder / "jobs"));
    return program::write_file_atomically(file, as_bytes(nlohmann::json{{"made_by", "fedspend-sim sweep"}, {"identity", identity}}.dump(2) + "\n"));
  }
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(file, kMaxSmallFileBytes));
  const nlohmann::json json = nlohmann::json::parse(as_text(bytes), nullptr, false);
  RunIdentity there;
  try {
    there = json.at("identity").get<RunIdentity>();
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::malformed, file.string() + " is not what `fedspend-sim sweep` writes", "name another folder");
  }
  if (there == identity) return {};
  return fail(ErrorCode::conflict, folder.string() + " holds another sweep: " + differences_of(there, "there", identity, "here"), "name another folder, or give the same plan, grid, seeds and data");
}

// The summary of a job that is done, or nothing. conflict if what lies there is something else.
Result<std::optional<nlohmann::json>> find_done(const fs::path& folder, const RunOptions& options) {
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) return std::nullopt;
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(folder / "summary.json", kMaxSmallFileBytes));
  nlohmann::json summary = nlohmann::json::parse(as_text(bytes), nullptr, false);
  if (text_at(summary, "/plan_hash") != options.plan.hash.hex() || number_at(summary, "/seed") != static_cast<double>(options.federation.seed))
    return fail(ErrorCode::conflict, (folder / "summary.json").string() + " is not of this job", "remove the folder, and call again");
  return std::optional(std::move(summary));
}

Result<nlohmann::json> run_job(const RunOptions& options, const Prepared& prepared, const fs::path& place, const std::function<bool()>& go_on) {
  FEDSPEND_ASSIGN(OutputFolder folder, OutputFolder::create(place, "fedspend-sim sweep"));
  FEDSPEND_ASSIGN(const RunResult result, run_federation(options, prepared.clients, [&](const SimulatedRound&, const std::optional<HeldOutScore>&) { return go_on(); }));
  if (result.stopped) return fail(ErrorCode::io, "stopped", "call again to go on: what is done is kept");
  FEDSPEND_ASSIGN(const RunAnalysis analysis, analyse_run(options, result, prepared.clients, prepared.baselines, {.references = {}}));
  FEDSPEND_ASSIGN(const DpStatement statement, statement_of(options, result));
  nlohmann::json summary = run_summary(options, result, prepared.clients, analysis, statement);
  FEDSPEND_TRY(write_run(options, result, summary, statement, folder.partial()));
  FEDSPEND_TRY(folder.commit());
  return summary;
}

}  // namespace

std::string Sweep::name_of(std::size_t job) const {
  char number[24];
  std::snprintf(number, sizeof number, "%03zu", job / seeds.size() + 1);
  return std::string(number) + "-seed-" + std::to_string(seed_of(job));
}

Result<GridAxis> parse_grid_axis(const std::string& text) {
  const std::string form = "for example --grid server.learning_rate=1,2,4";
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return fail(ErrorCode::invalid_argument, "--grid \"" + text + "\" is not of the form KEY=VALUE,VALUE,...", form);
  GridAxis axis{text.substr(0, equals), {}};
  std::size_t begin = equals + 1;
  for (std::size_t comma = 0; comma != std::string::npos; begin = comma + 1) {
    comma = text.find(',', begin);
    std::string value = text.substr(begin, comma == std::string::npos ? std::string::npos : comma - begin);
    if (value.empty()) return fail(ErrorCode::invalid_argument, "--grid \"" + text + "\" has an empty value", form);
    if (std::find(axis.values.begin(), axis.values.end(), value) != axis.values.end())
      return fail(ErrorCode::invalid_argument, "--grid " + axis.key + " has " + value + " twice", "give each value once");
    axis.values.push_back(std::move(value));
  }
  return axis;
}

Result<Sweep> plan_sweep(PlanFile base, std::vector<GridAxis> axes, std::vector<std::uint64_t> seeds) {
  if (axes.empty()) return fail(ErrorCode::invalid_argument, "the grid is empty", "for example --grid server.learning_rate=1,2,4");
  if (seeds.empty()) return fail(ErrorCode::invalid_argument, "there is no seed", "for example --seeds 1,2,3");
  if (std::set<std::uint64_t>(seeds.begin(), seeds.end()).size() != seeds.size()) return fail(ErrorCode::invalid_argument, "a seed stands twice", "give each seed once");
  std::set<std::string> keys;
  std::size_t jobs = seeds.size();
  for (const GridAxis& axis : axes) {
    if (!keys.insert(axis.key).second) return fail(ErrorCode::invalid_argument, "--grid " + axis.key + " is given twice", "give all its values in one --grid");
    jobs *= axis.values.size();
    if (jobs > kMaxSweepJobs) return fail(ErrorCode::limit, "the grid has more than " + std::to_string(kMaxSweepJobs) + " jobs, seeds included", "take fewer values or seeds");
  }
  Sweep sweep{std::move(base), std::move(axes), std::move(seeds), {}, {}};
  const std::size_t points = jobs / sweep.seeds.size();
  std::map<std::string, std::string> known;  // settings by the hash of their plan
  for (std::size_t index = 0; index < points; ++index) {
    SweepPoint point;
    std::vector<std::string> settings;
    std::size_t rest = index;
    for (auto axis = sweep.axes.rbegin(); axis != sweep.axes.rend(); ++axis) {
      point.values.insert(point.values.begin(), axis->values[rest % axis->values.size()]);
      settings.insert(settings.begin(), axis->key + "=" + point.values.front());
      rest /= axis->values.size();
    }
    Result<PlanFile> plan = apply_settings(sweep.base, settings);
    if (!plan) return fail(plan.error().code, "--grid: with " + joined(settings, ", ") + ": " + plan.error().message, plan.error().hint.empty() ? "see common/protocol/PROTOCOL.md" : plan.error().hint);
    point.plan = std::move(*plan);
    const auto [at, is_new] = known.try_emplace(point.plan.hash.hex(), joined(settings, ", "));
    if (!is_new) return fail(ErrorCode::invalid_argument, "--grid: " + at->second + " and " + joined(settings, ", ") + " are the same plan", "give each value once");
    sweep.points.push_back(std::move(point));
  }
  return sweep;
}

Result<std::vector<SweepJobFacts>> run_sweep(const Sweep& sweep, const Population& population, const fs::path& folder, unsigned threads, const OnSweep& on_sweep) {
  const Preparations preparations = prepare(sweep, population);
  for (const SweepPoint& point : sweep.points) FEDSPEND_TRY(check_cohort_of(sweep, point, preparations.at(preparation_key(point.plan.plan))));
  FEDSPEND_TRY(claim_folder(folder, identity_of(sweep, preparations)));

  std::mutex mutex;
  std::size_t done = 0;
  std::atomic<bool> go_on = true;  // falls once, by the caller's wish or the first error
  const auto ask = [&](std::size_t more) {
    const std::lock_guard lock(mutex);
    done += more;
    if (go_on && !on_sweep(done)) go_on = false;
    return go_on.load();
  };
  std::vector<Result<nlohmann::json>> summaries(sweep.jobs(), fail(ErrorCode::io, "stopped", "call again to go on: what is done is kept"));
  for_each_index(sweep.jobs(), threads, [&](std::size_t job, unsigned) {
    if (!go_on) return;
    const RunOptions options = options_of(sweep, job);
    const fs::path place = folder / "jobs" / sweep.name_of(job);
    auto found = find_done(place, options);
    if (!found) {
      summaries[job] = fail(found.error());
    } else if (*found) {
      summaries[job] = std::move(**found);
    } else {
      summaries[job] = run_job(options, preparations.at(preparation_key(options.plan.plan)), place, [&] { return ask(0); });
    }
    if (summaries[job]) {
      ask(1);
    } else {
      go_on = false;
    }
  });
  std::vector<SweepJobFacts> facts;
  const Error* stopped = nullptr;
  for (std::size_t job = 0; job < sweep.jobs(); ++job) {
    if (summaries[job]) {
      facts.push_back({sweep.name_of(job), sweep.point_of(job).values, sweep.seed_of(job), std::move(*summaries[job])});
    } else if (summaries[job].error().message != "stopped") {
      return fail(summaries[job].error().code, "job " + sweep.name_of(job) + ": " + summaries[job].error().message, summaries[job].error().hint);
    } else {
      stopped = &summaries[job].error();
    }
  }
  if (stopped != nullptr) return fail(ErrorCode::io, "stopped by a signal: " + std::to_string(facts.size()) + " of " + std::to_string(sweep.jobs()) + " jobs are done", stopped->hint);
  return facts;
}

}  // namespace fedspend::simulations
