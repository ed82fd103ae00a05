#pragma once
// How evenly the devices of a run have taken part. Pure functions.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "simulations/federation/federation.h"

namespace fedspend::simulations {

// Of how many updates of each device are in the model.
struct ParticipationSpread {
  std::string device_class;  // empty: all
  std::uint64_t devices = 0;
  std::uint64_t asked = 0;
  std::uint64_t contributed = 0;
  std::uint32_t min = 0;
  std::uint32_t median = 0;  // the lower one of two
  std::uint32_t max = 0;
  double never_share = 0;    // of the devices
  double gini = 0;           // 0: all equally often; towards 1: always the same few
};

ParticipationSpread spread_of(std::span<const DeviceState> devices);
// All devices, then each class of the world, in its order. `classes`: of each device, an index.
std::vector<ParticipationSpread> participation(std::span<const DeviceState> devices, std::span<const std::uint32_t> classes, const World& world);

}  // namespace fedspend::simulations
