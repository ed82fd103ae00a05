#include "common/crypto/identity_signer.h"

#include <doctest/doctest.h>

#include "common/crypto/random.h"

namespace fedspend {
namespace {

TEST_CASE("a key in memory signs as it always did") {
  SeededRandom random(1);
  IdentityKey key = IdentityKey::generate(random);
  const IdentityPublicKey public_key = key.public_key();
  const Signature expected = key.sign(as_bytes("message"));
  KeySigner signer(std::move(key));
  CHECK(signer.public_key() == public_key);
  CHECK(signer.sign(as_bytes("message")).value() == expected);
}

TEST_CASE("a signature from elsewhere is given out only if it holds under the key and over the message") {
  SeededRandom random(1);
  const IdentityKey key = IdentityKey::generate(random), other = IdentityKey::generate(random);
  Result<Signature> next = key.sign(as_bytes("message"));
  ForeignSigner signer(key.public_key(), [&](ByteSpan) { return next; });
  CHECK(signer.sign(as_bytes("message")).value() == key.sign(as_bytes("message")));
  ErrorCode expected = ErrorCode::unauthorized;
  SUBCASE("another key's") { next = other.sign(as_bytes("message")); }
  SUBCASE("of another message") { next = key.sign(as_bytes("massage")); }
  SUBCASE("with one bit flipped") { (*next)[40] ^= 1; }
  SUBCASE("all zero") { next = Signature{}; }
  SUBCASE("none: the hardware is locked") {
    next = fail(ErrorCode::unavailable, "locked");
    expected = ErrorCode::unavailable;
  }
  const Result<Signature> refused = signer.sign(as_bytes("message"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == expected);
}

}  // namespace
}  // namespace fedspend
