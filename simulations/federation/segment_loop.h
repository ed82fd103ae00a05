#pragma once
// The event loop of a segment: what is in flight, and when. segment.cpp has the loop and the coordinator's side of it,
// segment_devices.cpp the devices'. Internal to simulations/federation.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "client/remembered_credentials.h"
#include "client/session.h"
#include "common/crypto/random.h"
#include "simulations/federation/recorded_chooser.h"
#include "simulations/federation/segment.h"
#include "simulations/federation/simulated_record.h"

namespace fedspend::simulations {

// A device's randomness in one segment. A few bytes, as there may be a hundred thousand of them: the stream is opened at each draw.
class DeviceRandom final : public RandomSource {
 public:
  DeviceRandom(std::uint64_t seed, std::uint64_t rounds_done, std::string_view client) : seed_(seed), rounds_done_(rounds_done), client_(client) {}
  void fill(MutableByteSpan out) override {
    SeededRandom stream(Hasher("sim-session").u64(seed_).u64(rounds_done_).field(client_).finish());
    stream.seek_block(next_block_);
    stream.fill(out);
    next_block_ += (out.size() + 63) / 64;
  }

 private:
  std::uint64_t seed_;
  std::uint64_t rounds_done_;
  std::string_view client_;
  std::uint64_t next_block_ = 1;  // the first was the key of a record that each segment began anew: runs are as they were then
};

// Of one instant in this order: all messages, then what was trained, then the devices' connections and alarms, then the
// coordinator's alarm, who thus sees all that come at the same time.
enum class EventKind : std::uint8_t { to_coordinator, to_device, trained, connection_lost, connection_restored, device_alarm, machine_alarm };

struct Event {
  Millis time{};
  EventKind kind{};
  std::uint64_t sequence = 0;
  std::size_t device = 0;
  Frames frames = {};
};

struct Device {
  std::unique_ptr<SimulatedRecord> record = {};
  std::unique_ptr<client::Session> session = {};  // made when it first wakes
  DeviceRandom random;
  Millis alarm = Millis::max();           // the newest replaces: a session has one thing to wait for
  Millis online_until{0};                 // of the present stay; in the past: away
  std::uint64_t connection_event = 0;     // the sequence of the event that still counts; 0: none
  std::uint32_t draws = 0;
  bool is_gone = false;                   // dropped out since it checked in
  std::optional<client::StartTraining> training = {};  // to be computed
  double clip_norm_l2 = 0;                             // of the round that asked for it
  std::optional<client::Effects> trained = {};         // what the session does at the end of its training; it is there already
};

class Segment {
 public:
  Segment(const FederationSetup& setup, FederationState& state, const Federation::OnRound& on_round)
      : setup_(setup), state_(state), on_round_(on_round), now_(state.clock), published_at_(state.clock),
        executor_(setup.options.threads), credentials_({.authority = setup.authority_key, .population = setup.plan.population, .remembers_signatures = true}),
        random_(Hasher("sim-coordinator").u64(setup.options.seed).u64(state.rounds_done).finish()), first_round_(state.rounds_done),
        last_round_((state.rounds_done / setup.options.segment_rounds + 1) * setup.options.segment_rounds) {}

  Status begin();
  Result<SegmentEnd> run();

 private:
  // What a device draws about its world, each with a stream of its own.
  enum class Purpose : std::uint64_t { check_in = 16, drops_waiting, wait, drops_training, drop_time, drops_sending, reconnects, reply_lost };
  struct ToTrain {
    Millis finish{};
    std::uint64_t sequence = 0;
    std::size_t device = 0;
  };

  std::uint64_t push(Event event);  // its sequence
  Event pop();
  bool next_is(EventKind kind) const { return !events_.empty() && events_.front().time == now_ && events_.front().kind == kind; }
  Status handle(Event event);

  // The coordinator's side.
  Status take(coordinator::Effects effects);
  Status on_published(coordinator::Publish& publish);
  Status on_aborted(const coordinator::RoundAborted& aborted);
  void report(const coordinator::RoundSummary& summary, const ModelHash& hash, std::shared_ptr<const std::vector<float>> weights);
  void count_participation(const coordinator::RoundSummary& summary);

  // The devices' side.
  void begin_devices();
  void set_alarm(std::size_t device, Millis time);
  void wake_devices(std::size_t first);
  bool is_ready_to_wake(std::size_t device);
  void make_session(std::size_t device);
  void receive(Event first);
  bool is_delivered(const Event& event);
  void lose_connection(std::size_t device, Millis time);
  void restore_connection(std::size_t device);
  void send(std::size_t device, Frames frames);
  void begin_training(std::size_t device, client::StartTraining start, Millis deadline);
  Status finish_training(std::size_t device);
  Status compute_trainings();
  void take(std::size_t device, client::Effects effects);
  void store_state();

  const DeviceClass& class_of(std::size_t device) const { return setup_.world().classes[setup_.characters[device].device_class]; }
  std::string_view phase_of(std::size_t device) const { return devices_[device].session ? devices_[device].session->phase() : std::string_view("idle"); }
  std::uint64_t draw(std::size_t device, Purpose purpose);
  bool happens(std::size_t device, Purpose purpose, Chance chance) { return chance != 0 && (draw(device, purpose) >> 32) < chance; }
  Millis training_time(std::size_t device);

  const FederationSetup& setup_;
  FederationState& state_;
  const Federation::OnRound& on_round_;
  Millis now_;
  Millis published_at_;
  ThreadExecutor executor_;
  SerialExecutor serial_;    // devices are at work in parallel already
  client::RememberedCredentials credentials_;  // of all devices: they all see the same signers
  SeededRandom random_;
  std::uint64_t first_round_;
  std::uint64_t last_round_;
  client::MemoryCache cache_;
  std::unique_ptr<coordinator::CohortChooser> chooser_;
  const RecordedChooser* recorded_ = nullptr;  // chooser_, where it repeats a federation
  std::unique_ptr<coordinator::RoundMachine> machine_;
  std::vector<Device> devices_;
  std::vector<Event> events_;  // a heap
  std::uint64_t sequence_ = 0;
  Millis machine_alarm_ = Millis::max();
  std::vector<ToTrain> to_train_;
  std::size_t diverged_in_a_row_ = 0;
  WorldTally tally_;  // since the last report
  std::optional<SegmentEnd> end_;
  unsigned aborted_in_a_row_ = 0;
};

// The time that the bytes take at a rate; none at rate 0.
inline Millis transfer_time(std::size_t bytes, std::uint64_t bits_per_second) {
  return bits_per_second == 0 ? Millis(0) : Millis(static_cast<std::int64_t>(std::uint64_t{bytes} * 8000 / bits_per_second));
}

}  // namespace fedspend::simulations
