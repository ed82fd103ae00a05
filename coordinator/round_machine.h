#pragma once
// The coordinator's end of a federation, as a pure machine: step(event, now) -> effects. Sockets, clock, database and randomness
// come from outside; the daemon, the simulator and the tests run this same machine. One thread per object.
//
//   phase       event                                        next        effects
//   Selecting   CheckIn                                      Selecting   (held in the pool), WakeAt
//   not Fin.    Wake, a device held for the longest hold     same        Send(ComeBack not_selected)
//   Selecting   enough check-ins, and the window over or     Collecting  Send(Assignment) to each chosen, WakeAt(deadline); with
//               the pool full                                            secure aggregation Aggregating
//   Selecting   Wake, selection timeout, enough check-ins    Collecting  the same, however long the window
//   Selecting   Wake, selection timeout, fewer               Selecting   RoundAborted, WakeAt
//   Collecting  Update, valid, first of its device           Collecting  Send(UpdateReply accepted)
//   Collecting  goal count reached, or everyone answered     Publishing  ChargePrivacy, Publish
//   Collecting  Wake, deadline, min_reports reached          Publishing  ChargePrivacy, Publish
//   Collecting  Wake, deadline, fewer                        Selecting   RoundAborted
//   Aggregating AdvertiseKeys ... Unmask                     Aggregating Send(what the aggregator's next phase asks for), WakeAt
//   Aggregating the aggregator closed                        AwaitingSum ChargePrivacy, ComputeSum
//   Aggregating it has no next phase                         Selecting   Send(UpdateReply aborted), RoundAborted
//   AwaitingSum SumComputed                                  Publishing  Publish; or Selecting, RoundAborted
//   Publishing  ModelStored                                  Selecting   (the next round) or, after the last, Finished
//   Selecting   too few who may still spend for a round      Finished    Finished(why), Send(ComeBack finished) to the pool
//   Finished    CheckIn                                      Finished    Send(ComeBack finished)
//
// With noise (privacy.mode central or distributed) each sum is charged to all whose updates are in it before this side can see it:
// ChargePrivacy comes before ComputeSum, and the driver makes it durable before it goes on. A device that has spent what the plan allows
// is told to come back and is not asked; a sum that would overspend for one of its devices is not computed.
// Check-ins are held in every phase but Finished. A model counts only when the driver says ModelStored: until then the old one is
// what devices get, so that after a crash nobody holds a model that was never published. A session of secure aggregation that was
// open at a crash is gone with its machine (case 32). A misbehaving device is a Dropped effect, never an error. Checks on a message, in this order: caps, envelope, enrolment, CURVE key of the connection, quota, signature,
// body, phase, session. The quota comes before the signature, which is dear to check: only the device itself, over its own
// connection, can spend it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "common/clock.h"
#include "common/crypto/curve_key.h"
#include "common/executor.h"
#include "common/numeric/quantizer.h"
#include "common/numeric/ring_vector.h"
#include "common/privacy/central_gaussian.h"
#include "common/privacy/ledger.h"
#include "common/protocol/codec.h"
#include "common/protocol/plan.h"
#include "common/random_source.h"
#include "common/result.h"
#include "common/secagg/aggregator.h"
#include "common/secagg/session_privacy.h"
#include "common/transport/channel.h"
#include "coordinator/cohort_selection.h"
#include "coordinator/enrolment.h"
#include "coordinator/server_optimizer.h"

