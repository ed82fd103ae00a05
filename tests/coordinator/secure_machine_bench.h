#pragma once
// The round machine and real device sessions around one table: what either sends lies on the table until the test lets it pass. Time
// stands still but where a test moves it; training takes none.

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/remembered_credentials.h"
#include "client/session.h"
#include "common/secagg/unmasking.h"
#include "tests/common/secagg/signing_beacon.h"
#include "tests/coordinator/machine_bench.h"

namespace fedspend::coordinator {

struct TableDevice {
  client::MemoryCache cache;
  SeededRandom random;
  SeededRandom record_random;
  client::MemoryDeviceRecord record;
  client::RememberedCredentials credentials{{.authority = testing::authority_key().public_key(), .population = "cards"}};
  SerialExecutor executor;
  std::unique_ptr<client::Session> session;
  unsigned starts = 0;
  double clip_norm_most = 1;  // of its policy
  bool allows_open = false;   // the same

  explicit TableDevice(std::size_t number) : random(Hasher("test-table").u64(number).finish()), record_random(Hasher("test-table-record").u64(number).finish()), record(record_random) {}
  // Power off and on: everything but cache and record is new.
  void boot(std::size_t number) {
    client::SessionOptions options;
    options.population = "cards";
    options.release_key = testing::release_key().public_key();
    options.policy = {.purposes = {"next_category"}, .min_cohort = 2, .max_clip_norm_l2 = clip_norm_most, .beacon_key = testing::beacon_key().public_key(), .max_participations = client::kMaxParticipationCap, .min_noise_multiplier = 1e-9, .max_epsilon = 1e12, .delta = 0.1, .allow_central_privacy = true, .allow_open_aggregation = allows_open, .allow_no_privacy = true};
    ++starts;
    session = std::make_unique<client::Session>(std::move(options), testing::device_keys(number).identity,
                                                client::SessionServices{.random = random,
                                                                        .cache = cache,
                                                                        .record = record,
                                                                        .credentials = credentials,
                                                                        .executor = executor,
                                                                        .unix_time_s = [] { return testing::kCertifiedAt_s; }});
  }
};

struct OnTheTable {
  std::size_t device = 0;
  bool up = false;
  MessageType type{};
  Frames frames;
};

struct SecureMachineBench : MachineBench {
  std::vector<std::unique_ptr<TableDevice>> table;
  std::deque<OnTheTable> messages;
  std::vector<OnTheTable> carried;  // all that ever was sent, in order
  Effects seen;                     // the machine's, but Send and WakeAt
  std::function<bool(const OnTheTable&)> holds = [](const OnTheTable&) { return false; };  // it stays on the table
  std::function<bool(const OnTheTable&)> loses = [](const OnTheTable&) { return false; };  // it is gone
  std::function<void(OnTheTable&)> alters = [](OnTheTable&) {};
  std::function<std::vector<float>(std::size_t)> trains;  // what a device has trained, where it is not update_of()
  float shift = 0;                  // of every update: the same one is not handed in twice
  bool computes = true;             // ComputeSum is answered at once
  std::shared_ptr<Unmasking> waiting_sum;
  Millis machine_alarm = Millis::max();
  std::map<std::size_t, PeerId> connections;  // of devices that have come over another one
  std::map<std::size_t, PeerId> told;         // where the machine last sent something to the device

  explicit SecureMachineBench(Plan given = testing::secure_plan(), std::size_t count = 8, MachineOptions options = {}) : MachineBench(std::move(given), count, options) {
    for (std::size_t i = 0; i < count; ++i) {
      table.push_back(std::make_unique<TableDevice>(i));
      table.back()->boot(i);
    }
    from_machine(machine->start(now));
  }

  std::vector<float> update_of(std::size_t device) const {
    std::vector<float> update(testing::kParameters);
    for (std::size_t i = 0; i < update.size(); ++i) update[i] = 0.02F * static_cast<float>(device + 1) - 0.013F * static_cast<float>(i % 5) + shift + 0.001F * static_cast<float>(machine->rounds_done());
    return update;
  }

