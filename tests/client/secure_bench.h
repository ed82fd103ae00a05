#pragma once
// Eight sessions (session_bench.h) and a real aggregator that a test moves by hand: device 0 is the one under test. Every message is
// sealed, signed and opened as on the wire.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "common/numeric/quantizer.h"
#include "common/secagg/aggregator.h"
#include "tests/client/session_bench.h"
#include "tests/common/secagg/signing_beacon.h"

namespace fedspend::client {

// Written once more, so that a test can let any of its calls fail and see what was kept, in order.
class FailingRecord final : public DeviceRecord {
 public:
  std::size_t fails_at = SIZE_MAX;  // the call with this number, from 0
  std::size_t calls = 0;
  std::vector<int> kept;            // kinds, in the order they were kept
  std::map<TaskId, PrivacyAccount> accounts;

 private:
  bool fails() { return calls++ == fails_at; }
  static tl::unexpected<Error> failure() { return fail(ErrorCode::io, "the disk is full"); }
  Result<std::optional<Hash256>> find(Kind kind, const Hash256& name) override {
    if (fails()) return failure();
    const auto found = values_.find({kind, name});
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  Result<PrivacyAccount> account_of(const TaskId& task) override {
    if (fails()) return failure();
    return accounts[task];
  }
  Status keep(std::span<const Entry> entries, std::span<const Account> changed) override {
    if (fails()) return failure();
    for (const Entry& entry : entries) {
      values_.emplace(std::pair(entry.kind, entry.name), entry.value);
      kept.push_back(static_cast<int>(entry.kind));
    }
    for (const Account& account : changed) accounts[account.task] = account.spent;
    return {};
  }
  std::map<std::pair<Kind, Hash256>, Hash256> values_;
};

inline MessageType type_of_frames(const Frames& frames) {
  const Result<Envelope> envelope = open_envelope(frames.control);
  REQUIRE(envelope);
  return envelope->type;
}

struct SecureBench {
  static constexpr std::size_t kDevices = 8;
  Offer offer;
  std::vector<std::unique_ptr<SessionBench>> devices;
  std::vector<Frames> said{kDevices};  // what each device sent last
  std::set<std::size_t> silent;        // whose messages the aggregator does not get
  RosterBeacon beacon;
  testing::SigningBeacon external;
  std::unique_ptr<Aggregator> aggregator;

  // A device that pins the external beacon's key; the others do so with it.
  static SessionOptions pinning() {
    SessionOptions options = session_options();
    options.policy.beacon_key = testing::beacon_key().public_key();
    return options;
  }
  // Device 0 with a signer and a consent view of the test's own.
  SecureBench(std::unique_ptr<IdentitySigner> signer, std::function<bool(std::string_view)> consents) : SecureBench() {
    devices[0] = std::make_unique<SessionBench>(session_options(), std::move(signer), std::move(consents));
  }
  // `record` and `options` are those of device 0.
  explicit SecureBench(Plan plan = testing::secure_plan(), DeviceRecord* record = nullptr, SessionOptions options = session_options()) : offer(std::move(plan)) {
    for (std::size_t i = 0; i < kDevices; ++i)
      devices.push_back(std::make_unique<SessionBench>(i == 0 ? options : pinning(), i + 1, i == 0 ? record : nullptr));
    aggregator = std::make_unique<Aggregator>(terms(), terms().external_beacon ? static_cast<Beacon&>(external) : beacon);
  }
  SessionTerms terms() const { return *make_session_terms(offer.plan, offer.assignment.round, offer.sid(), offer.assignment.cohort, offer.assignment.clip_norm_l2); }
  SessionBench& first() { return *devices[0]; }
  Session& session() { return devices[0]->session; }

  static std::vector<float> update_of(std::size_t device) {
    std::vector<float> update(testing::kParameters);
    for (std::size_t i = 0; i < update.size(); ++i) update[i] = 0.01F * static_cast<float>(device + 1) - 0.015F * static_cast<float>(i % 4);
    return update;
  }
  // From idle to AdvertiseKeys.
  Effects train(std::size_t device, std::vector<float> update) {
    SessionBench& it = *devices[device];
    it.check_in();
    offer.give(it);
    REQUIRE(it.session.phase() == "training");
    return note(device, it.session.step(TrainingFinished{offer.sid(), std::move(update)}, it.now));
  }
  Effects train(std::size_t device) { return train(device, update_of(device)); }
  void train_others() {
    for (std::size_t i = 1; i < kDevices; ++i) train(i);
  }
  void train_all() {
    train(0);
    train_others();
  }

