#include "common/protocol/codec.h"

#include <algorithm>
#include <array>

#include "common/check.h"

namespace fedspend {
namespace {

constexpr std::array<std::uint8_t, 4> kMagic{'F', 'S', 'P', '1'};

bool is_known(std::uint16_t type) {
  return type >= static_cast<std::uint16_t>(MessageType::check_in) && type <= static_cast<std::uint16_t>(MessageType::unmask);
}

tl::unexpected<Error> malformed(std::string what) { return fail(ErrorCode::malformed, "control frame: " + std::move(what)); }

// Header fields in the order of WIRE.md; a span that shrinks from the front.
class HeaderReader {
 public:
  explicit HeaderReader(ByteSpan bytes) : rest_(bytes) {}
  ByteSpan take(std::size_t count) {
    const ByteSpan taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  template <std::size_t Size>
  void read(std::array<std::uint8_t, Size>& out) {
    const ByteSpan taken = take(Size);
    std::copy(taken.begin(), taken.end(), out.begin());
  }

 private:
  ByteSpan rest_;
};

Bytes seal(MessageType type, const SessionId& session, const ClientId& sender, const Signature& signature, const Bytes& body) {
  FEDSPEND_CHECK(body.size() <= max_body_bytes(type), "a body within its limit");
  Bytes control(kEnvelopeHeaderBytes + body.size());
  std::size_t at = 0;
  const auto put = [&](ByteSpan bytes) {
    std::copy(bytes.begin(), bytes.end(), control.begin() + static_cast<std::ptrdiff_t>(at));
    at += bytes.size();
  };
  put(kMagic);
  store_u16(MutableByteSpan(control).subspan(at), kProtocolVersionMax);
  at += 2;
  store_u16(MutableByteSpan(control).subspan(at), static_cast<std::uint16_t>(type));
  at += 2;
  put(sender.bytes);
  put(session.bytes);
  put(signature);
  store_u32(MutableByteSpan(control).subspan(at), static_cast<std::uint32_t>(body.size()));
  at += 4;
  put(body);
  return control;
}

Status check_origin(const Envelope& envelope) {
  const bool unsigned_message = std::all_of(envelope.signature.begin(), envelope.signature.end(), [](std::uint8_t b) { return b == 0; });
  const std::string name(to_string(envelope.type));
  if (is_from_device(envelope.type)) {
    if (envelope.sender.is_zero()) return malformed(name + " without a sender");
    if (unsigned_message) return malformed(name + " without a signature");
  } else {
    if (!envelope.sender.is_zero()) return malformed(name + " with a sender, which only a device's message has");
    if (!unsigned_message) return malformed(name + " with a signature, which only a device's message has");
  }
  if (envelope.type == MessageType::check_in && !envelope.session.is_zero()) return malformed("check_in with a session id");
  return {};
}

}  // namespace

bool is_from_device(MessageType type) {
  switch (type) {
    case MessageType::check_in:
    case MessageType::update:
    case MessageType::decline:
    case MessageType::advertise_keys:
    case MessageType::share_keys:
    case MessageType::masked_input:
    case MessageType::sign_survivors:
    case MessageType::unmask: return true;
    case MessageType::assignment:
    case MessageType::come_back:
    case MessageType::update_reply:
    case MessageType::roster_view:
    case MessageType::deliver_shares:
    case MessageType::survivors:
    case MessageType::quorum: return false;
  }
  return false;
}

bool has_bulk_frame(MessageType type) {
  return type == MessageType::assignment || type == MessageType::update || type == MessageType::masked_input || type == MessageType::quorum;
}

Hash256 signed_digest(MessageType type, const SessionId& session, const ClientId& sender, ByteSpan body) {
  Hasher hasher("msg");
  return hasher.u32(static_cast<std::uint32_t>(type)).field(session.bytes).field(sender.bytes).field(body).finish();
}

namespace {

Bytes body_from_device(const Message& message, const SessionId& session, const ClientId& sender) {
  const MessageType type = type_of(message);
  FEDSPEND_CHECK(is_from_device(type), "a device's message");
  FEDSPEND_CHECK(!sender.is_zero(), "a device has an id");
  FEDSPEND_CHECK(type != MessageType::check_in || session.is_zero(), "a check-in comes before a session");
  return encode_body(message);
}

}  // namespace

Bytes seal_from_device(const Message& message, const SessionId& session, const ClientId& sender, const IdentityKey& key) {
  const Bytes body = body_from_device(message, session, sender);
  return seal(type_of(message), session, sender, key.sign(signed_digest(type_of(message), session, sender, body)), body);
}

Result<Bytes> seal_from_device(const Message& message, const SessionId& session, const ClientId& sender, IdentitySigner& signer) {
  const Bytes body = body_from_device(message, session, sender);
  FEDSPEND_ASSIGN(const Signature signature, signer.sign(signed_digest(type_of(message), session, sender, body)));
  return seal(type_of(message), session, sender, signature, body);
}

Bytes seal_from_coordinator(const Message& message, const SessionId& session) {
  const MessageType type = type_of(message);
  FEDSPEND_CHECK(!is_from_device(type), "a coordinator's message");
  return seal(type, session, ClientId{}, Signature{}, encode_body(message));
}

Result<Envelope> open_envelope(ByteSpan control) {
  if (control.size() > kMaxControlBytes)
    return fail(ErrorCode::limit, "control frame: " + std::to_string(control.size()) + " bytes, at most " + std::to_string(kMaxControlBytes));
  if (control.size() < kEnvelopeHeaderBytes)
    return malformed(std::to_string(control.size()) + " bytes, but the header alone has " + std::to_string(kEnvelopeHeaderBytes));
  HeaderReader header(control);
  if (!std::ranges::equal(header.take(kMagic.size()), kMagic)) return malformed("it does not begin with FSP1");
  Envelope envelope;
  envelope.version = load_u16(header.take(2));
  if (envelope.version < kProtocolVersionMin || envelope.version > kProtocolVersionMax)
    return fail(ErrorCode::refused, "control frame: protocol version " + std::to_string(envelope.version) + ", this program speaks " +
                                        std::to_string(kProtocolVersionMin) + " to " + std::to_string(kProtocolVersionMax),
                "update the older of the two programs");
  const std::uint16_t type = load_u16(header.take(2));
  if (!is_known(type)) return malformed("unknown message type " + std::to_string(type));
  envelope.type = static_cast<MessageType>(type);
  header.read(envelope.sender.bytes);
  header.read(envelope.session.bytes);
  header.read(envelope.signature);
  const std::size_t length = load_u32(header.take(4));
  const std::size_t remaining = control.size() - kEnvelopeHeaderBytes;
  const std::string name(to_string(envelope.type));
  if (length > max_body_bytes(envelope.type))
    return fail(ErrorCode::limit, "control frame: " + name + " of " + std::to_string(length) + " bytes, at most " +
                                      std::to_string(max_body_bytes(envelope.type)));
  if (length != remaining)
    return malformed(name + " says " + std::to_string(length) + " bytes of body, " + std::to_string(remaining) + " are there");
  envelope.body = control.subspan(kEnvelopeHeaderBytes);
  FEDSPEND_TRY(check_origin(envelope));
  return envelope;
}

bool verify_envelope(const Envelope& envelope, const IdentityPublicKey& key) {
  return is_from_device(envelope.type) && client_id_of(key) == envelope.sender &&
         verify(key, signed_digest(envelope.type, envelope.session, envelope.sender, envelope.body), envelope.signature);
}

}  // namespace fedspend
