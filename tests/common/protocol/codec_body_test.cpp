// The bodies: what a hostile peer may write into them.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <bit>
#include <limits>

#include "common/protocol/codec.h"
#include "tests/common/protocol/any_message.h"
#include "tests/common/protocol/largest_allocation.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

// Offsets inside the bodies, from WIRE.md.
constexpr std::size_t kPopulationCountAt = 4;
constexpr std::size_t kClipNormAt = 50, kPlanCountAt = 122;
constexpr std::size_t kBitsAt = 36;

Error error_of(MessageType type, ByteSpan body) {
  const auto decoded = decode_body(type, body);
  REQUIRE(!decoded);
  return decoded.error();
}

template <class T>
Bytes sample_body() {
  for (const Message& message : sample_messages())
    if (std::holds_alternative<T>(message)) return body_of(message);
  return {};
}

TEST_CASE("every body decodes to the message that it was made from") {
  for (const Message& message : sample_messages()) {
    const auto decoded = decode_body(type_of(message), body_of(message));
    REQUIRE(decoded);
    CHECK(type_of(*decoded) == type_of(message));
    CHECK(encode_body(*decoded) == body_of(message));
  }
  const auto decoded = decode_body(MessageType::check_in, sample_body<CheckIn>());
  REQUIRE(decoded);
  const auto& check_in = std::get<CheckIn>(*decoded);
  CHECK(check_in.population == "kort-københavn");
  CHECK(check_in.software == "fedspend 0.1.0");
  CHECK(check_in.have_plan.bytes[31] == 0x11);
  CHECK(check_in.have_model.bytes[0] == 0x22);
}

TEST_CASE("case 19: every truncation of every body is refused") {
  for (const Message& message : sample_messages()) {
    const Bytes body = body_of(message);
    for (std::size_t size = 0; size < body.size(); ++size) {
      CAPTURE(to_string(type_of(message)));
      CAPTURE(size);
      CHECK(error_of(type_of(message), ByteSpan(body).first(size)).code == ErrorCode::malformed);
    }
  }
}

TEST_CASE("every body with one byte more is refused, whatever the byte") {
  for (const Message& message : sample_messages())
    for (unsigned byte = 0; byte < 256; ++byte) {
      Bytes body = body_of(message);
      body.push_back(static_cast<std::uint8_t>(byte));
      CHECK(!decode_body(type_of(message), body));
    }
}

// Two types whose bodies have the same fields: the type is in the signature.
MessageType form_of(MessageType type) {
  if (type == MessageType::masked_input) return MessageType::update;
  return type == MessageType::unmask ? MessageType::deliver_shares : type;
}

TEST_CASE("the bytes of one message are not taken for another's, unless both have the same fields") {
  for (const Message& message : sample_messages())
    for (const Message& of_other : sample_messages()) {
      const MessageType type = type_of(message), other = type_of(of_other);
      const bool same_form = form_of(type) == form_of(other);
      CAPTURE(to_string(type));
      CAPTURE(to_string(other));
      CHECK(decode_body(other, body_of(message)).has_value() == same_form);
    }
}

TEST_CASE("case 20: a length prefix of 2^32-1 is refused before anything of that size is allocated") {
  Bytes check_in = sample_body<CheckIn>();
  store_u32(MutableByteSpan(check_in).subspan(kPopulationCountAt), 0xffffffffu);
  Bytes assignment = sample_body<Assignment>();
  store_u32(MutableByteSpan(assignment).subspan(kPlanCountAt), 0xffffffffu);
  largest_allocation = 0;
  const Error of_check_in = error_of(MessageType::check_in, check_in);
  const Error of_assignment = error_of(MessageType::assignment, assignment);
  const std::size_t largest = largest_allocation;
  CHECK(of_check_in.code == ErrorCode::limit);
  CHECK(of_check_in.message == "check_in.population: 4294967295 bytes, at most 64");
  CHECK(of_assignment.code == ErrorCode::limit);
  CHECK(of_assignment.message == "assignment.plan: 4294967295 bytes, at most 1048576");
  CHECK(largest > 0);  // the counter counts: the messages were allocated
  CHECK(largest < 4096);
}

TEST_CASE("case 20: a count within its limit but above the bytes that are left is refused before it is allocated") {
  Bytes assignment = sample_body<Assignment>();
  store_u32(MutableByteSpan(assignment).subspan(kPlanCountAt), kMaxPlanBytes);
  largest_allocation = 0;
  const Error error = error_of(MessageType::assignment, assignment);
  const std::size_t largest = largest_allocation;
  CHECK(error.message == "assignment.plan: says 1048576 bytes, 75 left");
  CHECK(largest < 4096);
}

TEST_CASE("a text above its limit is refused though all its bytes are there") {
  Bytes body = sample_body<CheckIn>();
  store_u32(MutableByteSpan(body).subspan(kPopulationCountAt), 65);
  CHECK(error_of(MessageType::check_in, body).message == "check_in.population: 65 bytes, at most 64");
}

TEST_CASE("a text of exactly its limit goes through") {
  const CheckIn check_in{.population = std::string(64, 'p'), .software = std::string(64, 's'), .have_plan = {}, .have_model = {}};
  const Bytes body = encode_body(check_in);
  CHECK(body.size() == max_body_bytes(MessageType::check_in));
  CHECK(decode_body(MessageType::check_in, body));
}

