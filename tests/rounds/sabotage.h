#pragma once
// What a device or a coordinator that is broken on purpose (world.h) makes of secure aggregation.

#include <vector>

#include "common/numeric/ring_vector.h"
#include "tests/rounds/world.h"

namespace fedspend::testing {

// What the device says instead of `said`; `handed_in` is the update that its session was given.
Frames sabotaged(Sabotage sabotage, const Frames& said, const DeviceKeys& keys, const Plan& plan, const std::vector<float>& handed_in);
// What the coordinator takes for the sum.
void spoil(Sabotage sabotage, RingVector& sum, RandomSource& random);

}  // namespace fedspend::testing
