#include "simulations/runs/run_course.h"

#include <utility>

namespace fedspend::simulations {

RunOptions run_options(PlanFile plan, const RunCourse& course, std::uint64_t seed, unsigned threads) {
  RunOptions options{.plan = std::move(plan)};
  options.federation.seed = seed;
  options.federation.threads = threads;
  options.federation.segment_rounds = course.segment_rounds;
  options.federation.world = course.world;
  options.federation.policy = course.policy ? *course.policy : accepting_policy(options.plan.plan);
  options.evaluate_every = course.evaluate_every.value_or(default_evaluate_every(options.plan.plan));
  options.early_stopping = course.early_stopping;
  options.keep_models_every = course.keep_models_every;
  return options;
}

}  // namespace fedspend::simulations
