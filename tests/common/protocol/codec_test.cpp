#include <doctest/doctest.h>

#include "common/protocol/codec.h"
#include "tests/common/aborts.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

// Offsets of WIRE.md.
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kTypeAt = 6;
constexpr std::size_t kSenderAt = 8;
constexpr std::size_t kSessionAt = 40;
constexpr std::size_t kSignatureAt = 72;
constexpr std::size_t kLengthAt = 136;

MutableByteSpan at(Bytes& frame, std::size_t offset) { return MutableByteSpan(frame).subspan(offset); }

ErrorCode code_of(ByteSpan frame) {
  const auto envelope = open_envelope(frame);
  REQUIRE(!envelope);
  CHECK(envelope.error().message.starts_with("control frame: "));
  return envelope.error().code;
}

Bytes frame_with(MessageType type) {
  for (const Message& message : sample_messages())
    if (type_of(message) == type) return frame_of(message);
  return {};
}

// The table of WIRE.md.
struct TypeRow {
  MessageType type;
  bool from_device;
  bool bulk_frame;
  std::size_t least_body_bytes;
  std::size_t most_body_bytes;
};
constexpr TypeRow kTypes[] = {
    {MessageType::check_in, true, false, 76, 204},
    {MessageType::assignment, false, true, 190, 1'048'766},
    {MessageType::come_back, false, false, 9, 9},
    {MessageType::update, true, true, 37, 37},
    {MessageType::update_reply, false, false, 5, 5},
    {MessageType::decline, true, false, 1, 1},
    {MessageType::advertise_keys, true, false, 96, 96},
    {MessageType::roster_view, false, false, 144, 848'560},
    {MessageType::share_keys, true, false, 4, 106'500},
    {MessageType::deliver_shares, false, false, 8, 119'004},
    {MessageType::masked_input, true, true, 37, 37},
    {MessageType::survivors, false, false, 40, 13'084},
    {MessageType::sign_survivors, true, false, 32, 32},
    {MessageType::quorum, false, true, 4, 4},
    {MessageType::unmask, true, false, 8, 32'904},
};

std::vector<MessageType> types_from(bool device) {
  std::vector<MessageType> types;
  for (const TypeRow& row : kTypes)
    if (row.from_device == device) types.push_back(row.type);
  return types;
}

TEST_CASE("every type has its number, its side, its bulk frame and its sizes of the table in WIRE.md") {
  std::uint16_t number = 1;
  for (const TypeRow& row : kTypes) {
    CAPTURE(to_string(row.type));
    CHECK(static_cast<std::uint16_t>(row.type) == number++);
    CHECK(is_from_device(row.type) == row.from_device);
    CHECK(has_bulk_frame(row.type) == row.bulk_frame);
    CHECK(max_body_bytes(row.type) == row.most_body_bytes);
    CHECK(kEnvelopeHeaderBytes + row.most_body_bytes <= kMaxControlBytes);
    // Nothing shorter than the least decodes, and the least does where its fields may all be empty.
    CHECK(!decode_body(row.type, Bytes(row.least_body_bytes - 1)));
  }
  CHECK(sample_messages().size() == std::size(kTypes));
  CHECK(!is_from_device(static_cast<MessageType>(number)));
  CHECK(!has_bulk_frame(static_cast<MessageType>(number)));
  CHECK(max_body_bytes(static_cast<MessageType>(number)) == 0);
}

TEST_CASE("an envelope gives back what was sealed, and its body decodes to the message") {
  for (const Message& message : sample_messages()) {
    const MessageType type = type_of(message);
    CAPTURE(to_string(type));
    const Bytes frame = frame_of(message);
    const auto envelope = open_envelope(frame);
    REQUIRE(envelope);
    CHECK(envelope->version == 1);
    CHECK(envelope->type == type);
    CHECK(envelope->sender == (is_from_device(type) ? client_id_of(sample_key().public_key()) : ClientId{}));
    CHECK(envelope->session == (type == MessageType::check_in ? SessionId{} : sample_session()));
    CHECK(verify_envelope(*envelope, sample_key().public_key()) == is_from_device(type));
    const auto decoded = decode_body(envelope->type, envelope->body);
    REQUIRE(decoded);
    CHECK(encode_body(*decoded) == encode_body(message));
  }
}

TEST_CASE("case 19: every truncation of every frame is refused") {
  for (const Message& message : sample_messages()) {
    const Bytes frame = frame_of(message);
    for (std::size_t size = 0; size < frame.size(); ++size) {
      CAPTURE(size);
      CHECK(code_of(ByteSpan(frame).first(size)) == ErrorCode::malformed);
    }
  }
}

TEST_CASE("every frame with one byte more is refused, whatever the byte") {
  for (const Message& message : sample_messages())
    for (unsigned byte = 0; byte < 256; ++byte) {
      Bytes frame = frame_of(message);
      frame.push_back(static_cast<std::uint8_t>(byte));
      CHECK(!open_envelope(frame));
    }
}

TEST_CASE("a frame above the cap is refused, and one at the cap is looked at") {
  Bytes frame = frame_with(MessageType::assignment);
  frame.resize(kMaxControlBytes + 1);
  CHECK(code_of(frame) == ErrorCode::limit);
  frame.resize(kMaxControlBytes);
  CHECK(code_of(frame) == ErrorCode::malformed);  // its body length is not what follows
}

TEST_CASE("case 20: a body length of 2^32-1 is refused") {
  for (const Message& message : sample_messages()) {
    Bytes frame = frame_of(message);
    store_u32(at(frame, kLengthAt), 0xffffffffu);
    CHECK(code_of(frame) == ErrorCode::limit);
  }
}

TEST_CASE("a body above the limit of its type is refused though its length is true") {
  for (const Message& message : sample_messages()) {
    const MessageType type = type_of(message);
    CAPTURE(to_string(type));
    Bytes frame = frame_of(message);
    frame.resize(kEnvelopeHeaderBytes + max_body_bytes(type) + 1);
    store_u32(at(frame, kLengthAt), static_cast<std::uint32_t>(max_body_bytes(type) + 1));
    CHECK(code_of(frame) == ErrorCode::limit);
  }
}

TEST_CASE("a changed magic is refused") {
  for (std::size_t i = 0; i < 4; ++i) {
    Bytes frame = frame_with(MessageType::decline);
    frame[i] ^= 0x20;
    CHECK(code_of(frame) == ErrorCode::malformed);
  }
}

TEST_CASE("another version is told apart from a broken frame, and the error names it") {
  for (const std::uint16_t version : {std::uint16_t{0}, std::uint16_t{kProtocolVersionMax + 1}, std::uint16_t{0xffff}}) {
    Bytes frame = frame_with(MessageType::check_in);
    store_u16(at(frame, kVersionAt), version);
    const auto envelope = open_envelope(frame);
    REQUIRE(!envelope);
    CHECK(envelope.error().code == ErrorCode::refused);
    CHECK(envelope.error().message == "control frame: protocol version " + std::to_string(version) + ", this program speaks 1 to 1");
  }
}

TEST_CASE("an unknown message type is refused") {
  for (const std::uint16_t type : {std::uint16_t{0}, std::uint16_t{16}, std::uint16_t{0x0101}, std::uint16_t{0xffff}}) {
    Bytes frame = frame_with(MessageType::decline);
    store_u16(at(frame, kTypeAt), type);
    CHECK(code_of(frame) == ErrorCode::malformed);
  }
}

TEST_CASE("a coordinator's message with a sender or a signature is refused") {
  for (const MessageType type : types_from(false)) {
    Bytes with_sender = frame_with(type);
    with_sender[kSenderAt + 31] = 1;
    CHECK(code_of(with_sender) == ErrorCode::malformed);
    Bytes with_signature = frame_with(type);
    with_signature[kSignatureAt + 63] = 1;
    CHECK(code_of(with_signature) == ErrorCode::malformed);
  }
}

TEST_CASE("a device's message without a sender or without a signature is refused") {
  for (const MessageType type : types_from(true)) {
    Bytes without_sender = frame_with(type);
    std::ranges::fill(at(without_sender, kSenderAt).first(32), std::uint8_t{0});
    CHECK(code_of(without_sender) == ErrorCode::malformed);
    Bytes without_signature = frame_with(type);
    std::ranges::fill(at(without_signature, kSignatureAt).first(64), std::uint8_t{0});
    CHECK(code_of(without_signature) == ErrorCode::malformed);
  }
}

TEST_CASE("sealing a message of the other side is a programmer's mistake") {
  const IdentityKey key = sample_key();
  for (const Message& message : sample_messages()) {
    CAPTURE(to_string(type_of(message)));
    const SessionId session = type_of(message) == MessageType::check_in ? SessionId{} : sample_session();
    CHECK(tests::aborts([&] { (void)seal_from_device(message, session, client_id_of(key.public_key()), key); }) != is_from_device(type_of(message)));
    CHECK(tests::aborts([&] { (void)seal_from_coordinator(message, session); }) == is_from_device(type_of(message)));
  }
}

TEST_CASE("a check-in with a session id is refused") {
  Bytes frame = frame_with(MessageType::check_in);
  frame[kSessionAt] = 1;
  CHECK(code_of(frame) == ErrorCode::malformed);
}

TEST_CASE("case 6: a change of any signed byte, or of the signature, fails the verification") {
  for (const MessageType type : types_from(true)) {
    const Bytes good = frame_with(type);
    for (std::size_t i = kTypeAt; i < good.size(); ++i) {
      if (i >= kLengthAt && i < kEnvelopeHeaderBytes) continue;  // not signed: held against what follows
      Bytes frame = good;
      frame[i] ^= 0x01;
      const auto envelope = open_envelope(frame);
      CAPTURE(i);
      CHECK((!envelope || !verify_envelope(*envelope, sample_key().public_key())));
    }
  }
}

TEST_CASE("case 6: a right signature of another key is refused, under its own name and under another's") {
  const IdentityKey mine = sample_key();
  const IdentityKey other = sample_key(100);
  const Message message = Decline{};
  const Bytes as_itself = seal_from_device(message, sample_session(), client_id_of(other.public_key()), other);
  CHECK(verify_envelope(open_envelope(as_itself).value(), other.public_key()));
  CHECK(!verify_envelope(open_envelope(as_itself).value(), mine.public_key()));
  const Bytes as_me = seal_from_device(message, sample_session(), client_id_of(mine.public_key()), other);
  CHECK(!verify_envelope(open_envelope(as_me).value(), mine.public_key()));
  CHECK_MESSAGE(!verify_envelope(open_envelope(as_me).value(), other.public_key()), "the sender is not this key's client");
}

TEST_CASE("each signed value changes the digest") {
  const ClientId sender = client_id_of(sample_key().public_key());
  const Bytes body(3, 1);
  const Hash256 digest = signed_digest(MessageType::update, sample_session(), sender, body);
  CHECK(digest != signed_digest(MessageType::decline, sample_session(), sender, body));
  CHECK(digest != signed_digest(MessageType::update, SessionId{}, sender, body));
  CHECK(digest != signed_digest(MessageType::update, sample_session(), ClientId{}, body));
  CHECK(digest != signed_digest(MessageType::update, sample_session(), sender, ByteSpan(body).first(2)));
}

TEST_CASE("the largest assignment that is allowed fits into a control frame and comes back whole") {
  Assignment assignment = sample_assignment();
  assignment.plan.assign(kMaxPlanBytes, 'x');
  const Bytes frame = seal_from_coordinator(assignment, sample_session());
  CHECK(frame.size() <= kMaxControlBytes);
  CHECK(frame.size() == kEnvelopeHeaderBytes + max_body_bytes(MessageType::assignment));
  const auto envelope = open_envelope(frame);
  REQUIRE(envelope);
  const auto decoded = decode_body(envelope->type, envelope->body);
  REQUIRE(decoded);
  CHECK(std::get<Assignment>(*decoded).plan == assignment.plan);
}

}  // namespace
}  // namespace fedspend::testing
