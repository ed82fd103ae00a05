#include "simulations/commands/course_options.h"

#include <string>

#include "common/program/files.h"

namespace fedspend::simulations {
namespace {

using program::Arguments;

constexpr std::int64_t kMostRounds = 1'000'000;

Result<std::uint32_t> number_of_rounds(const Arguments& arguments, const std::string& option) {
  FEDSPEND_ASSIGN(const std::int64_t rounds, arguments.integer(option, 1, kMostRounds));
  return static_cast<std::uint32_t>(rounds);
}

Result<client::DevicePolicy> policy_of(const std::string& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, 1 << 16));
  Result<client::DevicePolicy> policy = client::parse_policy(as_text(bytes));
  if (!policy) return fail(policy.error().code, path + ": " + policy.error().message, policy.error().hint);
  return policy;
}

Result<EarlyStopping> early_stopping_of(const Arguments& arguments) {
  EarlyStopping stopping;
  if (!arguments.has("stop-after-no-gain")) {
    if (arguments.has("min-gain")) return fail(ErrorCode::invalid_argument, "--min-gain says what a gain is, and nothing looks for one", "give --stop-after-no-gain too");
    return stopping;
  }
  FEDSPEND_ASSIGN(stopping.evaluations, number_of_rounds(arguments, "stop-after-no-gain"));
  if (arguments.has("min-gain")) {
    FEDSPEND_ASSIGN(stopping.min_gain, arguments.number("min-gain", 0, 1));
  }
  return stopping;
}

}  // namespace

std::vector<program::Option> course_options() {
  return {{.name = "policy", .value_name = "FILE", .help = "the simulated devices' policy (TOML); without it they accept the plan"},
          {.name = "evaluate-every", .value_name = "N", .help = "rounds between evaluations; by default ten in all"},
          {.name = "world", .value_name = "FILE", .help = "what the devices are like (TOML, simulations/worlds); without it nothing takes time or fails"},
          {.name = "checkpoint-every", .value_name = "N", .help = "rounds between checkpoints. The coordinator begins anew there, so this is a part of the run, as the seed is", .default_text = std::to_string(kDefaultSegmentRounds)},
          {.name = "keep-models", .value_name = "N", .help = "keep the model of every N-th round in DIR/models"},
          {.name = "stop-after-no-gain", .value_name = "N", .help = "end after N evaluations without a gain, and keep the best model that was evaluated"},
          {.name = "min-gain", .value_name = "G", .help = "with --stop-after-no-gain: what counts as a gain of accuracy, more than G, e.g. 0.001; by default any"}};
}

Result<RunCourse> read_course(const Arguments& arguments) {
  RunCourse course;
  FEDSPEND_ASSIGN(course.segment_rounds, number_of_rounds(arguments, "checkpoint-every"));
  if (arguments.has("evaluate-every")) {
    FEDSPEND_ASSIGN(course.evaluate_every, number_of_rounds(arguments, "evaluate-every"));
  }
  if (arguments.has("keep-models")) {
    FEDSPEND_ASSIGN(course.keep_models_every, number_of_rounds(arguments, "keep-models"));
  }
  FEDSPEND_ASSIGN(course.early_stopping, early_stopping_of(arguments));
  if (const auto path = arguments.optional_text("world")) {
    FEDSPEND_ASSIGN(course.world, read_world_file(*path));
  }
  if (const auto path = arguments.optional_text("policy")) {
    FEDSPEND_ASSIGN(course.policy, policy_of(*path));
  }
  return course;
}

Status check_kept_models(const RunCourse& course, std::uint32_t rounds) {
  if (course.keep_models_every == 0) return {};
  const std::uint64_t kept = rounds / course.keep_models_every;
  if (kept <= kMaxKeptModels) return {};
  return fail(ErrorCode::invalid_argument, "--keep-models " + std::to_string(course.keep_models_every) + " would keep " + std::to_string(kept) + " models, at most " + std::to_string(kMaxKeptModels) + " can be",
              "give a larger number of rounds");
}

}  // namespace fedspend::simulations
