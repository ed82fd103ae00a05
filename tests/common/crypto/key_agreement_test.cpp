#include "common/crypto/key_agreement.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "common/crypto/random.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

static_assert(!std::is_copy_constructible_v<AgreementKey>);
static_assert(!std::is_default_constructible_v<AgreementPublicKey>, "a public key has been parsed");

AgreementKey key_of(const std::array<std::uint8_t, 32>& scalar) {
  SecretBytes<32> secret;
  std::ranges::copy(scalar, secret.expose_mutable().begin());
  return AgreementKey::from_secret(std::move(secret));
}

TEST_CASE("RFC 7748 sections 5.2 and 6.1: two keys agree on the published secret") {
  unsigned good = 0;
  for (const auto& record : tests::read_vectors("x25519_agreement.txt")) {
    if (record.has("bad")) continue;
    CAPTURE(record.text("name"));
    const auto peer = AgreementPublicKey::parse(record.bytes("u"));
    REQUIRE(peer.has_value());
    CHECK(to_hex(key_of(record.array<32>("scalar")).agree(*peer).expose()) == record.text("shared"));
    ++good;
  }
  CHECK(good == 4);
}

// k, u = 9; then 1,000 times: k, u = X25519(k, u), k.
TEST_CASE("RFC 7748 section 5.2: the iteration, 1 and 1,000 times") {
  std::array<std::uint8_t, 32> k{9};
  std::array<std::uint8_t, 32> u{9};
  for (int round = 1; round <= 1000; ++round) {
    u.back() &= 0x7f;  // as that section says that a receiver does
    const auto peer = AgreementPublicKey::parse(u);
    REQUIRE(peer.has_value());
    const SecretBytes<32> shared = key_of(k).agree(*peer);
    u = k;
    std::ranges::copy(shared.expose(), k.begin());
    if (round == 1) CHECK(to_hex(k) == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  }
  CHECK(to_hex(k) == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_CASE("case 23: a key of low order, with u >= p or with bit 255 is refused") {
  unsigned bad = 0;
  for (const auto& record : tests::read_vectors("x25519_agreement.txt")) {
    if (!record.has("bad")) continue;
    CAPTURE(record.text("bad"));
    const auto key = AgreementPublicKey::parse(record.bytes("u"));
    REQUIRE_FALSE(key.has_value());
    CHECK(key.error().code == ErrorCode::malformed);
    ++bad;
  }
  CHECK(bad == 15);
}

TEST_CASE("every number from p to 2^255 - 1 is refused, and the one below p - 1 is not") {
  std::array<std::uint8_t, 32> u;
  u.fill(0xff);
  u.back() = 0x7f;
  for (unsigned low = 0xed; low <= 0xff; ++low) {
    u.front() = static_cast<std::uint8_t>(low);
    CHECK_FALSE(AgreementPublicKey::parse(u).has_value());
  }
  u.front() = 0xeb;
  CHECK(AgreementPublicKey::parse(u).has_value());
}

TEST_CASE("two generated keys agree, a third does not, and a public key goes over the wire") {
  SeededRandom random(1);
  const AgreementKey a = AgreementKey::generate(random);
  const AgreementKey b = AgreementKey::generate(random);
  const AgreementKey c = AgreementKey::generate(random);
  const auto sent = AgreementPublicKey::parse(a.public_key().bytes());
  REQUIRE(sent.has_value());
  CHECK(*sent == a.public_key());
  CHECK(std::ranges::equal(a.agree(b.public_key()).expose(), b.agree(*sent).expose()));
  CHECK_FALSE(std::ranges::equal(a.agree(b.public_key()).expose(), a.agree(c.public_key()).expose()));
}

}  // namespace
}  // namespace fedspend
