#pragma once
// A sweep: one plan run with every combination of some keys' values, each with several seeds. Jobs run side by side, each on one thread,
// on one population that was read once. Every job leaves a whole folder, as `run` does, so that a sweep that was killed goes on where it
// was, to the same result: what lies there is taken, the rest is run. A sweep of another plan, grid, seed, course or data is refused there.
//   DIR/sweep.json           what the sweep is
//   DIR/jobs/NNN-seed-S/     a run's folder for each point of the grid and seed
//   DIR/summary.json, .csv, sweep.html     written by the caller, from the jobs' summaries (reports/sweep_table.h)
// Prints nothing. One thread a sweep (it starts its own workers).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/result.h"
#include "simulations/plans/plan_file.h"
#include "simulations/population/population.h"
#include "simulations/reports/sweep_table.h"
#include "simulations/runs/run_course.h"

namespace fedspend::simulations {

inline constexpr std::size_t kMaxSweepJobs = 10'000;

struct GridAxis {
  std::string key;
  std::vector<std::string> values;
};
// "server.learning_rate=1,2,4". invalid_argument without a key, without values, with an empty value or one that stands twice.
Result<GridAxis> parse_grid_axis(const std::string& text);

struct SweepPoint {
  std::vector<std::string> values;  // one for each axis
  PlanFile plan;                    // resolved
};

struct Sweep {
  PlanFile base;
  std::vector<GridAxis> axes;
  std::vector<std::uint64_t> seeds;
  std::vector<SweepPoint> points;  // the last axis changes fastest
  RunCourse course = {};

  std::size_t jobs() const { return points.size() * seeds.size(); }
  const SweepPoint& point_of(std::size_t job) const { return points[job / seeds.size()]; }
  std::uint64_t seed_of(std::size_t job) const { return seeds[job % seeds.size()]; }
  std::string name_of(std::size_t job) const;  // "003-seed-2"
};

// Every point's plan is made and checked here, before anything runs. invalid_argument: no axis, a key twice, no seed, a seed twice, a
// value that the plan's rules refuse (named), two points that are one plan ("1,1.0"). limit: more than kMaxSweepJobs.
Result<Sweep> plan_sweep(PlanFile base, std::vector<GridAxis> axes, std::vector<std::uint64_t> seeds);

// After every job, with the number of those that are done; asked after every round too (done unchanged). False stops. Called from
// any of the threads, one at a time.
using OnSweep = std::function<bool(std::size_t done)>;

// The facts of all jobs, in order. An error of a job names it; then no other is begun, and what is done stays.
Result<std::vector<SweepJobFacts>> run_sweep(const Sweep& sweep, const Population& population, const std::filesystem::path& folder, unsigned threads, const OnSweep& on_sweep);

}  // namespace fedspend::simulations
