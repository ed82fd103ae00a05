#include "simulations/runs/world_summary.h"

#include <cstdio>

namespace fedspend::simulations {
namespace {

nlohmann::json json_of(const ParticipationSpread& spread) {
  return {{"devices", spread.devices}, {"asked", spread.asked}, {"updates", spread.contributed}, {"min", spread.min}, {"median", spread.median},
          {"max", spread.max},         {"never_share", spread.never_share}, {"gini", spread.gini}};
}

double hours(const RunResult& result) { return static_cast<double>(result.simulated_time.count()) / 3'600'000; }

}  // namespace

nlohmann::json world_summary(const RunOptions& options, const RunResult& result) {
  nlohmann::json summary = {{"world", options.federation.world.name}, {"simulated_hours", hours(result)}};
  if (result.participation.empty()) return summary;
  summary["participation"] = json_of(result.participation.front());
  summary["participation"]["by_class"] = nlohmann::json::object();
  for (std::size_t i = 1; i < result.participation.size(); ++i) summary["participation"]["by_class"][result.participation[i].device_class] = json_of(result.participation[i]);
  return summary;
}

std::string world_line(const RunOptions& options, const RunResult& result) {
  const World& world = options.federation.world;
  if (world.hash == Hash256{} || result.participation.empty()) return {};
  const ParticipationSpread& all = result.participation.front();
  char line[320];
  std::snprintf(line, sizeof line, "in the world \"%s\": %.1f hours, %.0f of 100 devices asked contributed; each %u to %u times (half of them %u or less), %.0f of 100 never\n",
                world.name.c_str(), hours(result), all.asked == 0 ? 0.0 : 100.0 * static_cast<double>(all.contributed) / static_cast<double>(all.asked), all.min, all.max,
                all.median, 100 * all.never_share);
  return line;
}

}  // namespace fedspend::simulations