namespace fedspend::coordinator {

enum class DropReason : std::uint8_t {
  undecodable,      // envelope or body, or a bulk frame with a message that has none
  version,
  not_enrolled,
  revoked,          // enrolled once: its certificate was taken back
  expired,          // enrolled once: its certificate is over, or ends within a day
  wrong_transport,  // the identity belongs to another connection key
  bad_signature,
  quota,
  wrong_type,       // a message that a device does not send, or not in this phase
  wrong_session,
  late,
  not_assigned,
  bad_update,       // length, width, hash or packing
  equivocation,     // a second, different update of the same device: the first one stays
  wrong_population,
  excluded,         // its shares could not be reconstructed in an earlier session
  bad_share,        // a share that it handed in was not its dealer's, and was corrected
  spent,            // its participations in this plan, or its epsilon, or too soon after the last
  gateway_quota,    // its gateway has brought all that one may
};
std::string_view to_string(DropReason reason) noexcept;

struct RoundSummary {
  RoundId round;                          // 1 is the first
  std::uint32_t attempt = 0;              // at this round, from 1
  std::array<std::uint8_t, 16> nonce{};   // of the attempt, as devices were told; zero: nobody was asked
  bool published = false;
  std::string why_aborted;                // empty if published
  std::vector<ClientId> asked;            // sorted
  std::vector<ClientId> contributors;     // sorted; whose updates are in the sum
  std::uint32_t declined = 0;
  std::uint32_t advertised = 0;           // on the roster of secure aggregation
  std::map<DropReason, std::uint64_t> dropped;  // since the last summary
  std::uint64_t bytes_up = 0;             // all frames received and sent since the last summary
  std::uint64_t bytes_down = 0;
  Millis selection_time{};
  Millis collection_time{};
  double update_norm_l2 = 0;              // of the mean update
  double clip_norm_l2 = 0;                // of the round
  // With noise: of the device that has spent most, this round included where it is published.
  std::uint32_t most_participations = 0;
  double epsilon = 0;                     // at the plan's delta, by the ledger's accountant (RDP)
};

// Events

// What check_signatures() has found about one message; nobody else can say it.
class SignatureFinding {
 private:
  friend class RoundMachine;
  std::optional<bool> is_right_;  // none: it is checked when the message's turn comes
};
struct MessageReceived {
  PeerId peer;
  CurvePublicKey transport_key;
  Frames frames;
  SignatureFinding signature = {};  // of these frames
};
struct Wake {};
struct ModelStored {  // the answer to Publish: it is durable
  RoundId round;
};
struct SumComputed {  // the answer to ComputeSum
  SessionId session;
  tl::expected<UnmaskedSum, UnmaskingFailure> outcome;
};
using Event = std::variant<MessageReceived, Wake, ModelStored, SumComputed>;

// Effects
struct Send {
  PeerId peer;
  Frames frames;
};
struct WakeAt {
  Millis time{};
};
struct Publish {
  std::shared_ptr<const std::vector<float>> weights;
  std::shared_ptr<const std::vector<float>> optimizer_state;  // to be stored with the weights, both or neither; never null
  ModelHash hash;
  double next_clip_norm_l2 = 0;  // of the round to come; to be stored with the weights, like the optimizer's state
  RoundSummary summary;
};
struct RoundAborted {
  RoundSummary summary;
};
// Nothing of the round goes on before this is durable; it is never taken back.
struct ChargePrivacy {
  PrivacyCharge charge;
};
// Reconstruction and unmasking take seconds of arithmetic: the driver runs it, on the threads that it has, and says SumComputed.
struct ComputeSum {
  SessionId session;
  std::shared_ptr<Unmasking> unmasking;  // effects are copied; it is run once
};
struct Dropped {
  DropReason reason{};
  std::optional<ClientId> client;  // only when its signature was right
};
struct Finished {
  std::string why_early;  // empty: the plan's last round is published. Else no other can be: the enrolled devices have spent what the plan allows
};
using Effect = std::variant<Send, WakeAt, Publish, RoundAborted, ChargePrivacy, ComputeSum, Dropped, Finished>;
using Effects = std::vector<Effect>;

// Fail closed: what this version cannot do is refused, never replaced by something weaker. create() asks it, too.
Status check_supported(const Plan& plan);

// Weights go down (32 bits each), packed updates come up (at most 32 bits each), and a secure round's quorum goes down: no bulk frame
// larger than this has a reason.
std::size_t largest_bulk_bytes(const Plan& plan);

// What a federation goes on from.
struct Checkpoint {
  std::uint64_t rounds_done = 0;       // of the model that `weights` are; 0: the initial model
  std::vector<float> weights;
  std::vector<float> optimizer_state;  // as the round's Publish had it; empty: none, which only an initial model or an optimizer without state may have
  double clip_norm_l2 = 0;             // of the next round, as the last Publish had it; 0: the plan's, which it is before the first one or where it is fixed
  PopulationLedger ledger = {};        // what was charged before, whether its round was published or not
};

// What one gateway may bring in a round (once finished: in a selection timeout), for each enrolled device, so that neither another gateway nor a
// device with a connection of its own has to wait for it. Of that no single device has more than kDevicesShare times as much, by the sender that a
// message names: a gateway lets none through that is another's, and one that lies starves its own devices. Counted before a signature is checked; what
// is beyond is dropped, and takes nothing from the rest.
struct GatewayQuota {
  std::uint32_t messages_per_device = 16;    // of a round's six or so
  std::uint64_t bytes_per_device = 0;        // 0: two of the plan's largest bulk frames and 256 KiB
  std::uint32_t connections_per_device = 4;  // different ones, also such as are closed again
  static constexpr std::uint32_t kDevicesShare = 2;
};

struct MachineOptions {
  Millis selection_timeout{600'000};  // a Selecting phase that lasts longer is a stated abort
  // A device that is not chosen for so long is told to come back. Below the devices' own hold timeout (client/session.h): after
  // that they have stopped waiting, and asking them would be asking nobody.
  Millis longest_hold{570'000};
  std::uint32_t max_messages_per_device_and_round = 64;  // once finished: in a selection timeout
  std::size_t max_pool = 100'000;     // beyond: ComeBack busy
  std::uint64_t rounds_excluded = 10; // that a dealer at fault is left out of
  // Keys of gateways (coordinator/gateway): a connection with one of them may bring messages of any enrolled device. Empty: none may. Such a
  // message counts for nothing, for its device's quota neither, before the device's own signature on it was found right.
  std::vector<CurvePublicKey> gateways = {};
  GatewayQuota gateway_quota = {};    // of each of them
  Beacon* external_beacon = nullptr;  // what a plan with beacon = "external" needs; outlives the machine
  // The wall clock, for the ends of certificates: every neighbour of a device leaves the round when that device's certificate has ended, so
  // that who checks in with less than a day left is sent away. None: a simulation, whose time is not the world's.
  std::function<std::uint64_t()> unix_time_s = {};
};

class RoundMachine {
 public:
  // invalid_argument if the plan asks for what this version cannot do (it never does something weaker instead), or the weights
  // or the optimizer's state are not of the plan's length; refused if the clip norm is none that the plan's rounds may have.
  // `chooser`, `random` (attempt nonces, retry jitter) outlive the machine.
  static Result<std::unique_ptr<RoundMachine>> create(SignedPlan signed_plan, const IdentityPublicKey& release_key, Checkpoint checkpoint,
                                                      EnrolmentList enrolment, MachineOptions options, CohortChooser& chooser, RandomSource& random);

  Effects start(Millis now);
  Effects step(const Event& event, Millis now);

  // Checks the signatures of messages that arrived together on the executor's threads, before step() is given one after the other,
  // and notes in each what it found. It only saves time: step() does the same to each with it or without. What the quotas do not let
  // through now is left to step().
  void check_signatures(std::span<MessageReceived> messages, Executor& executor) const;

  const Plan& plan() const { return plan_; }
  const PlanHash& plan_hash() const { return plan_hash_; }
  const EnrolmentList& enrolment() const { return enrolment_; }
  std::uint64_t rounds_done() const { return rounds_done_; }
  std::shared_ptr<const std::vector<float>> weights() const { return weights_; }
  std::shared_ptr<const std::vector<float>> optimizer_state() const { return optimizer_state_; }
  double clip_norm_l2() const { return clip_norm_l2_; }  // of the round in progress, or the next
  const PopulationLedger& ledger() const { return ledger_; }
  std::size_t pool_size() const { return pool_.size(); }
  std::string_view phase() const;

 private:
  struct Selecting {
    Millis since{};
    std::optional<Millis> enough_since;  // when there were first enough check-ins
  };
  struct Asked {
    PeerId peer;
    bool answered = false;
    std::optional<Hash256> update_hash;
  };
  struct Collecting {
    SessionId session;
    std::array<std::uint8_t, 16> attempt{};
    Millis since{};
    Millis deadline{};
    std::unordered_map<ClientId, Asked> asked;
    RingVector sum;
    std::uint32_t accepted = 0;
    std::uint32_t answered = 0;
  };
  // Secure aggregation: the aggregator has the protocol, this machine the deadlines, connections and signatures.
  struct Aggregating {
    SessionId assignment;
    std::array<std::uint8_t, 16> attempt{};
    Millis since{};
    Millis deadline{};  // of the aggregator's phase
    std::unordered_map<ClientId, Asked> asked;  // answered: advertised, declined or gave up; nobody waits for those who declined
    std::unordered_set<ClientId> gone;
    std::unordered_set<ClientId> signers;  // who has signed survivors, also when the quorum was there without it
    std::unique_ptr<Aggregator> aggregator;
  };
  struct AwaitingSum {
    SessionId session;
    Millis since{};
    std::vector<ClientId> contributors;
    SessionParameters parameters;
  };
  struct Publishing {
    std::shared_ptr<const std::vector<float>> weights;
    std::shared_ptr<const std::vector<float>> optimizer_state;
    ModelHash hash;
    double next_clip_norm_l2 = 0;
    RoundId round;
  };
  struct Done {
    Millis quota_since{};  // there are no rounds any more to begin the quotas anew
  };
  using Phase = std::variant<Selecting, Collecting, Aggregating, AwaitingSum, Publishing, Done>;

  struct Closed {  // the last session that ended, so that a repeated update is acknowledged and a late one is told so
    SessionId session;
    std::unordered_map<ClientId, Asked> asked;
  };
  struct Waiting {  // a device that has checked in
    PeerId peer;
    PlanHash have_plan;
    ModelHash have_model;
    Millis since{};
  };

  struct AssignmentTerms {  // the same for all who are asked
    SessionId session;
    std::array<std::uint8_t, 16> attempt{};
    std::uint32_t cohort = 0;  // what was asked for, not fewer: the scale of the sum depends on it
    Millis deadline{};
  };

  struct Decoders {  // what is needed of them by the plan's privacy
    std::optional<Quantizer> quantizer;      // none with distributed privacy
    std::optional<CentralGaussian> central;
  };
  RoundMachine(SignedPlan signed_plan, Plan plan, Checkpoint checkpoint, EnrolmentList enrolment, MachineOptions options,
               CohortChooser& chooser, RandomSource& random, Decoders decoders, std::unique_ptr<ServerOptimizer> optimizer);

  Effects on_message(const MessageReceived& message, Millis now);
  Effects on_wake(Millis now);
  Effects on_model_stored(const ModelStored& stored, Millis now);
  Effects on_sum_computed(const SumComputed& computed, Millis now);
  bool is_certified_for_a_round(const ClientId& client) const;
  void on_check_in(const PeerId& peer, const ClientId& client, const CheckIn& check_in, Millis now, Effects& effects);
  void on_update(const PeerId& peer, const ClientId& client, const Envelope& envelope, const Update& update, const Frames& frames, Millis now, Effects& effects);
  void on_decline(const ClientId& client, const Envelope& envelope, Millis now, Effects& effects);

  // Secure aggregation (round_machine_secure.cpp).
  void begin_aggregating(std::unordered_map<ClientId, Asked> asked, const AssignmentTerms& terms, Millis now);
  void on_secure_message(const PeerId& peer, const EnrolledDevice& device, const Envelope& envelope, const Message& message, const Frames& frames, Millis now,
                         Effects& effects);
  // That a survivor signs for the first time when the quorum is there without it. The quorum has been sent to it, and nothing is left that its
  // signature could be good for: it is not checked. Who signs again has not heard of the quorum, and is sent it once more.
  bool signs_late(const Envelope& envelope, const ClientId& client) const;
  Verdict give_to_aggregator(Aggregating& aggregating, const EnrolledDevice& device, const Envelope& envelope, const Message& message, const Frames& frames);
  void answer_out_of_turn(const PeerId& peer, const ClientId& client, const SessionId& session, Verdict verdict, Effects& effects);
  bool is_phase_complete(const Aggregating& aggregating) const;
  void advance_aggregation(Millis now, Effects& effects);
  void send_phase_messages(const Aggregating& aggregating, Effects& effects);
  void abort_aggregation(std::string why, Millis now, Effects& effects);
  void note_gone(const ClientId& client, Millis now, Effects& effects);
  void exclude(const ClientId& dealer, Effects& effects);

  bool is_gateway(const CurvePublicKey& key) const;
  // The connection is the device's own, or a gateway's.
  bool may_speak_for(const CurvePublicKey& key, const EnrolledDevice& device) const;
  struct Brought {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::set<PeerId> connections;  // never more than the quota
  };
  struct GatewayUse {
    Brought in_all;
    std::unordered_map<ClientId, Brought> of_device;  // of enrolled ones
  };
  // Counts the message where it is within; true for one that is no gateway's. `sender`: null where the message names none.
  bool within_gateway_quota(const MessageReceived& message, const ClientId* sender, std::vector<GatewayUse>& used) const;
  void renew_quotas_when_done(Millis now);
  bool within_quota(const ClientId& client);
  void release_long_held(Millis now, Effects& effects);
  void try_select(Millis now, Effects& effects);
  void begin_round(const std::vector<ClientId>& chosen, Millis now, Effects& effects);
  void close_if_complete(Millis now, Effects& effects);
  void close(Millis now, Effects& effects);
  void publish_mean(std::span<const float> mean, double next_clip_norm_l2, Millis now, Effects& effects);
  std::vector<float> mean_of(const RingVector& sum, std::size_t contributors);
  struct Decoded {
    std::vector<float> mean;
    double next_clip_norm_l2 = 0;
  };
  Decoded decode(const RingVector& sum, const AwaitingSum& awaiting);
  // Nothing to charge, or an effect; refused where a device would overspend.
  Status charge(const SessionId& session, const std::vector<ClientId>& contributors, const SessionParameters* parameters, Effects& effects);
  bool may_contribute(const ClientId& client) const;
  void release_spent(Effects& effects);
  void lower_limits();  // to what the ledger leaves: a round that would overspend must not begin
  std::string why_no_round_can_be() const;  // empty: it can, for all that the ledger says
  void finish(std::string why_early, Millis now, Effects& effects);
  void abort_round(std::string why, Millis now, Effects& effects);
  void begin_selecting(Millis now, Effects& effects);
  void send(const PeerId& peer, const Message& message, const SessionId& session, std::shared_ptr<const Bytes> bulk, Effects& effects);
  void send_assignment(const Waiting& device, const AssignmentTerms& terms, Millis now, Effects& effects);
  void reply_to_update(const PeerId& peer, const SessionId& session, UpdateStatus status, Effects& effects);
  void on_late_update(const PeerId& peer, const ClientId& client, const Envelope& envelope, const Update& update, Effects& effects);
  void drop(DropReason reason, std::optional<ClientId> client, Effects& effects);
  RoundSummary take_summary();
  void set_weights(std::shared_ptr<const std::vector<float>> weights, const ModelHash& hash);

  SignedPlan signed_plan_;
  Plan plan_;
  PlanHash plan_hash_;
  EnrolmentList enrolment_;
  MachineOptions options_;
  CohortChooser& chooser_;
  RandomSource& random_;
  std::optional<Quantizer> quantizer_;
  std::optional<CentralGaussian> central_;
  PrivacyLimits limits_;  // the plan's, with the cap that its epsilon and what was charged so far leave
  PopulationLedger ledger_;
  std::unique_ptr<ServerOptimizer> optimizer_;
  RosterBeacon roster_beacon_;
  // Dealers whose secrets could not be reconstructed (case 24), and the last round that they are left out of. Not for ever, since
  // colluding holders can bring it on an honest dealer; in memory, until the coordinator begins anew.
  std::unordered_map<ClientId, std::uint64_t> excluded_;

  std::shared_ptr<const std::vector<float>> weights_;
  std::shared_ptr<const Bytes> weights_bytes_;
  std::shared_ptr<const std::vector<float>> optimizer_state_;
  ModelHash model_hash_;
  double clip_norm_l2_;
  std::uint64_t rounds_done_;
  std::uint32_t attempt_ = 0;  // at the round in progress; a selection that fails is one too

  std::map<ClientId, Waiting> pool_;  // ordered: selection must not depend on the order of arrival
  Millis release_at_ = Millis::max();  // when the first of the pool has been held for the longest hold
  std::unordered_map<ClientId, std::uint32_t> messages_;  // of each device since the last summary
  std::vector<GatewayUse> gateway_use_;  // by the index of MachineOptions::gateways, since then
  RoundSummary tally_;                // of the round in progress, and counts since the last summary
  std::optional<Closed> closed_;
  Phase phase_;
};

}  // namespace fedspend::coordinator
