#pragma once
// What a device with right keys and wrong intentions says: replays, updates of any kind, floods, rubbish. Of secure aggregation only what
// cannot make a sum wrong: against a false input or false shares of its own device no round is proof, and none is claimed to be.

#include <functional>
#include <vector>

#include "tests/rounds/sample.h"

namespace fedspend::testing {

struct Rogue {
  const DeviceKeys& keys;
  const std::vector<Frames>& sent;             // by itself: what can be replayed
  const std::vector<Frames>& sent_by_another;
  SessionId session;                           // the last that it knows of
};

// One misdeed, drawn.
void misbehave(const Rogue& rogue, const Plan& plan, RandomSource& random, const std::function<void(Frames)>& send);

}  // namespace fedspend::testing
