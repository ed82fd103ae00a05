#pragma once
// The device's end of a round, as a pure machine: step(event, now) -> effects. Sockets, clocks, threads, files, training and
// randomness come from outside; the agent, the simulator and the tests run this same machine. One thread per object.
//
//   phase      event                               next       effects
//   Idle       Wake, time to check in              CheckedIn  Send(CheckIn), WakeAt
//   CheckedIn  Assignment that passes every check  Training   StartTraining, WakeAt(deadline); plan and model go into the cache
//   CheckedIn  Assignment that does not            Idle       Send(Decline), Refused, WakeAt
//   CheckedIn  ComeBack                            Idle       WakeAt; Ended if the federation is finished, TurnedAway if this device is not taken
//   CheckedIn  Wake, no reply in time              Idle       WakeAt (transient back-off)
//   Training   TrainingFinished(update)            Reporting  Send(Update), WakeAt; with secure aggregation
//                                                  Aggregating  Send(AdvertiseKeys), WakeAt
//   Training   TrainingFinished(reason)            Idle       Send(Decline), WakeAt
//   Training   Wake, deadline passed               Idle       StopTraining, WakeAt
//   Aggregating  RosterView ... Quorum, checked    Aggregating  Send(ShareKeys ... Unmask), WakeAt
//   Aggregating  one that fails a check            Idle       Send(Decline), Refused, WakeAt
//   Aggregating  the record forbids it             Idle       Send(Decline record), Refused, WakeAt
//   Aggregating  UpdateReply                       Idle       Reported, WakeAt
//   Reporting  UpdateReply                         Idle       Reported, WakeAt
//   Reporting  Wake, no reply in time              Reporting  Send(Update) again, the same bytes, while the deadline lasts;
//                                                             Aggregating likewise, with what it sent last
//   CheckedIn  ConnectionRestored                  Idle       WakeAt (at random within reconnect_spread: not all at once)
//   Reporting, Aggregating  ConnectionRestored     the same   Send what was sent last again, the same bytes
//   not Idle   ConnectionLost                      Idle       StopTraining?, WakeAt (transient back-off)
//   any        Cancel                              Idle       StopTraining?, Cancelled, WakeAt (transient back-off); nothing is sent
//   not Idle   anything, with the consent gone     Idle       StopTraining?, Withdrawn, WakeAt (transient back-off); nothing is sent
//   Idle       Wake, nothing is consented to       Idle       WakeAt (permanent back-off); nothing is sent
//   any        what is to be sent cannot be signed Idle       Refused, WakeAt (transient back-off); nothing is sent
//   any        message of another session or kind  same       Ignored(reason)
//
// A message that does not decode changes nothing. Order of checks on an assignment (PROTOCOL.md, Assignment): the sid is computed
// here, never taken from the server, and one that differs is ignored; then plan bytes against the release key's signature before
// they are parsed, plan hash, policy, task, round, cohort, and the model's length and hash. The first that fails is the refusal.
//
// What must be durable before a message of secure aggregation leaves is in the record (device_record.h) before it is an effect:
// ShareKeys: the session is answered; MaskedInput, and Update of an open sum: the participation is charged; SignSurvivors: the choice;
// Unmask: the update. The customer's consent is asked at every event and once more before what comes of it is sent, so that nothing leaves
// for a plan whose purpose is no longer consented to, nor anything where no purpose is, not even a Decline. A device whose cap for the task is reached is silent: it neither checks in nor declines (case 28).

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/content_cache.h"
#include "client/device_record.h"
#include "client/policy.h"
#include "common/clock.h"
#include "common/crypto/identity_signer.h"
#include "common/protocol/codec.h"
#include "common/protocol/messages.h"
#include "common/protocol/plan.h"
#include "common/random_source.h"
#include "common/executor.h"
#include "common/result.h"
#include "common/secagg/participant.h"

