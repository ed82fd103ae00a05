#include "common/crypto/ristretto.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <type_traits>

#include "common/crypto/random.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

static_assert(!std::is_default_constructible_v<RistrettoPoint>, "a point has been parsed or computed");

TEST_CASE("RFC 9496 appendix A.1: the multiples of the generator") {
  unsigned good = 0;
  for (const auto& record : tests::read_vectors("ristretto255_rfc9496.txt")) {
    if (record.has("bad")) continue;
    CAPTURE(record.text("multiple"));
    const std::uint64_t multiple = std::stoull(record.text("multiple"));
    const auto point = RistrettoPoint::base_times(SecretScalar::of(Scalar::of(multiple)));
    REQUIRE(point.has_value());
    CHECK(to_hex(point->bytes()) == record.text("point"));
    const auto parsed = RistrettoPoint::parse(record.bytes("point"));
    REQUIRE(parsed.has_value());
    CHECK(*parsed == *point);
    ++good;
  }
  CHECK(good == 15);
}

TEST_CASE("RFC 9496 appendix A.1 by Diffie-Hellman: 3 times the multiple 5 is the multiple 15") {
  const auto records = tests::read_vectors("ristretto255_rfc9496.txt");
  const auto five = RistrettoPoint::parse(records[4].bytes("point"));
  const auto shared = diffie_hellman(SecretScalar::of(Scalar::of(3)), *five);
  REQUIRE(shared.has_value());
  CHECK(to_hex(shared->expose()) == records[14].text("point"));
}

TEST_CASE("cases 21 and 22, RFC 9496 appendix A.2: bad encodings and the identity are refused") {
  unsigned bad = 0;
  for (const auto& record : tests::read_vectors("ristretto255_rfc9496.txt")) {
    if (!record.has("bad")) continue;
    CAPTURE(record.text("bad"));
    CAPTURE(record.text("point"));
    const auto point = RistrettoPoint::parse(record.bytes("point"));
    REQUIRE_FALSE(point.has_value());
    CHECK(point.error().code == ErrorCode::malformed);
    ++bad;
  }
  CHECK(bad == 33);
}

TEST_CASE("the scalar 0 has no public key and agrees on nothing") {
  CHECK_FALSE(RistrettoPoint::base_times(SecretScalar()).has_value());
  const auto base = RistrettoPoint::base_times(SecretScalar::of(Scalar::of(1)));
  CHECK_FALSE(diffie_hellman(SecretScalar(), *base).has_value());
}

TEST_CASE("both sides agree, and a secret is checked against its point") {
  SeededRandom random(1);
  for (int i = 0; i < 20; ++i) {
    const SecretScalar a = SecretScalar::random(random);
    const SecretScalar b = SecretScalar::random(random);
    const auto point_a = RistrettoPoint::base_times(a);
    const auto point_b = RistrettoPoint::base_times(b);
    REQUIRE((point_a && point_b));
    CHECK(*point_a != *point_b);
    CHECK(std::ranges::equal(diffie_hellman(a, *point_b)->expose(), diffie_hellman(b, *point_a)->expose()));
  }
}

}  // namespace
}  // namespace fedspend
