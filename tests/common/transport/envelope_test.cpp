#include "common/transport/envelope.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

// Offsets of ENVELOPE.md.
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kConnectionAt = 38;
constexpr std::size_t kSequenceAt = 54;
constexpr std::size_t kAcknowledgedAt = 62;
constexpr std::size_t kPollAt = 70;
constexpr std::size_t kCountAt = 74;
constexpr std::size_t kMessagesAt = 75;
constexpr std::size_t kStatusAt = 6;
constexpr std::size_t kRetryAt = 7;
constexpr std::size_t kNumberAt = 11;
constexpr std::size_t kAnswerCountAt = 19;
constexpr std::size_t kAnswerMessagesAt = 20;

constexpr GatewayLimits kLimits{.max_bulk_bytes = 1000};

const IdentityKey& device_key() {
  static const IdentityKey key = [] {
    SeededRandom random(7);
    return IdentityKey::generate(random);
  }();
  return key;
}

Result<Signature> sign(ByteSpan digest) { return device_key().sign(digest); }

Frames frames_of(std::size_t control, std::size_t bulk) {
  Frames frames{Bytes(control, 0xc0), nullptr};
  if (bulk > 0) frames.bulk = std::make_shared<const Bytes>(bulk, 0xb0);
  return frames;
}

GatewayRequest sample_request() {
  GatewayRequest request{.sender = client_id_of(device_key().public_key()), .connection = {}, .sequence = 3, .acknowledged = 2, .poll_ms = 30'000, .messages = {}};
  request.connection.bytes.fill(0x11);
  request.messages = {frames_of(5, 0), frames_of(7, 9)};
  return request;
}
GatewayResponse sample_response() {
  return {.status = GatewayStatus::ok, .retry_after_s = 0, .number = 3, .messages = {frames_of(5, 0), frames_of(7, 9)}};
}

Bytes sealed(const GatewayRequest& request) { return seal_gateway_request(request, kLimits, sign).value(); }
MutableByteSpan at(Bytes& bytes, std::size_t offset) { return MutableByteSpan(bytes).subspan(offset); }

// Of the header or, if that is fine, of the messages.
ErrorCode request_error(const Bytes& body) {
  const auto opened = open_gateway_request(body, kLimits);
  if (!opened) return opened.error().code;
  const auto messages = decode_gateway_messages(*opened, kLimits);
  REQUIRE(!messages);
  return messages.error().code;
}
ErrorCode response_error(const Bytes& body) {
  const auto response = decode_gateway_response(body, kLimits);
  REQUIRE(!response);
  return response.error().code;
}

bool same(const std::vector<Frames>& a, const std::vector<Frames>& b) {
  return std::ranges::equal(a, b, [](const Frames& x, const Frames& y) { return x.control == y.control && std::ranges::equal(x.bulk_bytes(), y.bulk_bytes()); });
}

std::vector<Frames> any_messages() {
  std::vector<Frames> messages;
  for (std::size_t i = *rc::gen::inRange<std::size_t>(0, kMaxMessagesPerExchange + 1); i > 0; --i)
    messages.push_back(frames_of(*rc::gen::inRange<std::size_t>(1, 200), *rc::gen::inRange<std::size_t>(0, 125)));
  return messages;
}

}  // namespace

TEST_CASE("a request has the bytes that ENVELOPE.md says") {
  const GatewayRequest request = sample_request();
  const Bytes body = sealed(request);
  CHECK(body.size() == kMessagesAt + (4 + 5 + 4) + (4 + 7 + 4 + 9) + 64);
  CHECK(to_hex(ByteSpan(body).first(6)) == "465347510100");
  CHECK(std::ranges::equal(ByteSpan(body).subspan(6, 32), request.sender.bytes));
  CHECK(to_hex(ByteSpan(body).subspan(kConnectionAt)).starts_with(std::string(32, '1') + "0300000000000000" "0200000000000000" "30750000" "02"
                                                                  "05000000c0c0c0c0c0" "00000000" "07000000c0c0c0c0c0c0c0" "09000000b0b0b0b0b0b0b0b0b0"));
}

TEST_CASE("a response has the bytes that ENVELOPE.md says") {
  CHECK(to_hex(encode_gateway_response(sample_response(), kLimits)) ==
        "465347410100" "00" "00000000" "0300000000000000" "02" "05000000c0c0c0c0c0" "00000000" "07000000c0c0c0c0c0c0c0" "09000000b0b0b0b0b0b0b0b0b0");
  CHECK(to_hex(encode_gateway_response({.status = GatewayStatus::retry_later, .retry_after_s = 60, .number = 0, .messages = {}}, kLimits)) ==
        "465347410100" "03" "3c000000" "0000000000000000" "00");
}