  void from_machine(const Effects& effects) {
    take(effects);
    std::vector<Effect> work;
    for (const Effect& effect : effects) {
      if (const auto* send = std::get_if<Send>(&effect)) {
        told.insert_or_assign(device_of(send->peer), send->peer);
        put({device_of(send->peer), false, open_envelope(send->frames.control).value().type, send->frames});
      } else if (const auto* alarm = std::get_if<WakeAt>(&effect)) machine_alarm = alarm->time;
      else {
        seen.push_back(effect);
        if (std::holds_alternative<ComputeSum>(effect) || std::holds_alternative<Publish>(effect)) work.push_back(effect);
      }
    }
    for (const Effect& effect : work) {
      if (const auto* compute = std::get_if<ComputeSum>(&effect)) {
        waiting_sum = compute->unmasking;
        if (computes) compute_sum(compute->session);
      } else {
        from_machine(machine->step(ModelStored{std::get<Publish>(effect).summary.round}, now));
      }
    }
  }
  void compute_sum(const SessionId& session) {
    SerialExecutor executor;
    from_machine(machine->step(SumComputed{session, waiting_sum->run(executor)}, now));
  }
  void from_device(std::size_t device, const client::Effects& effects) {
    for (const client::Effect& effect : effects) {
      if (const auto* send = std::get_if<client::Send>(&effect)) put({device, true, open_envelope(send->frames.control).value().type, send->frames});
      if (const auto* start = std::get_if<client::StartTraining>(&effect))
        from_device(device, table[device]->session->step(client::TrainingFinished{start->session, trains ? trains(device) : update_of(device)}, now));
    }
  }
  void put(OnTheTable message) {
    alters(message);
    carried.push_back(message);
    messages.push_back(std::move(message));
  }
  void deliver(const OnTheTable& message) {
    const auto connection = connections.find(message.device);
    const PeerId peer = connection == connections.end() ? peer_of(message.device) : connection->second;
    if (message.up) from_machine(machine->step(MessageReceived{peer, devices[message.device].transport, message.frames}, now));
    else from_device(message.device, table[message.device]->session->step(client::FramesReceived{message.frames}, now));
  }
  // Until all that is left on the table is held there.
  void run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t i = 0; i < messages.size(); ++i) {
        if (holds(messages[i])) continue;
        const OnTheTable message = messages[i];
        messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i));
        if (!loses(message)) deliver(message);
        moved = true;
        break;
      }
    }
  }
  void release() {
    holds = [](const OnTheTable&) { return false; };
    run();
  }
  void hold_up(MessageType type) {
    holds = [type](const OnTheTable& message) { return message.up && message.type == type; };
  }
  // Whatever the devices of `silent` say from this type on is lost.
  void lose_from(MessageType type, std::set<std::size_t> silent) {
    loses = [type, silent = std::move(silent)](const OnTheTable& message) { return message.up && silent.contains(message.device) && message.type >= type; };
  }
  void wake_device(std::size_t device) { from_device(device, table[device]->session->step(client::Wake{}, now)); }
  void check_in_all() {
    for (std::size_t i = 0; i < table.size(); ++i) {
      static_cast<void>(table[i]->session->start(now));
      wake_device(i);
    }
  }
  // To the machine's alarm.
  void pass_deadline() {
    REQUIRE(machine_alarm != Millis::max());
    now = std::max(now, machine_alarm);
    machine_alarm = Millis::max();
    from_machine(machine->step(Wake{}, now));
  }
  void pass_deadline_and_run() {
    pass_deadline();
    run();
  }

  std::vector<ClientId> ids_of(const std::set<std::size_t>& which) const {
    std::vector<ClientId> ids;
    for (const std::size_t i : which) ids.push_back(devices[i].id);
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  // What the first round makes of exactly these updates.
  std::vector<float> weights_of(const std::set<std::size_t>& contributors) const {
    RingVector sum(testing::kParameters, plan.aggregation.bits);
    for (const std::size_t i : contributors) {
      std::vector<float> update(testing::kParameters);
      for (std::size_t p = 0; p < update.size(); ++p) update[p] = 0.02F * static_cast<float>(i + 1) - 0.013F * static_cast<float>(p % 5) + shift;
      sum.add(*quantizer().encode(update));
    }
    const std::vector<float> mean = quantizer().decode_mean(sum, contributors.size());
    std::vector<float> weights = testing::sample_weights();
    for (std::size_t p = 0; p < weights.size(); ++p) weights[p] += 0.5F * mean[p];
    return weights;
  }
  void expect_published(const std::set<std::size_t>& contributors) const {
    const auto published = testing::all_of<Publish>(seen);
    REQUIRE(published.size() >= 1);
    CHECK(published.front().summary.round == RoundId{1});
    CHECK(published.front().summary.contributors == ids_of(contributors));
    const std::vector<float> expected = weights_of(contributors);
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK((*published.front().weights)[i] == doctest::Approx(expected[i]).epsilon(1e-6));
  }
  RoundSummary aborted() const {
    const auto found = testing::all_of<RoundAborted>(seen);
    REQUIRE(found.size() == 1);
    CHECK(testing::all_of<Publish>(seen).empty());
    return found.front().summary;
  }
  std::size_t count_of(MessageType type, std::size_t device) const {
    return static_cast<std::size_t>(std::count_if(carried.begin(), carried.end(), [&](const OnTheTable& m) { return m.type == type && m.device == device; }));
  }
  std::vector<UpdateStatus> replies_to(std::size_t device) const {
    std::vector<UpdateStatus> statuses;
    for (const OnTheTable& message : carried) {
      if (message.device != device || message.type != MessageType::update_reply) continue;
      const Envelope envelope = open_envelope(message.frames.control).value();
      statuses.push_back(std::get<UpdateReply>(decode_body(envelope.type, envelope.body).value()).status);
    }
    return statuses;
  }
  std::uint64_t dropped(DropReason reason) const {
    const auto all = drops(seen);
    return static_cast<std::uint64_t>(std::count(all.begin(), all.end(), reason));
  }
  const OnTheTable& last_of(MessageType type, std::size_t device) const {
    const auto found = std::find_if(carried.rbegin(), carried.rend(), [&](const OnTheTable& m) { return m.type == type && m.device == device; });
    REQUIRE(found != carried.rend());
    return *found;
  }
};

