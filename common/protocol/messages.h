#pragma once
// The control messages between device and coordinator. Each is a plain struct; the strict codec (codec.h) gives it bytes.
// Limits stand beside the fields and are checked when decoding. Large vectors travel as a second frame, never in here.
// Byte layout: WIRE.md. Meaning and order: PROTOCOL.md.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/bytes.h"
#include "common/crypto/hash.h"
#include "common/crypto/identity.h"
#include "common/ids.h"
#include "common/protocol/secagg_messages.h"
#include "common/result.h"

namespace fedspend {

inline constexpr std::uint16_t kProtocolVersionMin = 1;
inline constexpr std::uint16_t kProtocolVersionMax = 1;
inline constexpr std::size_t kMaxTextBytes = 64;  // of every text field of a message

enum class MessageType : std::uint16_t {
  check_in = 1,
  assignment = 2,
  come_back = 3,
  update = 4,
  update_reply = 5,
  decline = 6,
  // Secure aggregation, in the order of a round (secagg_messages.h).
  advertise_keys = 7,
  roster_view = 8,
  share_keys = 9,
  deliver_shares = 10,
  masked_input = 11,
  survivors = 12,
  sign_survivors = 13,
  quorum = 14,
  unmask = 15,
};

// device -> coordinator: "I am free". Session id zero. Signed.
struct CheckIn {
  std::uint16_t version_min = kProtocolVersionMin;
  std::uint16_t version_max = kProtocolVersionMax;
  std::string population;    // at most 64 bytes of plain text (plain_text.h)
  std::string software;      // the same, e.g. "fedspend 0.1.0"
  PlanHash have_plan;        // zero: none held
  ModelHash have_model;      // zero: none held
};

// coordinator -> device: "take part". Bulk frame: the weights as float32 little-endian, or empty if the device holds them.
struct Assignment {
  std::uint16_t version = kProtocolVersionMax;
  TaskId task;
  RoundId round;
  std::array<std::uint8_t, 16> attempt{};  // fresh for every attempt at a round; in the session id
  std::uint32_t cohort = 0;                // devices asked in this session
  std::uint32_t deadline_ms = 0;           // from now, for the update to arrive
  double clip_norm_l2 = 0;                 // of this round; finite, above 0. In the params hash of a secure session, not in its id
  PlanHash plan_hash;
  ModelHash model_hash;
  Bytes plan;                // signed bytes, at most kMaxPlanBytes; empty if the device holds them
  Signature plan_signature{};
};

enum class ComeBackReason : std::uint8_t { not_selected, busy, finished, not_enrolled, wrong_population, version, malformed };
// coordinator -> device: "not now".
struct ComeBack {
  ComeBackReason reason = ComeBackReason::not_selected;
  std::uint32_t retry_after_ms = 0;
  std::uint16_t version_min = kProtocolVersionMin;  // what this coordinator speaks
  std::uint16_t version_max = kProtocolVersionMax;
};

// device -> coordinator: the clipped, quantised update. Bulk frame: packed ring vector. Signed.
struct Update {
  Hash256 bulk_hash{};       // H("update", packed bytes)
  std::uint32_t count = 0;   // values
  std::uint8_t bits = 0;     // width of each, 1 ... 32
};

enum class UpdateStatus : std::uint8_t { accepted, duplicate, late, refused, aborted };
// coordinator -> device: how its part in the session ended. In a secure round it answers Unmask, or ends the session before.
struct UpdateReply {
  UpdateStatus status = UpdateStatus::refused;
  std::uint32_t retry_after_ms = 0;
};

enum class DeclineReason : std::uint8_t { policy, plan_signature, not_eligible, training_failed, model_mismatch, cancelled, record, secure_aggregation };
// record: the device's own record forbids it. secure_aggregation: what the coordinator or others sent in a secure round failed a check.
// device -> coordinator: "not this one", so that the coordinator need not wait. Signed; session id of the assignment.
struct Decline {
  DeclineReason reason = DeclineReason::policy;
};

using Message = std::variant<CheckIn, Assignment, ComeBack, Update, UpdateReply, Decline, AdvertiseKeys, RosterView, ShareKeys, DeliverShares,
                             MaskedInput, Survivors, SignSurvivors, Quorum, Unmask>;

MessageType type_of(const Message& message);
std::string_view to_string(MessageType type) noexcept;
std::string_view to_string(ComeBackReason reason) noexcept;
std::string_view to_string(UpdateStatus status) noexcept;
std::string_view to_string(DeclineReason reason) noexcept;

// The highest version that both sides speak; refused if there is none (the coordinator then answers ComeBack{version}).
Result<std::uint16_t> negotiate_version(std::uint16_t peer_min, std::uint16_t peer_max);

// H("sid", task, round, model hash, plan hash, cohort (u32), attempt): the session of an assignment, and of an open round to its end. A
// secure round goes on in a session of its own, which the roster is in, too (common/secagg/session_terms.h).
SessionId session_id(const TaskId& task, RoundId round, const ModelHash& model, const PlanHash& plan, std::uint32_t cohort,
                     const std::array<std::uint8_t, 16>& attempt);
ModelHash hash_of_weights(ByteSpan float32_little_endian);  // H("model", bytes)
Hash256 hash_of_update(ByteSpan packed);                    // H("update", bytes)

}  // namespace fedspend