TEST_CASE("any request opens to what was sealed, and its signature holds") {
  CHECK(rc::check([] {
    GatewayRequest request = sample_request();
    request.sequence = *rc::gen::inRange<std::uint64_t>(1, std::uint64_t{1} << 60);
    request.acknowledged = *rc::gen::inRange<std::uint64_t>(0, request.sequence);
    request.poll_ms = *rc::gen::inRange<std::uint32_t>(0, kMaxPollMs + 1);
    request.messages = any_messages();
    const Bytes body = sealed(request);
    const auto opened = open_gateway_request(body, kLimits);
    RC_ASSERT(opened.has_value());
    RC_ASSERT(verify_gateway_request(*opened, device_key().public_key()));
    RC_ASSERT(opened->header.sender == request.sender);
    RC_ASSERT(opened->header.connection == request.connection);
    RC_ASSERT(opened->header.sequence == request.sequence);
    RC_ASSERT(opened->header.acknowledged == request.acknowledged);
    RC_ASSERT(opened->header.poll_ms == request.poll_ms);
    const auto messages = decode_gateway_messages(*opened, kLimits);
    RC_ASSERT(messages.has_value());
    RC_ASSERT(same(*messages, request.messages));
  }));
}

TEST_CASE("any response decodes to what was encoded") {
  CHECK(rc::check([] {
    GatewayResponse response{.status = GatewayStatus::ok, .retry_after_s = 0, .number = *rc::gen::inRange<std::uint64_t>(1, 1000), .messages = any_messages()};
    const auto decoded = decode_gateway_response(encode_gateway_response(response, kLimits), kLimits);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(decoded->number == response.number);
    RC_ASSERT(same(decoded->messages, response.messages));
  }));
}

TEST_CASE("a request with any byte changed does not verify") {
  const Bytes body = sealed(sample_request());
  for (std::size_t i = 0; i < body.size(); ++i) {
    CAPTURE(i);
    Bytes changed = body;
    changed[i] ^= 1;
    const auto opened = open_gateway_request(changed, kLimits);
    CHECK((!opened || !verify_gateway_request(*opened, device_key().public_key())));
  }
}

TEST_CASE("a request does not verify with the key of another device, even one that signed it") {
  SeededRandom random(8);
  const IdentityKey other = IdentityKey::generate(random);
  const Bytes body = seal_gateway_request(sample_request(), kLimits, [&](ByteSpan digest) -> Result<Signature> { return other.sign(digest); }).value();
  const auto opened = open_gateway_request(body, kLimits);
  REQUIRE(opened);
  CHECK(!verify_gateway_request(*opened, device_key().public_key()));
  CHECK(!verify_gateway_request(*opened, other.public_key()));
}

TEST_CASE("a body cut short anywhere, or with a byte more, is refused") {
  const Bytes request = sealed(sample_request());
  const Bytes response = encode_gateway_response(sample_response(), kLimits);
  for (std::size_t length = 0; length < request.size(); ++length) {
    CAPTURE(length);
    CHECK(request_error(Bytes(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(length))) != ErrorCode::internal);
    if (length < response.size()) CHECK(response_error(Bytes(response.begin(), response.begin() + static_cast<std::ptrdiff_t>(length))) == ErrorCode::malformed);
  }
  Bytes longer = request;
  longer.insert(longer.end() - 64, 0);
  CHECK(request_error(longer) == ErrorCode::malformed);
  longer = response;
  longer.push_back(0);
  CHECK(response_error(longer) == ErrorCode::malformed);
}

TEST_CASE("a body above the cap is refused before it is looked at") {
  CHECK(request_error(Bytes(max_gateway_request_bytes(kLimits) + 1)) == ErrorCode::limit);
  CHECK(response_error(Bytes(max_gateway_response_bytes(kLimits) + 1)) == ErrorCode::limit);
  CHECK(request_error(Bytes(max_gateway_request_bytes(kLimits))) == ErrorCode::malformed);
  CHECK(response_error(Bytes(max_gateway_response_bytes(kLimits))) == ErrorCode::malformed);
}

