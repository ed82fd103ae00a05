#pragma once
// A federation with a clock, a network and a power supply that fail: the coordinator's round machine and a number of device sessions,
// the very ones of the programs, driven from one seed. The network drops, delays, duplicates, reorders, corrupts and partitions; devices and
// the coordinator are killed at any moment and begin anew, the coordinator from the last model that was stored. Some devices are slow, fickle,
// send what is not finite, or are rogues. After `heal_at` only the devices misbehave, and the federation must come to its end.
// The same options give the same run, to the message.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/session.h"
#include "coordinator/round_machine.h"
#include "tests/rounds/oracle.h"

namespace fedspend::testing {

// A coordinator, a network or a store that is broken on purpose: the world must notice each of them.
enum class Sabotage {
  none,
  adds_twice,         // the first contributor's update counts twice
  names_twice,        // a contributor stands twice in the summary
  forgets_model,      // a model that was said to be stored is not there after a restart
  forgets_state,      // the optimizer's state is lost over a restart, and the world is told that it is not
  loses_alarms,       // the coordinator is not woken any more
  takes_corrupt,      // a message that the network corrupted arrives as if it had not
  gives_out_early,    // the model counts as stored before it is
  // Of secure aggregation:
  leaves_a_mask,      // the sum is computed with one mask left in
  leaves_out_input,   // a contributor's input is not in the sum, which is said to be of all
  sends_plain,        // a device's input leaves it without masks
  drops_a_share,      // a device reveals one share fewer than it holds, and does not say so
  forgets_charges,    // a device's record is lost over a restart
};

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t devices = 10;
  Millis heal_at{200'000};
  unsigned drop_permille = 60;
  unsigned duplicate_permille = 60;
  unsigned corrupt_permille = 60;
  unsigned long_delay_permille = 60;  // up to two round deadlines: reordered, and late
  unsigned device_kills = 10;
  unsigned coordinator_kills = 3;
  unsigned partitions = 3;
  bool misbehaving_devices = true;
  bool secure = false;  // the coordinator sees masked inputs; the oracle knows from the devices' side what is in them
  std::string server_optimizer = "fedavg";
  Sabotage sabotage = Sabotage::none;

  static WorldOptions random(std::uint64_t seed);  // all of it drawn, but for an open sum
  static WorldOptions random_secure(std::uint64_t seed);
  std::string describe() const;
};

struct WorldOutcome {
  std::vector<std::string> violations;
  std::vector<std::string> operations;  // the newest of them
  std::uint64_t published = 0;
  std::uint64_t aborted = 0;
  std::uint64_t restarts = 0;
  std::uint64_t messages = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t contributions = 0;
  std::uint64_t steps = 0;
  Millis ended_at{};
};

WorldOutcome run_world(const WorldOptions& options);

}  // namespace fedspend::testing