namespace fedspend::client {

// What a session is given from outside; all of it outlives the session.
struct SessionServices {
  RandomSource& random;      // libsodium's generator, but in tests and simulations
  ContentCache& cache;
  DeviceRecord& record;      // this device's own
  Credentials& credentials;  // with the enrolment authority that is pinned
  Executor& executor;        // checks a quorum's signatures
  std::function<std::uint64_t()> unix_time_s;  // what the times of certificates and plans are held against
  // Whether the customer consents to this purpose now; called in the session's thread. Beside the policy's purposes, which must name it as
  // well. Empty: those alone are the consent (agents without a customer, and simulations).
  std::function<bool(std::string_view purpose)> consents = {};
};

struct SessionOptions {
  std::string population;
  std::string software = "fedspend";
  IdentityPublicKey release_key;          // pinned
  DevicePolicy policy;
  bool trains_torchscript = false;        // the simulator's sessions alone: a device has no libtorch and runs nobody's code
  Millis reply_timeout{30'000};           // from an update to its reply
  Millis hold_timeout{600'000};           // from a check-in to an assignment or ComeBack
  Millis transient_backoff{900'000};      // no reply, no connection, a training that failed; +-20%
  Millis permanent_backoff{14'400'000};   // a refused plan, not enrolled, not eligible; +-20%
  Millis reconnect_spread{1'000};
  // What a coordinator may ask for as time to come back in, before the jitter.
  Millis shortest_retry{0};
  Millis longest_retry{604'800'000};
  Millis first_check_in_spread{0};        // the first check-in comes at random within this time
  PlanHash held_plan;                     // in the cache from an earlier process; zero: none
  ModelHash held_model;
};

// Events
struct Wake {};
struct FramesReceived {
  Frames frames;
};
// The update as trained, of the plan's parameter count, or why there is none. `session` is that of StartTraining. `diverged`: the update
// is zero because training gave values that are not finite; for the device's own log alone.
struct TrainingFinished {
  SessionId session;
  std::variant<std::vector<float>, DeclineReason> outcome;
  bool diverged = false;
};
// The transport has given up. (The agent's does not: ZeroMQ goes on trying, and says ConnectionRestored.)
struct ConnectionLost {};
// There is a new connection: what was sent over the old one may be lost, and the coordinator may have begun anew.
struct ConnectionRestored {};
// Whether there is one since a look at a channel's count of connections; the first of all is none. Between two looks, also before the
// first, there may have been several.
constexpr bool is_connection_restored(std::uint64_t connections_before, std::uint64_t connections) { return connections > connections_before && connections > 1; }
// The host wants it to stop at once, or what it needs to work (power, an idle device) is gone.
struct Cancel {};
using Event = std::variant<Wake, FramesReceived, TrainingFinished, ConnectionLost, ConnectionRestored, Cancel>;

// Effects
// What a message is, for the customer's history, which is written before the bytes go. What it cost is in the record by then.
struct Leaving {
  MessageType type{};
  SharedPlan plan;       // null before there is one, and where it could not be read
  PlanHash plan_hash;    // zero: none
  RoundId round;         // 0: none
  bool is_again = false; // the same bytes as before
};
struct Send {
  Frames frames;
  Leaving leaving = {};
};
struct StartTraining {
  SessionId session;
  RoundId round;
  SharedPlan plan;
  PlanHash plan_hash;
  SharedWeights weights;
  std::array<std::uint8_t, 16> attempt{};  // of the assignment; in the seed of the training
  ModelHash model_hash = {};               // of `weights`
};
struct StopTraining {};
struct WakeAt {
  Millis time{};
};
// An update was answered. `update` and `reply` are for the device's own record of what left it.
struct Reported {
  RoundId round;
  UpdateStatus status{};
  std::uint64_t bytes_sent = 0;
};
struct Refused {  // this device refused an assignment, or is silent because it has spent what it may
  DeclineReason reason{};
  std::string why;
  Leaving of = {};  // the plan and the round; of the Decline that leaves, if one does
};
struct TurnedAway {  // the coordinator does not take this device as it is
  ComeBackReason reason{};
};
struct Ignored {  // a message that changed nothing
  std::string why;
};
struct Withdrawn {  // the customer's consent is gone
  std::string purpose;  // of the plan; empty: nothing is consented to any more
};
struct Cancelled {};
struct Ended {};  // the coordinator says that the federation is finished
using Effect = std::variant<Send, StartTraining, StopTraining, WakeAt, Reported, Refused, Ignored, Withdrawn, Cancelled, Ended, TurnedAway>;
using Effects = std::vector<Effect>;

class Session {
 public:
  Session(SessionOptions options, std::unique_ptr<IdentitySigner> identity, SessionServices services);
  Session(SessionOptions options, IdentityKey identity, SessionServices services);  // a key in memory

  // The first effects: when to wake first.
  Effects start(Millis now);
  // Never fails: what is wrong with a message is an Ignored effect, what is wrong with a plan a Refused one.
  Effects step(const Event& event, Millis now);

  const ClientId& id() const { return id_; }
  std::string_view phase() const;  // for logs and tests
  bool is_idle() const { return std::holds_alternative<Idle>(phase_); }

 private:
  struct Idle {
    Millis check_in_at{};
  };
  struct CheckedIn {
    Millis give_up_at{};
  };
  struct Training {
    SessionId session;
    RoundId round;
    SharedPlan plan;
    PlanHash plan_hash;
    std::shared_ptr<const PrivacyCost> cost;  // of the plan's dearest round
    Millis deadline{};
    std::optional<SessionTerms> secure;  // of secure aggregation; nothing: the plan's sum is open
  };
  struct WipingDelete {  // what is not masked yet must not stay behind
    void operator()(std::vector<float>* update) const;
  };
  struct Aggregating {
    SessionId assignment;
    RoundId round;
    SharedPlan plan;
    PlanHash plan_hash;
    std::unique_ptr<Participant> participant;
    std::unique_ptr<std::vector<float>, WipingDelete> update;  // as trained, until it is masked
    Hash256 digest{};                    // of it, for the record
    bool is_zero = false;                // nothing that could be handed in twice
    Frames last;                         // what was sent last
    MessageType last_type{};
    std::uint64_t bytes_sent = 0;
    Millis deadline{};                   // of the whole session
    Millis retry_at{};
  };
  struct Reporting {
    SessionId session;
    RoundId round;
    SharedPlan plan;
    PlanHash plan_hash;
    Frames update;
    Millis deadline{};
    Millis retry_at{};
  };
  using Phase = std::variant<Idle, CheckedIn, Training, Aggregating, Reporting>;

  struct Rejection {
    DeclineReason reason{};
    std::string why;
  };

  Effects dispatch(const Event& event, Millis now);
  Effects on_wake(Millis now);
  Effects on_frames(const Frames& frames, Millis now);
  Effects on_training(const TrainingFinished& finished, Millis now);
  Effects on_connection_lost(Millis now);
  Effects on_connection_restored(Millis now);
  Effects on_assignment(const Envelope& envelope, const Assignment& assignment, const Frames& frames, Millis now);
  Effects on_come_back(const ComeBack& come_back, Millis now);
  Effects on_update_reply(const Envelope& envelope, const UpdateReply& reply, Millis now);

  // Secure aggregation (session_aggregation.cpp).
  Effects advertise(const Training& training, std::vector<float>& update, Millis now);
  Effects on_aggregation(const Envelope& envelope, const Message& message, const Frames& frames, Millis now);
  Effects on_roster(Aggregating& at, const Envelope& envelope, const RosterView& roster, Millis now);
  Effects on_shares(Aggregating& at, const DeliverShares& shares, Millis now);
  Effects on_survivors(Aggregating& at, const Survivors& survivors, Millis now);
  Effects on_quorum(Aggregating& at, const Quorum& quorum, ByteSpan bulk, Millis now);
  Effects answer(Aggregating& at, const Message& message, std::shared_ptr<const Bytes> bulk, Millis now);
  Millis retry_interval(const Aggregating& at) const;
  Effects give_up(const SessionId& session, const Error& error, Millis now);
  Effects forbidden(const SessionId& session, const Error& error, Millis now);
  Effects spent(Leaving of, Millis now);
  bool is_at_cap(const TaskId& task, std::uint32_t max_participations);
  Effects keep_silent(const Error& error, Leaving of, Millis now);

  bool consents_to(std::string_view purpose) const;
  bool consents_to_something() const;
  SharedPlan plan_in_hand() const;
  Leaving leaving(MessageType type) const;  // in the phase as it is
  bool must_withdraw() const;
  Effects withdraw(const SharedPlan& plan, Millis now);
  Effects on_cancel(Millis now);
  Effects unsigned_message(const Error& error, Millis now);

  Effects check_in(Millis now);
  Effects idle_until(Millis time, Effects effects);
  Effects decline(const SessionId& session, DeclineReason reason, std::string why, Millis now);
  Effects decline(const SessionId& session, DeclineReason reason, std::string why, Leaving of, Millis now);
  tl::expected<HeldPlan, Rejection> accept_plan(const Assignment& assignment) const;
  tl::expected<HeldModel, Rejection> accept_model(const Assignment& assignment, const Plan& plan, const Frames& frames) const;
  Millis jittered(Millis duration);
  Millis retry_after(std::uint32_t asked_ms) const;
  Millis random_within(Millis longest);  // uniform in [0, longest]

  SessionOptions options_;
  std::unique_ptr<IdentitySigner> identity_;
  ClientId id_;
  SessionServices services_;
  PlanHash held_plan_;    // of the last assignment; zero: none
  ModelHash held_model_;
  Phase phase_;
};

}  // namespace fedspend::client
