#pragma once
// The round machine with enrolled devices that a test moves by hand. Every device speaks the real codec with its real keys.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "common/executor.h"
#include "common/numeric/quantizer.h"
#include "coordinator/round_machine.h"
#include "tests/rounds/sample.h"

namespace fedspend::coordinator {

// Two more devices that the list names and the coordinator leaves out.
inline constexpr std::uint64_t kRevokedDevice = 500, kExpiredDevice = 501;

inline EnrolmentList enrolment_of(std::size_t devices) {
  std::vector<EnrolledDevice> list;
  const testing::DeviceKeys revoked = testing::device_keys(kRevokedDevice), expired = testing::device_keys(kExpiredDevice);
  list.push_back({revoked.id, revoked.identity.public_key(), revoked.transport, testing::certificate_of(revoked.identity.public_key(), kRevokedDevice), ""});
  list.push_back({expired.id, expired.identity.public_key(), expired.transport,
                  issue_certificate(testing::authority_key(), "cards", expired.identity.public_key(), kExpiredDevice, 1, testing::kCertifiedAt_s), ""});
  for (std::size_t i = 0; i < devices; ++i) {
    const testing::DeviceKeys keys = testing::device_keys(i);
    list.push_back({keys.id, keys.identity.public_key(), keys.transport, testing::certificate_of(keys.identity.public_key(), i + 1), "device " + std::to_string(i)});
  }
  const auto made = EnrolmentList::create(std::move(list));
  REQUIRE(made);
  const auto revocations = RevocationList::create({revoked.id}, 1, testing::authority_key());
  auto admitted = made->admitted({.authority = testing::authority_key().public_key(), .population = "cards", .now_s = testing::kCertifiedAt_s, .revocations = &*revocations});
  REQUIRE(admitted);
  return std::move(*admitted);
}

// One after the other, and how many there were.
struct CountingExecutor final : Executor {
  std::size_t done = 0;
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override {
    for (std::size_t i = 0; i < count; ++i) work(i);
    done += count;
  }
  unsigned width() const override { return 2; }
};

// With a signature that is not the sender's.
inline Frames spoilt(Frames frames) {
  frames.control[kEnvelopeHeaderBytes - 4 - 64] ^= 1;  // the signature is before the length of the body
  return frames;
}

// Chooses the first of the sorted pool, so that a test knows who is asked.
class FirstChooser final : public CohortChooser {
 public:
  bool waits = false;
  std::optional<std::vector<ClientId>> choose(std::span<const ClientId> pool, std::uint32_t asked, RoundId) override {
    if (waits) return std::nullopt;
    const auto chosen = pool.first(std::min<std::size_t>(asked, pool.size()));
    return std::vector<ClientId>(chosen.begin(), chosen.end());
  }
};

struct MachineBench {
  Plan plan;
  std::vector<testing::DeviceKeys> devices;
  SeededRandom random{11};
  FirstChooser chooser;
  std::unique_ptr<RoundMachine> machine;
  Millis now{1'000'000};
  std::map<std::size_t, std::pair<Envelope, Assignment>> assigned;  // the last assignment of each device
  std::map<std::size_t, Frames> assigned_frames;

  explicit MachineBench(Plan given = testing::sample_plan(), std::size_t count = 8, MachineOptions options = {}, std::uint64_t rounds_done = 0,
                        CohortChooser* other_chooser = nullptr, std::vector<float> weights = testing::sample_weights(), std::vector<float> optimizer_state = {})
      : plan(std::move(given)) {
    for (std::size_t i = 0; i < count; ++i) devices.push_back(testing::device_keys(i));
    auto made = RoundMachine::create(testing::signed_plan(plan), testing::release_key().public_key(),
                                     {.rounds_done = rounds_done, .weights = std::move(weights), .optimizer_state = std::move(optimizer_state)},
                                     enrolment_of(count), options, other_chooser != nullptr ? *other_chooser : chooser, random);
    REQUIRE(made);
    machine = std::move(*made);
  }

  static PeerId peer_of(std::size_t device) { return {"peer " + std::to_string(device)}; }
  std::size_t device_of(const PeerId& peer) const { return std::stoul(peer.value.substr(5)); }

