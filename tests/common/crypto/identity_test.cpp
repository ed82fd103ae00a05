#include "common/crypto/identity.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string_view>
#include <type_traits>

#include "common/crypto/random.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

using tests::read_vectors;
using tests::VectorRecord;

static_assert(!std::is_copy_constructible_v<IdentityKey> && !std::is_copy_assignable_v<IdentityKey>);
static_assert(!std::is_default_constructible_v<IdentityKey>);

IdentityKey key_from(const std::array<std::uint8_t, 32>& seed_bytes) {
  SecretBytes<32> seed;
  std::ranges::copy(seed_bytes, seed.expose_mutable().begin());
  return IdentityKey::from_seed(seed);
}

template <std::size_t Size>
std::array<std::uint8_t, Size> array_of(std::string_view hex) {
  std::array<std::uint8_t, Size> bytes;
  REQUIRE(from_hex(hex, bytes));
  return bytes;
}

TEST_CASE("RFC 8032 section 7.1: public keys and signatures") {
  const auto records = read_vectors("ed25519_rfc8032.txt");
  CHECK(records.size() == 4);
  for (const VectorRecord& record : records) {
    const IdentityKey key = key_from(record.array<32>("seed"));
    const Bytes message = record.bytes("message");
    CHECK(to_hex(key.public_key().bytes) == record.text("public"));
    CHECK(to_hex(key.sign(message)) == record.text("signature"));
    CHECK(verify(key.public_key(), message, record.array<64>("signature")));
  }
}

TEST_CASE("a signature fails with one bit changed in the message, in the signature or in the key") {
  CHECK(rc::check([](std::uint64_t seed, Bytes message) {
    message.push_back(0);
    SeededRandom random(seed);
    const IdentityKey key = IdentityKey::generate(random);
    const Signature signature = key.sign(message);
    RC_ASSERT(verify(key.public_key(), message, signature));

    Bytes other_message = message;
    const std::size_t message_bit = *rc::gen::inRange<std::size_t>(0, 8 * message.size());
    other_message[message_bit / 8] ^= static_cast<std::uint8_t>(1 << (message_bit % 8));
    RC_ASSERT(!verify(key.public_key(), other_message, signature));

    Signature other_signature = signature;
    const std::size_t signature_bit = *rc::gen::inRange<std::size_t>(0, 8 * signature.size());
    other_signature[signature_bit / 8] ^= static_cast<std::uint8_t>(1 << (signature_bit % 8));
    RC_ASSERT(!verify(key.public_key(), message, other_signature));

    IdentityPublicKey other_key = key.public_key();
    const std::size_t key_bit = *rc::gen::inRange<std::size_t>(0, 256);
    other_key.bytes[key_bit / 8] ^= static_cast<std::uint8_t>(1 << (key_bit % 8));
    RC_ASSERT(!verify(other_key, message, signature));
  }));
}

// RFC 8032 section 5.1.7: S must be below the group order L; S + L satisfies the same equation and must not verify.
TEST_CASE("a signature whose S has the group order added is refused") {
  const auto order = array_of<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  for (const VectorRecord& record : read_vectors("ed25519_rfc8032.txt")) {
    Signature signature = record.array<64>("signature");
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      carry += unsigned{signature[32 + i]} + order[i];
      signature[32 + i] = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    REQUIRE(carry == 0);
    CHECK_FALSE(verify(IdentityPublicKey{record.array<32>("public")}, record.bytes("message"), signature));
  }
}

// The eight points of small order of edwards25519, and the encodings of them that are not canonical (y >= p, or the sign of
// x = 0 set). For such a key A the equation S B = R + h A holds for chosen S and R: always for the neutral element, for every
// second h with order 2, and so on. A verifier without the check accepts some of these forgeries over 64 messages.
TEST_CASE("no signature verifies under a key of small order or one that is not canonical") {
  constexpr std::string_view keys[] = {
      "0100000000000000000000000000000000000000000000000000000000000000",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "0100000000000000000000000000000000000000000000000000000000000080",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  };
  // R = B (the base point) with S = 1, and R = the neutral element with S = 0.
  constexpr std::string_view forgeries[] = {
      "5866666666666666666666666666666666666666666666666666666666666666"
      "0100000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000"
      "0000000000000000000000000000000000000000000000000000000000000000",
  };
  for (const std::string_view key : keys)
    for (const std::string_view forgery : forgeries)
      for (std::uint8_t message = 0; message < 64; ++message)
        CHECK_FALSE(verify(IdentityPublicKey{array_of<32>(key)}, ByteSpan(&message, 1), array_of<64>(forgery)));
}

TEST_CASE("a key that is not canonical or not on the curve is refused with any signature") {
  // y = p + 2 ... p + 18, of both signs; and y = 2, which is on no point of the curve.
  Signature signature = read_vectors("ed25519_rfc8032.txt").front().array<64>("signature");
  for (unsigned above = 2; above <= 18; ++above) {
    for (const std::uint8_t last : {std::uint8_t{0x7f}, std::uint8_t{0xff}}) {
      IdentityPublicKey key;
      key.bytes.fill(0xff);
      key.bytes.front() = static_cast<std::uint8_t>(0xed + above);
      key.bytes.back() = last;
      CHECK_FALSE(verify(key, {}, signature));
    }
  }
  IdentityPublicKey nowhere;
  nowhere.bytes.front() = 2;
  CHECK_FALSE(verify(nowhere, {}, signature));
}

TEST_CASE("a key comes back from its seed, and keys of different randomness differ") {
  SeededRandom random(1);
  const IdentityKey first = IdentityKey::generate(random);
  const IdentityKey second = IdentityKey::generate(random);
  CHECK(first.public_key() != second.public_key());
  const IdentityKey again = IdentityKey::from_seed(first.seed());
  CHECK(again.public_key() == first.public_key());
  CHECK(again.sign(as_bytes("x")) == first.sign(as_bytes("x")));
}

// Digest: hash_framing.txt, label "id" over the bytes 0 ... 31.
TEST_CASE("a client id is H of the identity key") {
  IdentityPublicKey key;
  for (std::size_t i = 0; i < 32; ++i) key.bytes[i] = static_cast<std::uint8_t>(i);
  std::string expected;
  for (const VectorRecord& record : read_vectors("hash_framing.txt"))
    if (record.text("label") == "id") expected = record.text("digest");
  CHECK(client_id_of(key).hex() == expected);
}

}  // namespace
}  // namespace fedspend
