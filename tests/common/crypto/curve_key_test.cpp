#include "common/crypto/curve_key.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "common/crypto/random.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

static_assert(!std::is_copy_constructible_v<CurveKeyPair>);

TEST_CASE("RFC 7748 sections 5.2 and 6.1: the public key of a secret") {
  const auto records = tests::read_vectors("x25519_rfc7748.txt");
  CHECK(records.size() == 3);
  for (const auto& record : records) {
    CAPTURE(record.text("name"));
    SecretBytes<32> secret;
    std::ranges::copy(record.array<32>("secret"), secret.expose_mutable().begin());
    const CurveKeyPair pair = CurveKeyPair::from_secret(std::move(secret));
    CHECK(to_hex(pair.public_key.bytes) == record.text("public"));
    CHECK(to_hex(pair.secret_key.expose()) == record.text("secret"));
  }
}

TEST_CASE("a generated pair takes its secret from the source and holds together") {
  SeededRandom random(5);
  SeededRandom same(5);
  std::array<std::uint8_t, 32> expected;
  same.fill(expected);
  CurveKeyPair pair = CurveKeyPair::generate(random);
  CHECK(std::ranges::equal(pair.secret_key.expose(), expected));
  const CurvePublicKey public_key = pair.public_key;
  CHECK(CurveKeyPair::from_secret(std::move(pair.secret_key)).public_key == public_key);
  CHECK(CurveKeyPair::generate(random).public_key != public_key);
}

}  // namespace
}  // namespace fedspend
