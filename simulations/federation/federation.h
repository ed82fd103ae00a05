#pragma once
// A federation in one process: the coordinator's round machine and one device session per client, the very machines that the
// daemon and the device run, joined by queues instead of sockets, on a simulated clock. Messages are encoded, signed, checked and
// decoded as they are on the wire. Training runs in parallel over clients; everything else happens in one order that depends on
// the seed alone, so that the same seed gives the same model, to the bit, for any number of threads.
//
// A run is a chain of segments of `segment_rounds` rounds. At each boundary the coordinator begins anew from its published model,
// as the daemon does after a restart, and so do the devices' sessions; what goes on is a FederationState, in which the devices' records
// are, and randomness comes from (seed, first round of the segment). So a run that goes on from a stored state ends as one that was never disturbed, to the
// bit; and the length of a segment is a part of a run, as the seed is.
// One thread per object (it starts its own workers).

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/policy.h"
#include "common/clock.h"
#include "common/protocol/plan.h"
#include "common/result.h"
#include "coordinator/round_machine.h"
#include "models/torch_module.h"
#include "simulations/federation/client_source.h"
#include "simulations/federation/rank_exchange.h"
#include "simulations/federation/world.h"

namespace fedspend::simulations {

// Who contributed in each round of a federation that really ran (cohorts.jsonl): the simulator can repeat it.
struct RecordedRound {
  std::uint64_t round = 0;
  std::string model_hash;  // hex, of the model that the round made
  std::array<std::uint8_t, 16> attempt{}; // its nonce, which the devices' training depends on
  std::vector<std::string> contributors;  // labels
};
Result<std::vector<RecordedRound>> parse_cohort_log(std::string_view jsonl);

inline constexpr std::uint32_t kDefaultSegmentRounds = 25;

// Updates that no training made, by the client's index in the source: an audit's canaries. What it gives for a client is clipped,
// rounded and noised on the device like any update; nothing: the client trains. The clip norm is that of the round that asked. Called on any worker.
using MadeUpdates = std::function<std::optional<std::vector<float>>(std::size_t client, double clip_norm_l2)>;

struct FederationOptions {
  std::uint64_t seed = 1;
  unsigned threads = 1;
  std::uint32_t segment_rounds = kDefaultSegmentRounds;  // at least 1
  std::vector<RecordedRound> recorded;     // empty: cohorts are drawn
  client::DevicePolicy policy;             // of every simulated device
  models::TrainerChoice trainers = {};     // one a thread is made by it
  World world = ideal_world();
  RankExchange* exchange = nullptr;        // of a run on several machines; outlives the federation
  MadeUpdates made_updates = {};           // empty: every client trains
};

// What became of devices that were asked, and of connections, since the report before. Of the round's own devices, and of those that
// were still at work for an earlier one.
struct WorldTally {
  std::uint32_t dropped_waiting = 0;   // gone between check-in and assignment
  std::uint32_t dropped_training = 0;
  std::uint32_t dropped_sending = 0;
  std::uint32_t left = 0;              // their time within reach was over
  std::uint32_t too_slow = 0;          // stopped by the round's deadline
  std::uint32_t replies_lost = 0;
  std::uint32_t reconnected = 0;
  bool operator==(const WorldTally&) const = default;
};

struct SimulatedRound {
  coordinator::RoundSummary summary;
  ModelHash model_hash;
  std::shared_ptr<const std::vector<float>> weights;  // after the round
  Millis simulated_time{};
  WorldTally tally = {};
};

// What goes on from one segment to the next, and all that does.
struct DeviceState {
  Millis next_check_in{0};
  bool holds_plan = false;
  std::uint32_t asked = 0;
  std::uint32_t contributed = 0;
  std::uint32_t participations = 0;    // charged by the device's record, never taken back
  std::uint64_t last_round = 0;        // of them; 0: none
  std::vector<std::uint64_t> updates;  // of its record too (simulated_record.h); oldest first
  bool operator==(const DeviceState&) const = default;
};
struct FederationState {
  std::uint64_t rounds_done = 0;
  Millis clock{0};
  std::vector<float> weights;
  std::vector<float> optimizer_state;  // the server optimizer's; empty before the first round
  double clip_norm_l2 = 0;             // of the next round; 0 before the first one: the plan's
  PopulationLedger ledger = {};      // what the coordinator has charged
  std::vector<DeviceState> devices;  // of the eligible clients, in the clients' order; empty before the first round
};

struct FederationSetup;

class Federation {
 public:
  // `clients` outlive the federation. Clients that are not eligible under the plan never check in. The plan's bytes are signed
  // with a key made from the seed, which the simulated devices pin.
  static Result<std::unique_ptr<Federation>> create(const ClientSource& clients, std::string_view plan_toml, FederationOptions options);
  ~Federation();

  const Plan& plan() const;
  std::size_t eligible_clients() const;
  // The class of each device, in the order of FederationState::devices; an index into the world's classes.
  std::vector<std::uint32_t> device_classes() const;

  // After every round, published or aborted (then weights are the old ones). It may stop the run by returning false.
  using OnRound = std::function<bool(const SimulatedRound&)>;
  // After every segment but the last, with what a run can go on from.
  using OnBoundary = std::function<Status(const FederationState&)>;
  // From `state` until the plan's last round. Several aborted rounds in a row are a timeout error that says why. `state` is moved
  // along: at the end it is that of the last round that was published.
  Status run(FederationState& state, const OnRound& on_round, const OnBoundary& on_boundary);

 private:
  explicit Federation(std::unique_ptr<FederationSetup> setup);
  std::unique_ptr<FederationSetup> setup_;
};

}  // namespace fedspend::simulations
