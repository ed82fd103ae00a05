#include <algorithm>
#include <sstream>

#include "common/check.h"
#include "common/protocol/server_optimizers.h"
#include "tests/rounds/world.h"

namespace fedspend::testing {

Plan world_plan(const WorldOptions& options) {
  const std::size_t devices = options.devices;
  Plan plan = sample_plan();
  const ServerOptimizerKeys* keys = find_server_optimizer(options.server_optimizer);
  FEDSPEND_CHECK(keys != nullptr, "an optimizer that there is");
  plan.server.optimizer = keys->name;
  plan.server.momentum = keys->momentum.value_or(0);
  plan.server.beta1 = keys->beta1.value_or(0);
  plan.server.beta2 = keys->beta2.value_or(0);
  plan.server.tau = keys->tau ? 0.05 : 0;  // near the updates' size, so that the moments matter
  plan.federation.rounds = 8;
  plan.federation.cohort = std::max<std::uint32_t>(2, static_cast<std::uint32_t>(devices / 3));
  plan.federation.min_cohort = 2;
  plan.federation.over_selection = 1.5;
  plan.federation.round_deadline_ms = 30'000;
  plan.federation.selection_window_ms = 5'000;
  plan.federation.retry_after_ms = 4'000;
  if (options.secure) {
    // Of the five to ten of a roster three in ten may be lost; the least that a plan of so few allows.
    plan.federation.cohort = std::max<std::uint32_t>(5, static_cast<std::uint32_t>(devices / 2));
    plan.federation.over_selection = 1.25;
    plan.aggregation.mode = Aggregation::secure;
    plan.aggregation.dropout_ppm = 300'000;
    plan.aggregation.phase_deadline_ms = 10'000;
  }
  return plan;
}

WorldOptions WorldOptions::random_secure(std::uint64_t seed) {
  WorldOptions options = random(seed);
  options.secure = true;
  options.devices = 10 + options.devices % 10;
  options.drop_permille /= 2;  // nine messages must pass instead of two
  options.corrupt_permille /= 2;
  options.long_delay_permille /= 2;
  return options;
}

WorldOptions WorldOptions::random(std::uint64_t seed) {
  SeededRandom random(Hasher("test-options").u64(seed).finish());
  const auto up_to = [&](std::uint64_t most) { return static_cast<unsigned>(random.below(most + 1)); };
  WorldOptions options;
  options.seed = seed;
  options.devices = 4 + up_to(20);
  options.heal_at = Millis(30'000 + up_to(300'000));
  options.drop_permille = up_to(1) * up_to(250);
  options.duplicate_permille = up_to(1) * up_to(300);
  options.corrupt_permille = up_to(1) * up_to(250);
  options.long_delay_permille = up_to(1) * up_to(250);
  options.device_kills = up_to(1) * up_to(30);
  options.coordinator_kills = up_to(1) * up_to(8);
  options.partitions = up_to(1) * up_to(6);
  options.misbehaving_devices = up_to(3) != 0;
  options.server_optimizer = server_optimizers()[random.below(server_optimizers().size())].name;
  return options;
}

std::string WorldOptions::describe() const {
  std::ostringstream text;
  text << "seed " << seed << ": " << devices << " devices, whole after " << heal_at.count() << " ms, permille dropped " << drop_permille << ", duplicated "
       << duplicate_permille << ", corrupted " << corrupt_permille << ", delayed " << long_delay_permille << ", " << device_kills << " device and " << coordinator_kills
       << " coordinator kills, " << partitions << " partitions" << (misbehaving_devices ? ", misbehaving devices" : "")
       << (secure ? ", secure" : "") << ", " << server_optimizer;
  return text.str();
}

}  // namespace fedspend::testing