// What devices send, and the machine's phase while it waits for it.
struct PhaseOf {
  MessageType up;
  std::string_view phase;
};
inline constexpr std::array<PhaseOf, 5> kPhases{{{MessageType::advertise_keys, "advertising"},
                                          {MessageType::share_keys, "sharing"},
                                          {MessageType::masked_input, "masking"},
                                          {MessageType::sign_survivors, "signing"},
                                          {MessageType::unmask, "revealing"}}};
inline const std::set<std::size_t> kAll{0, 1, 2, 3, 4, 5, 6, 7};

// Of eight two may be lost, but for those who do not even advertise: of seven on the roster one.
inline std::set<std::size_t> lost_in(const PhaseOf& at) { return at.phase == "advertising" ? std::set<std::size_t>{5} : std::set<std::size_t>{2, 5}; }
// In whose sum they are, all the same.
inline std::set<std::size_t> sum_without(const PhaseOf& at) {
  std::set<std::size_t> left = kAll;
  if (at.up >= MessageType::sign_survivors) return left;
  for (const std::size_t i : lost_in(at)) left.erase(i);
  return left;
}

// The devices have said `up`, and the machine has heard none of it.
inline void to_phase(SecureMachineBench& bench, const PhaseOf& at) {
  bench.hold_up(at.up);
  bench.check_in_all();
  bench.run();
  // Sessions' own: a quorum suffices to leave the signing phase, every other waits for all.
  REQUIRE(bench.machine->phase() == at.phase);
}

}  // namespace fedspend::coordinator