TEST_CASE("a text that is not plain is refused") {
  for (const char bad : {'\0', '\n', '\x1b', '\x7f', '\xff', '\xc3'}) {
    Bytes body = sample_body<CheckIn>();
    body[kPopulationCountAt + 4] = static_cast<std::uint8_t>(bad);
    CHECK(error_of(MessageType::check_in, body).message == "check_in.population: not plain text");
  }
}

TEST_CASE("every enum value that is not known is refused, and every one that is known goes through") {
  struct Case {
    MessageType type;
    Bytes body;
    unsigned known;
  };
  for (const Case& c : {Case{MessageType::come_back, sample_body<ComeBack>(), 7}, Case{MessageType::update_reply, sample_body<UpdateReply>(), 5},
                        Case{MessageType::decline, sample_body<Decline>(), 8}})
    for (unsigned value = 0; value < 256; ++value) {
      Bytes body = c.body;
      body[0] = static_cast<std::uint8_t>(value);
      CAPTURE(value);
      CHECK(decode_body(c.type, body).has_value() == (value < c.known));
    }
}

TEST_CASE("a range of versions that is none is refused") {
  for (const auto& [least, most] : {std::pair<std::uint16_t, std::uint16_t>{2, 1}, {0, 1}, {0, 0}}) {
    Bytes check_in = sample_body<CheckIn>();
    store_u16(check_in, least);
    store_u16(MutableByteSpan(check_in).subspan(2), most);
    CHECK(error_of(MessageType::check_in, check_in).code == ErrorCode::malformed);
    Bytes come_back = sample_body<ComeBack>();
    store_u16(MutableByteSpan(come_back).subspan(5), least);
    store_u16(MutableByteSpan(come_back).subspan(7), most);
    CHECK(error_of(MessageType::come_back, come_back).code == ErrorCode::malformed);
  }
}

TEST_CASE("a check-in of a newer device that still speaks this version goes through") {
  Bytes body = sample_body<CheckIn>();
  store_u16(MutableByteSpan(body).subspan(2), 9);
  const auto decoded = decode_body(MessageType::check_in, body);
  REQUIRE(decoded);
  CHECK(std::get<CheckIn>(*decoded).version_max == 9);
}

TEST_CASE("an assignment in a version that is not spoken here is refused") {
  Bytes body = sample_body<Assignment>();
  store_u16(body, kProtocolVersionMax + 1);
  CHECK(error_of(MessageType::assignment, body).code == ErrorCode::malformed);
}

TEST_CASE("case 18: an assignment whose clip norm is not a finite number above 0 is refused, any other comes as it was sent") {
  const auto decoded = [](double clip_norm) {
    Bytes body = sample_body<Assignment>();
    store_u64(MutableByteSpan(body).subspan(kClipNormAt), std::bit_cast<std::uint64_t>(clip_norm));
    return decode_body(MessageType::assignment, body);
  };
  using Limits = std::numeric_limits<double>;
  for (const double bad : {0.0, -0.0, -1.0, Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
    const auto refused = decoded(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "assignment: a clip norm that is not a finite number above 0");
  }
  for (const double good : {Limits::denorm_min(), 0.1, 1.0, Limits::max()}) CHECK(std::get<Assignment>(decoded(good).value()).clip_norm_l2 == good);
}

TEST_CASE("case 18: a width outside 1 ... 32 bits is refused") {
  for (const MessageType type : {MessageType::update, MessageType::masked_input})
    for (unsigned bits = 0; bits < 256; ++bits) {
      Bytes body = type == MessageType::update ? sample_body<Update>() : sample_body<MaskedInput>();
      body[kBitsAt] = static_cast<std::uint8_t>(bits);
      CHECK(decode_body(type, body).has_value() == (bits >= 1 && bits <= 32));
    }
}

TEST_CASE("a type that does not exist has no body") {
  CHECK(error_of(static_cast<MessageType>(0), {}).code == ErrorCode::malformed);
  CHECK(error_of(static_cast<MessageType>(16), sample_body<Decline>()).code == ErrorCode::malformed);
}

TEST_CASE("a body of more than its type may have is refused") {
  const Bytes body(max_body_bytes(MessageType::assignment) + 1);
  CHECK(error_of(MessageType::assignment, body).code == ErrorCode::limit);
}

TEST_CASE("any message within its limits comes back from its bytes, field by field") {
  CHECK(rc::check([] {
    const Message message = any_message();
    const auto decoded = decode_body(type_of(message), encode_body(message));
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(std::visit([](const auto& a, const auto& b) { return same(a, b); }, message, *decoded));
  }));
}

TEST_CASE("a body with any byte changed is refused or decodes to a message with exactly those bytes") {
  CHECK(rc::check([] {
    const Message message = any_message();
    Bytes body = encode_body(message);
    const std::size_t place = *rc::gen::inRange<std::size_t>(0, body.size());
    body[place] = *rc::gen::arbitrary<std::uint8_t>();
    const auto decoded = decode_body(type_of(message), body);
    if (decoded) RC_ASSERT(encode_body(*decoded) == body);
  }));
}

}  // namespace
}  // namespace fedspend::testing
