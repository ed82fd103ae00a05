// The bodies of secure aggregation: their largest sizes, and what a hostile peer may write for a count.
#include <doctest/doctest.h>

#include "common/protocol/codec.h"
#include "tests/common/aborts.h"
#include "tests/common/protocol/any_message.h"
#include "tests/common/protocol/largest_allocation.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

// A count inside the body of the sample message: where it stands, what it may be, and what an element takes, from WIRE.md.
struct CountAt {
  MessageType type;
  const char* field;
  std::size_t offset;
  std::uint32_t limit;
  std::uint32_t element_bytes;
};
constexpr CountAt kCounts[] = {
    {MessageType::roster_view, "neighbours", 136, 1'024, 284},
    {MessageType::roster_view, "proof", 140 + 2 * 284, 17'425, 32},
    {MessageType::share_keys, "sealed", 0, 106'496, 1},
    {MessageType::deliver_shares, "sharing", 0, 12'500, 1},
    {MessageType::deliver_shares, "sealed", 4 + 2, 106'496, 1},
    {MessageType::survivors, "survivors", 0, 12'500, 1},
    {MessageType::survivors, "proof", 4 + 2 + 32, 17, 32},
    {MessageType::unmask, "opened", 0, 128, 1},
    {MessageType::unmask, "shares", 4 + 2, 32'768, 1},
};

Bytes sample_body(MessageType type) {
  for (const Message& message : sample_messages())
    if (type_of(message) == type) return body_of(message);
  return {};
}

struct Refused {
  Error error;
  std::size_t largest = 0;  // allocation
};
Refused refused(const CountAt& at, std::uint32_t count) {
  Bytes body = sample_body(at.type);
  store_u32(MutableByteSpan(body).subspan(at.offset), count);
  largest_allocation = 0;
  auto decoded = decode_body(at.type, body);
  const std::size_t largest = largest_allocation;
  REQUIRE(!decoded);
  CHECK(largest > 0);  // the counter counts: the message of the error was allocated
  return {std::move(decoded).error(), largest};
}
std::string name_of(const CountAt& at) { return std::string(to_string(at.type)) + "." + at.field + ": "; }
std::string unit_of(const CountAt& at) { return at.element_bytes == 1 ? " bytes" : " elements"; }

TEST_CASE("the offsets of the counts are those of the bodies") {
  for (const CountAt& at : kCounts) {
    const Bytes body = sample_body(at.type);
    CAPTURE(name_of(at));
    const std::uint32_t count = load_u32(ByteSpan(body).subspan(at.offset));
    CHECK(count >= 1);
    CHECK(at.offset + 4 + std::size_t{count} * at.element_bytes <= body.size());
  }
}

TEST_CASE("case 20: a count of 2^32-1, or of one above its limit, is refused by the limit before anything is allocated") {
  for (const CountAt& at : kCounts)
    for (const std::uint32_t count : {0xffffffffu, 0x80000000u, at.limit + 1}) {
      CAPTURE(name_of(at));
      const Refused got = refused(at, count);
      CHECK(got.error.code == ErrorCode::limit);
      CHECK(got.error.message == name_of(at) + std::to_string(count) + unit_of(at) + ", at most " + std::to_string(at.limit));
      CHECK(got.largest < 1024);
    }
}

TEST_CASE("case 20: a count within its limit whose elements are not all there is refused before they are allocated") {
  for (const CountAt& at : kCounts) {
    const Bytes body = sample_body(at.type);
    const auto left = static_cast<std::uint32_t>(body.size() - at.offset - 4);
    // The limit itself; the first count that cannot be; and, of elements of many bytes, as many as there are bytes.
    for (const std::uint32_t count : {at.limit, left / at.element_bytes + 1, std::min(left + 1, at.limit)}) {
      if (count > at.limit) continue;
      CAPTURE(name_of(at));
      const Refused got = refused(at, count);
      CHECK(got.error.code == ErrorCode::malformed);
      CHECK(got.error.message.starts_with(name_of(at) + "says " + std::to_string(count) + unit_of(at) + ", " + std::to_string(left)));
      CHECK(got.largest < 1024);
    }
  }
}

TEST_CASE("a count that is one too low leaves bytes over, or takes the next field for another") {
  for (const CountAt& at : kCounts) {
    CAPTURE(name_of(at));
    Bytes body = sample_body(at.type);
    store_u32(MutableByteSpan(body).subspan(at.offset), load_u32(ByteSpan(body).subspan(at.offset)) - 1);
    CHECK(!decode_body(at.type, body));
  }
}

TEST_CASE("a roster of no clients or of more than there may be is refused, and so is such a quorum") {
  for (const MessageType type : {MessageType::roster_view, MessageType::quorum})
    for (const auto& [count, good] : {std::pair<std::uint32_t, bool>{0, false}, {1, true}, {100'000, true}, {100'001, false}, {0xffffffff, false}}) {
      Bytes body = sample_body(type);
      store_u32(body, count);
      CAPTURE(count);
      CHECK(decode_body(type, body).has_value() == good);
    }
}

// The messages that fill their limits.
std::vector<Message> largest_messages() {
  RosterView roster{.clients = kMaxRosterClients,
                    .root = patterned<32>(1),
                    .beacon = patterned<32>(2),
                    .beacon_signature = patterned<64>(3),
                    .position = 0xffffffff,
                    .neighbours = {},
                    .proof = {}};
  for (std::size_t i = 0; i < kMaxNeighbours; ++i)
    roster.neighbours.push_back({static_cast<std::uint32_t>(i), {patterned<32>(i)}, patterned<88>(i), pattern_keys(i), patterned<64>(i)});
  for (std::size_t i = 0; i < kMaxRosterProofHashes; ++i) roster.proof.push_back(patterned<32>(i));
  std::vector<Hash256> proof;
  for (std::size_t i = 0; i < kMaxLeafProofHashes; ++i) proof.push_back(patterned<32>(i));
  return {roster,
          AdvertiseKeys{pattern_keys(0)},
          ShareKeys{pattern(0, kMaxNeighbours * kSealedShareBytes)},
          DeliverShares{pattern(1, kMaxBitmapBytes), pattern(2, kMaxNeighbours * kSealedShareBytes)},
          MaskedInput{patterned<32>(0), 0xffffffff, 32},
          Survivors{pattern(1, kMaxBitmapBytes), patterned<32>(3), proof},
          SignSurvivors{patterned<32>(0)},
          Quorum{kMaxRosterClients},
          Unmask{pattern(1, kMaxNeighbours / 8), pattern(2, kMaxNeighbours * 32)}};
}

TEST_CASE("the largest message of each type has the size of the table, comes back whole and takes no more memory than it has bytes") {
  const IdentityKey key = sample_key();
  for (const Message& message : largest_messages()) {
    const MessageType type = type_of(message);
    CAPTURE(to_string(type));
    const Bytes frame = is_from_device(type) ? seal_from_device(message, sample_session(), client_id_of(key.public_key()), key)
                                             : seal_from_coordinator(message, sample_session());
    CHECK(frame.size() == kEnvelopeHeaderBytes + max_body_bytes(type));
    const auto envelope = open_envelope(frame);
    REQUIRE(envelope);
    largest_allocation = 0;
    const auto decoded = decode_body(type, envelope->body);
    const std::size_t largest = largest_allocation;
    REQUIRE(decoded);
    CHECK(largest <= envelope->body.size());
    CHECK(std::visit([](const auto& a, const auto& b) { return same(a, b); }, message, *decoded));
  }
}

TEST_CASE("a message above a limit is not encoded: a programmer's mistake") {
  std::vector<Message> messages = {ShareKeys{Bytes(kMaxNeighbours * kSealedShareBytes + 1)}, DeliverShares{Bytes(kMaxBitmapBytes + 1), {}},
                                   Unmask{Bytes(129), {}}, Unmask{{}, Bytes(kMaxNeighbours * 32 + 1)}, Survivors{{}, {}, std::vector<Hash256>(18)}};
  for (const Message& message : messages) CHECK(tests::aborts([&] { (void)encode_body(message); }));
}

TEST_CASE("a message without any element has the least size of the table and comes back") {
  const std::pair<Message, std::size_t> messages[] = {{RosterView{.clients = 1, .root = {}, .beacon = {}, .position = 0, .neighbours = {}, .proof = {}}, 144},
                                                      {ShareKeys{}, 4}, {DeliverShares{}, 8}, {Survivors{}, 40}, {Unmask{}, 8}};
  for (const auto& [message, size] : messages) {
    const Bytes body = encode_body(message);
    CHECK(body.size() == size);
    CHECK(decode_body(type_of(message), body));
  }
}

}  // namespace
}  // namespace fedspend::testing
