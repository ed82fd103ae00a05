#include "simulations/federation/participation.h"

#include <algorithm>

namespace fedspend::simulations {

ParticipationSpread spread_of(std::span<const DeviceState> devices) {
  ParticipationSpread spread;
  spread.devices = devices.size();
  if (devices.empty()) return spread;
  std::vector<std::uint32_t> counts;
  for (const DeviceState& device : devices) {
    counts.push_back(device.contributed);
    spread.asked += device.asked;
    spread.contributed += device.contributed;
  }
  std::sort(counts.begin(), counts.end());
  spread.min = counts.front();
  spread.median = counts[(counts.size() - 1) / 2];
  spread.max = counts.back();
  const auto never = std::upper_bound(counts.begin(), counts.end(), 0U) - counts.begin();
  const auto n = static_cast<double>(counts.size());
  spread.never_share = static_cast<double>(never) / n;
  if (spread.contributed == 0) return spread;
  // Of sorted values: sum (2 i - n - 1) x_i / (n sum x), i from 1.
  double weighted = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) weighted += (2.0 * static_cast<double>(i) + 1.0 - n) * counts[i];
  spread.gini = weighted / (n * static_cast<double>(spread.contributed));
  return spread;
}

std::vector<ParticipationSpread> participation(std::span<const DeviceState> devices, std::span<const std::uint32_t> classes, const World& world) {
  std::vector<ParticipationSpread> spreads = {spread_of(devices)};
  for (std::uint32_t kind = 0; kind < world.classes.size(); ++kind) {
    std::vector<DeviceState> of_class;
    for (std::size_t i = 0; i < devices.size(); ++i)
      if (classes[i] == kind) of_class.push_back(devices[i]);
    spreads.push_back(spread_of(of_class));
    spreads.back().device_class = world.classes[kind].name;
  }
  return spreads;
}

}  // namespace fedspend::simulations
