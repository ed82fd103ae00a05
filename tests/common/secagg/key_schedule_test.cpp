#include "common/secagg/key_schedule.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

using tests::VectorRecord;

ClientId id_of(std::uint8_t value) {
  ClientId id;
  id.bytes.fill(value);
  return id;
}

SecretScalar secret_of(std::uint64_t value) { return SecretScalar::of(Scalar::of(value)); }

PairEnd end_of(std::uint8_t id, std::uint64_t secret) { return {.id = id_of(id), .key = *RistrettoPoint::base_times(secret_of(secret))}; }

AgreementKey agreement_key(std::string_view hex) {
  SecretBytes<32> secret;
  REQUIRE(from_hex(hex, secret.expose_mutable()).has_value());
  return AgreementKey::from_secret(std::move(secret));
}

// RFC 7748, section 6.1.
AgreementKey alice() { return agreement_key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"); }
AgreementKey bob() { return agreement_key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"); }

VectorRecord record_of(std::string_view prefix) {
  for (const VectorRecord& record : tests::read_vectors("key_schedule.txt"))
    if (record.text("name").starts_with(prefix)) return record;
  throw std::runtime_error("no such vector");
}

SessionId session_of(const VectorRecord& record) { return SessionId{record.array<32>("session")}; }

bool same(const MaskKey& a, const MaskKey& b) { return std::ranges::equal(a.bytes.expose(), b.bytes.expose()); }

TEST_CASE("both ends derive one pairwise key; the lower id adds it, the higher subtracts it") {
  const VectorRecord record = record_of("pair: ids 01... with r = 3");
  const auto low = pair_mask(secret_of(3), end_of(1, 3), end_of(2, 5), session_of(record));
  const auto high = pair_mask(secret_of(5), end_of(2, 5), end_of(1, 3), session_of(record));
  REQUIRE((low && high));
  CHECK(to_hex(low->key.bytes.expose()) == record.text("key"));
  CHECK(same(low->key, high->key));
  CHECK(low->sign == MaskSign::add);
  CHECK(high->sign == MaskSign::subtract);
  // The same two secrets with the ids the other way round are another key.
  const auto other = pair_mask(secret_of(3), end_of(2, 3), end_of(1, 5), session_of(record));
  CHECK(to_hex(other->key.bytes.expose()) == record_of("pair: ids 01... with r = 5").text("key"));
  CHECK(other->sign == MaskSign::subtract);
}

TEST_CASE("a pairwise key is of one session and one pair") {
  const SessionId session{std::array<std::uint8_t, 32>{9}};
  const auto base = pair_mask(secret_of(3), end_of(1, 3), end_of(2, 5), session);
  CHECK_FALSE(same(base->key, pair_mask(secret_of(3), end_of(1, 3), end_of(2, 5), SessionId{})->key));
  CHECK_FALSE(same(base->key, pair_mask(secret_of(3), end_of(1, 3), end_of(4, 5), session)->key));
  CHECK_FALSE(same(base->key, pair_mask(secret_of(3), end_of(1, 3), end_of(2, 7), session)->key));
  CHECK_FALSE(pair_mask(SecretScalar(), end_of(1, 3), end_of(2, 5), session).has_value());
  CHECK(tests::aborts([&] { (void)pair_mask(secret_of(3), end_of(1, 3), end_of(1, 5), session); }));
}

TEST_CASE("the self mask and its commitment") {
  const VectorRecord record = record_of("self");
  const Mask mask = self_mask(secret_of(7), id_of(1), session_of(record));
  CHECK(to_hex(mask.key.bytes.expose()) == record.text("key"));
  CHECK(mask.sign == MaskSign::add);
  const VectorRecord commitment = record_of("commitment");
  CHECK(to_hex(self_mask_commitment(secret_of(7), id_of(1), TaskId{commitment.array<16>("task")}, RoundId{9})) == commitment.text("hash"));
  CHECK(to_hex(self_mask_commitment(secret_of(8), id_of(1), TaskId{commitment.array<16>("task")}, RoundId{9})) != commitment.text("hash"));
}

struct Neighbours {
  ShareChannel alice;
  ShareChannel bob;
};

Neighbours neighbours(const SessionId& session) {
  const AgreementKey a = alice();
  const AgreementKey b = bob();
  return {ShareChannel(session, id_of(1), a, id_of(2), b.public_key()), ShareChannel(session, id_of(2), b, id_of(1), a.public_key())};
}

Bytes sealed_by(const ShareChannel& dealer, std::uint32_t coordinate) {
  SeededRandom random(1);
  return dealer.seal(coordinate, Scalar::of(11).bytes(), Scalar::of(12).bytes(), random);
}

ErrorCode code_of(const Result<SharePair>& opened) { return opened ? ErrorCode::internal : opened.error().code; }

TEST_CASE("shares travel both ways, under the keys and associated data of an independent computation") {
  for (const std::string_view name : {"share: Alice", "share: Bob"}) {
    CAPTURE(name);
    const VectorRecord record = record_of(name);
    const Neighbours pair = neighbours(session_of(record));
    const bool there = name == "share: Alice";
    const std::uint32_t coordinate = there ? 3 : 96;
    const Bytes sealed = sealed_by(there ? pair.alice : pair.bob, coordinate);
    CHECK(sealed.size() == kSealedSharesBytes);
    const auto opened = (there ? pair.bob : pair.alice).open(coordinate, sealed);
    REQUIRE(opened.has_value());
    CHECK(std::ranges::equal(opened->mask_share.expose(), Scalar::of(11).bytes()));
    CHECK(std::ranges::equal(opened->self_share.expose(), Scalar::of(12).bytes()));
    AeadKey key;
    std::ranges::copy(record.array<32>("key"), key.bytes.expose_mutable().begin());
    std::array<std::uint8_t, 64> plaintext;
    REQUIRE(open_sealed(key, record.bytes("associated"), sealed, plaintext).has_value());
    CHECK(plaintext[0] == 11);
    CHECK(plaintext[32] == 12);
    // What one sent cannot be turned back at it.
    CHECK(code_of((there ? pair.alice : pair.bob).open(coordinate, sealed)) == ErrorCode::unauthorized);
  }
}

TEST_CASE("cases 7 and 8: shares for another holder, of another dealer, session or coordinate, or with a flipped bit, do not open") {
  const SessionId session{std::array<std::uint8_t, 32>{5}};
  const Neighbours pair = neighbours(session);
  const Bytes sealed = sealed_by(pair.alice, 3);
  REQUIRE(pair.bob.open(3, sealed).has_value());
  CHECK(code_of(pair.bob.open(4, sealed)) == ErrorCode::unauthorized);
  CHECK(code_of(neighbours(SessionId{}).bob.open(3, sealed)) == ErrorCode::unauthorized);
  SeededRandom random(2);
  const AgreementKey stranger = AgreementKey::generate(random);
  const auto opened_as = [&](std::uint8_t own, const AgreementKey& own_key, std::uint8_t peer, const AgreementPublicKey& peer_key) {
    return code_of(ShareChannel(session, id_of(own), own_key, id_of(peer), peer_key).open(3, sealed));
  };
  CHECK(opened_as(2, bob(), 1, alice().public_key()) == ErrorCode::internal);  // that is, it opens
  CHECK(opened_as(3, bob(), 1, alice().public_key()) == ErrorCode::unauthorized);
  CHECK(opened_as(2, bob(), 3, alice().public_key()) == ErrorCode::unauthorized);
  CHECK(opened_as(2, stranger, 1, alice().public_key()) == ErrorCode::unauthorized);
  CHECK(opened_as(2, bob(), 1, stranger.public_key()) == ErrorCode::unauthorized);
  Bytes changed = sealed;
  changed[40] ^= 1;
  CHECK(code_of(pair.bob.open(3, changed)) == ErrorCode::unauthorized);
}

TEST_CASE("cases 9 and 25: a share that is not canonical, or of the wrong length, is an error") {
  const Neighbours pair = neighbours(SessionId{});
  SeededRandom random(1);
  std::array<std::uint8_t, 32> wide;
  wide.fill(0xff);
  const auto zero = Scalar().bytes();
  CHECK(code_of(pair.bob.open(3, pair.alice.seal(3, wide, zero, random))) == ErrorCode::malformed);
  CHECK(code_of(pair.bob.open(3, pair.alice.seal(3, zero, wide, random))) == ErrorCode::malformed);
  CHECK(pair.bob.open(3, pair.alice.seal(3, zero, zero, random)).has_value());
  const Bytes sealed = sealed_by(pair.alice, 3);
  CHECK(code_of(pair.bob.open(3, ByteSpan(sealed).first(sealed.size() - 1))) == ErrorCode::malformed);
  Bytes longer = sealed;
  longer.push_back(0);
  CHECK(code_of(pair.bob.open(3, longer)) == ErrorCode::malformed);
  CHECK(code_of(pair.bob.open(3, {})) == ErrorCode::malformed);
}

}  // namespace
}  // namespace fedspend