  Effects note(std::size_t device, Effects effects) {
    for (const Send& send : testing::all_of<Send>(effects)) said[device] = send.frames;
    return effects;
  }
  Outgoing outgoing(std::size_t device) const {
    const auto message = aggregator->message_for(devices[device]->keys.id);
    REQUIRE(message);
    return *message;
  }
  Effects tell(std::size_t device, const Message& message, std::shared_ptr<const Bytes> bulk = nullptr) {
    return note(device, devices[device]->receive(message, aggregator->session(), std::move(bulk)));
  }
  Effects tell(std::size_t device) {
    const Outgoing message = outgoing(device);
    return tell(device, message.message, message.bulk);
  }

  Verdict take(std::size_t device) const {
    const Result<Envelope> envelope = open_envelope(said[device].control);
    REQUIRE(envelope);
    const testing::DeviceKeys& keys = devices[device]->keys;
    REQUIRE(verify_envelope(*envelope, keys.identity.public_key()));
    REQUIRE(envelope->session == (aggregator->session().is_zero() ? offer.sid() : aggregator->session()));
    const Result<Message> message = decode_body(envelope->type, envelope->body);
    REQUIRE(message);
    if (const auto* advertised = std::get_if<AdvertiseKeys>(&*message))
      return aggregator->on_advertise_keys(keys.identity.public_key(), encode_certificate(testing::certificate_of(keys.identity.public_key(), device + 1)), *advertised,
                                           envelope->signature);
    if (const auto* shares = std::get_if<ShareKeys>(&*message)) return aggregator->on_share_keys(keys.id, *shares);
    if (const auto* masked = std::get_if<MaskedInput>(&*message)) return aggregator->on_masked_input(keys.id, *masked, said[device].bulk_bytes());
    if (const auto* choice = std::get_if<SignSurvivors>(&*message)) return aggregator->on_sign_survivors(keys.id, *choice, envelope->signature);
    REQUIRE(std::holds_alternative<Unmask>(*message));
    return aggregator->on_unmask(keys.id, std::get<Unmask>(*message));
  }
  // What has been said is taken, and the aggregator's phase closed.
  void advance() {
    for (std::size_t i = 0; i < kDevices; ++i) {
      if (!silent.contains(i)) REQUIRE(take(i) == Verdict::accepted);
    }
    const Status advanced = aggregator->advance();
    INFO((advanced ? std::string() : advanced.error().message));
    REQUIRE(advanced);
  }
  void tell_others() {
    for (std::size_t i = 1; i < kDevices; ++i) {
      if (!silent.contains(i)) tell(i);
    }
  }
  // All have trained: to the aggregator's phase ("sharing", "masking", "signing", "revealing") with everyone but device 0 told its message.
  void reach(std::string_view phase) {
    for (;;) {
      advance();
      tell_others();
      if (aggregator->phase() == phase) return;
      tell(0);
    }
  }
  // What the phases of reach() send to the device.
  static constexpr std::array<std::string_view, 4> kPhases{"sharing", "masking", "signing", "revealing"};

  RingVector unmasked() {
    advance();
    SerialExecutor executor;
    auto outcome = aggregator->take_unmasking()->run(executor);
    REQUIRE(outcome);
    return std::move(outcome->sum);
  }
  RingVector sum_of(const std::set<std::size_t>& contributors) const {
    const Quantizer quantizer = *Quantizer::create({.clip_norm_l2 = offer.plan.aggregation.clip_norm_l2, .bits = offer.plan.aggregation.bits, .max_clients = offer.plan.devices_asked()});
    RingVector sum(testing::kParameters, offer.plan.aggregation.bits);
    for (const std::size_t i : contributors) sum.add(*quantizer.encode(update_of(i)));
    return sum;
  }
};

}  // namespace fedspend::client