TEST_CASE("of a request, each field out of its range is refused") {
  const Bytes good = sealed(sample_request());
  Bytes body = good;
  SUBCASE("magic") { body[0] = 'X'; CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("a response's magic") { body[3] = 'A'; CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("version") { store_u16(at(body, kVersionAt), 2); CHECK(request_error(body) == ErrorCode::refused); }
  SUBCASE("a connection of zeros") { std::ranges::fill(at(body, kConnectionAt).first(16), 0); CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("sequence 0") { store_u64(at(body, kSequenceAt), 0); CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("the answer to itself acknowledged") { store_u64(at(body, kAcknowledgedAt), 3); CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("a poll too long") { store_u32(at(body, kPollAt), kMaxPollMs + 1); CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("nine messages") { body[kCountAt] = 9; CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("a message more than there is") { body[kCountAt] = 3; CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("a message fewer than there is") { body[kCountAt] = 1; CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("an empty control frame") { store_u32(at(body, kMessagesAt), 0); CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("a control frame beyond the end") { store_u32(at(body, kMessagesAt), 1000); CHECK(request_error(body) == ErrorCode::malformed); }
  SUBCASE("a control frame above its cap") { store_u32(at(body, kMessagesAt), static_cast<std::uint32_t>(kMaxControlBytes + 1)); CHECK(request_error(body) == ErrorCode::limit); }
  SUBCASE("a bulk frame above its cap") { store_u32(at(body, kMessagesAt + 9), 1001); CHECK(request_error(body) == ErrorCode::limit); }
  SUBCASE("a length of 2^32 - 1") { store_u32(at(body, kMessagesAt + 9), 0xffff'ffff); CHECK(request_error(body) == ErrorCode::limit); }
}

TEST_CASE("of a response, each field out of its range is refused") {
  Bytes body = encode_gateway_response(sample_response(), kLimits);
  SUBCASE("magic") { body[0] = 'X'; CHECK(response_error(body) == ErrorCode::malformed); }
  SUBCASE("version") { store_u16(at(body, kVersionAt), 2); CHECK(response_error(body) == ErrorCode::refused); }
  SUBCASE("an unknown status") { body[kStatusAt] = 4; CHECK(response_error(body) == ErrorCode::malformed); }
  SUBCASE("messages with a refusal") { body[kStatusAt] = 2; store_u64(at(body, kNumberAt), 0); CHECK(response_error(body) == ErrorCode::malformed); }
  SUBCASE("a time to wait with ok") { store_u32(at(body, kRetryAt), 1); CHECK(response_error(body) == ErrorCode::malformed); }
  SUBCASE("no number with ok") { store_u64(at(body, kNumberAt), 0); CHECK(response_error(body) == ErrorCode::malformed); }
  SUBCASE("nine messages") { body[kAnswerCountAt] = 9; CHECK(response_error(body) == ErrorCode::malformed); }
  SUBCASE("a frame beyond the end") { store_u32(at(body, kAnswerMessagesAt), 1000); CHECK(response_error(body) == ErrorCode::malformed); }
}

TEST_CASE("retry later says a time of at most a day") {
  Bytes body = encode_gateway_response({.status = GatewayStatus::retry_later, .retry_after_s = kMaxRetryAfterS, .number = 0, .messages = {}}, kLimits);
  CHECK(decode_gateway_response(body, kLimits).value().retry_after_s == 86'400);
  store_u32(at(body, kRetryAt), kMaxRetryAfterS + 1);
  CHECK(response_error(body) == ErrorCode::malformed);
  store_u32(at(body, kRetryAt), 0);
  CHECK(response_error(body) == ErrorCode::malformed);
}

TEST_CASE("the bulk frames of one body share their cap") {
  GatewayRequest request = sample_request();
  request.messages = {frames_of(1, 500), frames_of(1, 500)};
  Bytes body = sealed(request);
  CHECK(decode_gateway_messages(open_gateway_request(body, kLimits).value(), kLimits).has_value());
  const GatewayLimits less{.max_bulk_bytes = 999};
  const auto refused = decode_gateway_messages(open_gateway_request(body, less).value(), less);
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::limit);
}

TEST_CASE("what the signer says is passed on, and what breaks a limit is a programmer's mistake") {
  const auto refused = seal_gateway_request(sample_request(), kLimits, [](ByteSpan) -> Result<Signature> { return fail(ErrorCode::unavailable, "locked"); });
  REQUIRE(!refused);
  CHECK(refused.error().message == "locked");
  GatewayRequest request = sample_request();
  request.messages.assign(9, frames_of(1, 0));
  CHECK(tests::aborts([&] { static_cast<void>(sealed(request)); }));
  CHECK(tests::aborts([] { encode_gateway_response({.status = GatewayStatus::gone, .retry_after_s = 0, .number = 1, .messages = {}}, kLimits); }));
}

}  // namespace fedspend
