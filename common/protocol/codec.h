#pragma once
// The strict codec. An envelope is a fixed header (magic, version, type, sender, session id, signature, body length) and a body.
// Order of checks when decoding: size cap, exact header, known version and type, body length equal to what remains; then the
// caller verifies the signature (open_envelope does not look into the body); then decode_body, where every count is checked
// against the bytes that remain before anything is allocated, enum values and limits are checked, and left-over bytes are an
// error. cereal is used inside the body only, through an archive of our own that enforces this. Thread-safe (no state).

#include <cstdint>
#include <memory>

#include "common/bytes.h"
#include "common/crypto/identity.h"
#include "common/crypto/identity_signer.h"
#include "common/ids.h"
#include "common/protocol/messages.h"
#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend {

// 4 magic + 2 version + 2 type + 32 sender + 32 session + 64 signature + 4 body length.
inline constexpr std::size_t kEnvelopeHeaderBytes = 140;
// A control frame: the header, a plan, and room for the other fields.
inline constexpr std::size_t kMaxControlBytes = kEnvelopeHeaderBytes + kMaxPlanBytes + 1024;

// What travels: the control frame, and the bulk frame (empty: none). Bulk is shared because one model goes to a whole cohort.
struct Frames {
  Bytes control;
  std::shared_ptr<const Bytes> bulk;  // null: none

  ByteSpan bulk_bytes() const { return bulk ? ByteSpan(*bulk) : ByteSpan(); }
  std::size_t size() const { return control.size() + bulk_bytes().size(); }
};

struct Envelope {
  std::uint16_t version = 0;
  MessageType type{};
  ClientId sender;       // zero from the coordinator
  SessionId session;     // zero before a session exists
  Signature signature{}; // zero from the coordinator, whom CURVE authenticates
  ByteSpan body;         // borrowed from the bytes given to open_envelope
};

// H("msg", type (u32), session id, sender, body): what is signed.
Hash256 signed_digest(MessageType type, const SessionId& session, const ClientId& sender, ByteSpan body);

[[nodiscard]] bool is_from_device(MessageType type);  // the others are the coordinator's
[[nodiscard]] bool has_bulk_frame(MessageType type);  // may have one

// The longest body of a type; a longer one is refused before anything is hashed or decoded. WIRE.md has the figures.
std::size_t max_body_bytes(MessageType type);

// Sealing a message that breaks a limit of messages.h, or one of the other side's types, is a programmer's mistake.
Bytes seal_from_device(const Message& message, const SessionId& session, const ClientId& sender, const IdentityKey& key);
// With a key that may be elsewhere; its errors as they are.
Result<Bytes> seal_from_device(const Message& message, const SessionId& session, const ClientId& sender, IdentitySigner& signer);
Bytes seal_from_coordinator(const Message& message, const SessionId& session);

// limit: longer than a frame or than a body of its type may be; refused: a version that this program does not speak;
// malformed: anything else, also a sender or signature on a coordinator's message and their lack on a device's.
Result<Envelope> open_envelope(ByteSpan control);
[[nodiscard]] bool verify_envelope(const Envelope& envelope, const IdentityPublicKey& key);
// What it accepts, encode_body gives back byte for byte.
Result<Message> decode_body(MessageType type, ByteSpan body);
Bytes encode_body(const Message& message);

}  // namespace fedspend
