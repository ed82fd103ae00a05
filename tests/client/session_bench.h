#pragma once
// One device session with its cache and its record, and a coordinator that a test can bend: what is in the assignment and what is in
// the frames. sample_plan() is open; the tests of secure aggregation bring a plan of their own (secure_bench.h).

#include <functional>
#include <optional>

#include <doctest/doctest.h>

#include "client/remembered_credentials.h"
#include "client/session.h"
#include "tests/rounds/sample.h"

namespace fedspend::client {

inline SessionOptions session_options() {
  SessionOptions options;
  options.population = "cards";
  options.release_key = testing::release_key().public_key();
  options.policy = {.purposes = {"next_category"}, .min_cohort = 2, .max_clip_norm_l2 = 1.0, .min_noise_multiplier = 1e-9, .max_epsilon = 1e12, .delta = 0.1, .allow_central_privacy = true, .allow_open_aggregation = true, .allow_no_privacy = true};
  return options;
}

struct SessionBench {
  testing::DeviceKeys keys = testing::device_keys(1);
  MemoryCache cache;
  SeededRandom random;
  SeededRandom record_random{8};
  MemoryDeviceRecord own_record{record_random};
  RememberedCredentials credentials{{.authority = testing::authority_key().public_key(), .population = "cards"}};
  SerialExecutor executor;
  Session session;
  Millis now{1'000};
  std::int64_t unix_time_s = testing::kCertifiedAt_s;  // the wall clock, which a customer may set

  // `record`: one that outlives this device, or one that fails.
  explicit SessionBench(SessionOptions options = session_options(), std::uint64_t device = 1, DeviceRecord* record = nullptr)
      : keys(testing::device_keys(device)), random(6 + device), session(std::move(options), testing::device_keys(device).identity,
                                                    {.random = random,
                                                     .cache = cache,
                                                     .record = record != nullptr ? *record : own_record,
                                                     .credentials = credentials,
                                                     .executor = executor,
                                                     .unix_time_s = [this] { return unix_time_s; }}) {}
  // With services of the test's own: a consent view, a signer.
  SessionBench(SessionOptions options, std::unique_ptr<IdentitySigner> signer, std::function<bool(std::string_view)> consents)
      : random(7), session(std::move(options), std::move(signer),
                           {.random = random,
                            .cache = cache,
                            .record = own_record,
                            .credentials = credentials,
                            .executor = executor,
                            .unix_time_s = [] { return testing::kCertifiedAt_s; },
                            .consents = std::move(consents)}) {}
  SessionBench(const SessionBench&) = delete;

  Effects wake() { return session.step(Wake{}, now); }
  Effects receive(const Message& message, const SessionId& sid, std::shared_ptr<const Bytes> bulk = nullptr) {
    return session.step(FramesReceived{Frames{seal_from_coordinator(message, sid), std::move(bulk)}}, now);
  }
  // To the moment of the one alarm.
  Effects wake_at(const Effects& effects) {
    now = alarm(effects);
    return wake();
  }
  static Millis alarm(const Effects& effects) {
    const auto alarms = testing::all_of<WakeAt>(effects);
    REQUIRE(alarms.size() == 1);
    return alarms.front().time;
  }
  CheckIn check_in() {
    session.start(now);
    const Effects effects = wake();
    REQUIRE(session.phase() == "checked-in");
    return sent<CheckIn>(effects);
  }
  // The one message that was sent, checked as a coordinator would.
  template <class Kind>
  Kind sent(const Effects& effects, SessionId* sid = nullptr) const {
    const auto sends = testing::all_of<Send>(effects);
    REQUIRE(sends.size() == 1);
    const Result<Envelope> envelope = open_envelope(sends.front().frames.control);
    REQUIRE(envelope);
    CHECK(verify_envelope(*envelope, keys.identity.public_key()));
    if (sid != nullptr) *sid = envelope->session;
    const Result<Message> message = decode_body(envelope->type, envelope->body);
    REQUIRE(message);
    REQUIRE(std::holds_alternative<Kind>(*message));
    return std::get<Kind>(*message);
  }
};

// An assignment of sample_plan() that a device accepts, before a test bends it.
struct Offer {
  Plan plan = testing::sample_plan();
  std::vector<float> weights = testing::sample_weights();
  Assignment assignment;
  std::shared_ptr<const Bytes> bulk;

  Offer() { rebuild(); }
  explicit Offer(Plan given) : plan(std::move(given)) { rebuild(); }

  // After a change of plan or weights.
  void rebuild() {
    const SignedPlan signed_plan = testing::signed_plan(plan);
    assignment.task = plan.task;
    assignment.round = RoundId{1};
    assignment.attempt.fill(5);
    assignment.cohort = plan.devices_asked();
    assignment.deadline_ms = 60'000;
    assignment.clip_norm_l2 = plan.aggregation.clip_norm_l2;
    assignment.plan = signed_plan.bytes;
    assignment.plan_signature = signed_plan.signature;
    assignment.plan_hash = hash_of_plan(signed_plan.bytes);
    assignment.model_hash = testing::model_hash_of(weights);
    bulk = testing::shared_bytes(weights_to_bytes(weights));
  }
  SessionId sid() const {
    return session_id(assignment.task, assignment.round, assignment.model_hash, assignment.plan_hash, assignment.cohort, assignment.attempt);
  }
  Effects give(SessionBench& bench) const { return bench.receive(assignment, sid(), bulk); }
};

}  // namespace fedspend::client