  Effects give(std::size_t device, Frames frames) { return take(machine->step(MessageReceived{peer_of(device), devices[device].transport, std::move(frames)}, now)); }
  Effects say(std::size_t device, const Message& message, const SessionId& sid = {}, std::shared_ptr<const Bytes> bulk = nullptr) {
    return give(device, Frames{seal_from_device(message, sid, devices[device].id, devices[device].identity), std::move(bulk)});
  }
  CheckIn check_in_message() const {
    CheckIn message;
    message.population = plan.population;
    message.software = "test";
    return message;
  }
  Effects check_in(std::size_t device) { return say(device, check_in_message()); }
  Effects wake() { return take(machine->step(Wake{}, now)); }
  Effects wake_after(Millis time) {
    now += time;
    return wake();
  }
  Effects stored() { return take(machine->step(ModelStored{RoundId{machine->rounds_done() + 1}}, now)); }

  Effects take(Effects effects) {
    for (const Send& send : testing::all_of<Send>(effects)) {
      const Result<Envelope> envelope = open_envelope(send.frames.control);
      REQUIRE(envelope);
      if (envelope->type != MessageType::assignment) continue;
      const Result<Message> message = decode_body(envelope->type, envelope->body);
      REQUIRE(message);
      assigned.insert_or_assign(device_of(send.peer), std::pair{*envelope, std::get<Assignment>(*message)});
      assigned_frames.insert_or_assign(device_of(send.peer), send.frames);
    }
    return effects;
  }

  // Everything that was sent to one device, decoded.
  template <class Kind>
  std::vector<Kind> sent_to(std::size_t device, const Effects& effects) const {
    std::vector<Kind> found;
    for (const Send& send : testing::all_of<Send>(effects)) {
      if (device_of(send.peer) != device) continue;
      const Result<Envelope> envelope = open_envelope(send.frames.control);
      REQUIRE(envelope);
      const Result<Message> message = decode_body(envelope->type, envelope->body);
      REQUIRE(message);
      if (const auto* match = std::get_if<Kind>(&*message)) found.push_back(*match);
    }
    return found;
  }
  UpdateStatus reply_to(std::size_t device, const Effects& effects) const {
    const auto replies = sent_to<UpdateReply>(device, effects);
    REQUIRE(replies.size() == 1);
    return replies.front().status;
  }
  static std::vector<DropReason> drops(const Effects& effects) {
    std::vector<DropReason> reasons;
    for (const Dropped& dropped : testing::all_of<Dropped>(effects)) reasons.push_back(dropped.reason);
    return reasons;
  }

  Quantizer quantizer() const {
    return *Quantizer::create({.clip_norm_l2 = plan.aggregation.clip_norm_l2, .bits = plan.aggregation.bits, .max_clients = plan.devices_asked()});
  }
  // What a device would send for an update of one value everywhere.
  Bytes packed(float value) const { return quantizer().encode(std::vector<float>(testing::kParameters, value))->pack(); }
  Update update_message(const Bytes& packed_bytes) const {
    return {hash_of_update(packed_bytes), static_cast<std::uint32_t>(testing::kParameters), static_cast<std::uint8_t>(plan.aggregation.bits)};
  }
  SessionId session() const {
    REQUIRE_FALSE(assigned.empty());
    return assigned.rbegin()->second.first.session;
  }
  Effects update(std::size_t device, float value) { return update(device, value, assigned.at(device).first.session); }
  Effects update(std::size_t device, float value, const SessionId& sid) {
    const Bytes bytes = packed(value);
    return say(device, update_message(bytes), sid, testing::shared_bytes(bytes));
  }

  // Checks in as many as are asked, and returns the indices of the devices that were.
  std::vector<std::size_t> to_collecting() {
    assigned.clear();
    for (std::size_t i = 0; i < devices.size() && machine->phase() == "selecting"; ++i) check_in(i);
    REQUIRE(machine->phase() == "collecting");
    std::vector<std::size_t> asked;
    for (const auto& [device, message] : assigned) asked.push_back(device);
    return asked;
  }
};

template <class Alternative>
Alternative the_one(const Effects& effects) {
  const auto found = testing::all_of<Alternative>(effects);
  REQUIRE(found.size() == 1);
  return found.front();
}

inline Millis last_alarm(const Effects& effects) {
  const auto alarms = testing::all_of<WakeAt>(effects);
  REQUIRE_FALSE(alarms.empty());
  return alarms.back().time;
}

}  // namespace fedspend::coordinator
