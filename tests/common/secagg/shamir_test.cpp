#include "common/secagg/shamir.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "common/crypto/random.h"
#include "common/crypto/scalar_field.h"
#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

using Places = std::vector<std::uint32_t>;

struct Size {
  std::uint32_t count;
  std::uint32_t threshold;
};

Places all_places(std::uint32_t count) {
  Places places(count);
  std::iota(places.begin(), places.end(), 1U);
  return places;
}

ScalarRows at(const ScalarRows& shares, const Places& places) {
  ScalarRows rows(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) rows.set(i, shares.get(places[i] - 1));
  return rows;
}

// `count` of 1 ... of, rising.
Places some_places(RandomSource& random, std::uint32_t of, std::size_t count) {
  Places places = all_places(of);
  for (std::size_t i = 0; i < count; ++i) std::swap(places[i], places[i + random.below(of - i)]);
  places.resize(count);
  std::ranges::sort(places);
  return places;
}

bool same(const SecretScalar& a, const SecretScalar& b) { return std::ranges::equal(a.expose(), b.expose()); }

// Lagrange at zero as the textbook has it.
SecretScalar textbook(const Places& places, const ScalarRows& shares) {
  Scalar sum;
  for (std::size_t j = 0; j < places.size(); ++j) {
    Scalar weight = Scalar::of(1);
    for (std::size_t l = 0; l < places.size(); ++l)
      if (l != j) weight = weight * Scalar::of(places[l]) * (Scalar::of(places[l]) - Scalar::of(places[j])).inverse();
    sum = sum + weight * *Scalar::parse(shares.expose(j));
  }
  return SecretScalar::of(sum);
}

void corrupt(ScalarRows& shares, std::size_t row, RandomSource& random) { shares.set(row, SecretScalar::random(random)); }

TEST_CASE("shares are the values of the polynomial that an independent computation gives, and give the secret back") {
  const auto records = tests::read_vectors("shamir.txt");
  CHECK(records.size() == 6);
  for (const auto& record : records) {
    const Bytes coefficients = record.bytes("coefficients");
    const auto threshold = static_cast<std::uint32_t>(std::stoul(record.text("threshold")));
    CAPTURE(threshold);
    REQUIRE(coefficients.size() == 32 * threshold);
    for (const std::string& line : record.all("share")) {
      std::array<std::uint8_t, 32> value;
      scalar_field::polynomial_at(value, coefficients.data(), threshold, static_cast<std::uint32_t>(std::stoul(line)));
      CHECK(to_hex(value) == line.substr(line.find(' ') + 1));
    }
  }
}

// The bytes behind the random coefficients, so that deal_shares() itself is held against the polynomial it should be.
TEST_CASE("dealing takes 64 random bytes a coefficient, and shares it at 1, 2, 3 ...") {
  SeededRandom random(3);
  SeededRandom same_random(3);
  const SecretScalar secret = SecretScalar::of(Scalar::of(42));
  const ScalarRows shares = deal_shares(secret, 5, 9, random);
  REQUIRE(shares.size() == 9);
  ScalarRows coefficients(5);
  coefficients.set(0, secret);
  for (std::size_t i = 1; i < 5; ++i) {
    std::array<std::uint8_t, 64> wide;
    same_random.fill(wide);
    scalar_field::reduce(coefficients.expose_mutable(i), wide);
  }
  for (std::uint32_t x = 1; x <= 9; ++x) {
    Scalar value;
    for (std::size_t i = 5; i-- > 0;) value = value * Scalar::of(x) + *Scalar::parse(coefficients.expose(i));
    CHECK(std::ranges::equal(shares.expose(x - 1), value.bytes()));
  }
}

TEST_CASE("any t shares or more give the secret, as the textbook's formula does") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const auto count = *rc::gen::inRange<std::uint32_t>(1, 40);
    const auto threshold = *rc::gen::inRange<std::uint32_t>(1, count + 1);
    const auto present = *rc::gen::inRange<std::uint32_t>(threshold, count + 1);
    const SecretScalar secret = SecretScalar::random(random);
    const ScalarRows shares = deal_shares(secret, threshold, count, random);
    const Places places = some_places(random, count, present);
    ShareCombiner combiner(count, threshold);
    const auto combined = combiner.combine(places, at(shares, places));
    RC_ASSERT(combined.has_value());
    RC_ASSERT(same(*combined, secret));
    RC_ASSERT(same(textbook(places, at(shares, places)), secret));
  }));
}

TEST_CASE("the sizes of the table: all shares, the tolerated part missing, and exactly t") {
  SeededRandom random(4);
  for (const Size& size : {Size{96, 67}, Size{398, 223}, Size{746, 420}, Size{63, 35}}) {
    const auto [count, threshold] = size;
    CAPTURE(size.count);
    const SecretScalar secret = SecretScalar::random(random);
    const ScalarRows shares = deal_shares(secret, threshold, count, random);
    ShareCombiner combiner(count, threshold);
    for (const std::uint32_t present : {count, count - 1, count - count / 10, threshold}) {
      const Places places = some_places(random, count, present);
      CHECK(same(*combiner.combine(places, at(shares, places)), secret));
    }
  }
}

TEST_CASE("combining is linear, not only right on polynomials: wrong shares give what the textbook's formula gives") {
  SeededRandom random(5);
  ShareCombiner combiner(30, 3);
  for (int i = 0; i < 20; ++i) {
    const Places places = some_places(random, 30, 3 + random.below(28));
    ScalarRows noise(places.size());
    for (std::size_t j = 0; j < places.size(); ++j) corrupt(noise, j, random);
    CHECK(same(*combiner.combine(places, noise), textbook(places, noise)));
  }
}

TEST_CASE("weights that were kept for one set of places do not serve another") {
  SeededRandom random(6);
  ShareCombiner combiner(12, 4);
  const SecretScalar secret = SecretScalar::random(random);
  const ScalarRows shares = deal_shares(secret, 4, 12, random);
  // More sets than are kept, twice over.
  std::vector<Places> sets;
  for (int i = 0; i < 400; ++i) sets.push_back(some_places(random, 12, 4 + random.below(9)));
  for (int round = 0; round < 2; ++round)
    for (const Places& places : sets) CHECK(same(*combiner.combine(places, at(shares, places)), secret));
}

TEST_CASE("case 10: fewer than t shares are refused, by both ways") {
  SeededRandom random(7);
  const ScalarRows shares = deal_shares(SecretScalar::random(random), 5, 10, random);
  ShareCombiner combiner(10, 5);
  const Places places{1, 2, 3, 9};
  const auto combined = combiner.combine(places, at(shares, places));
  REQUIRE_FALSE(combined.has_value());
  CHECK(combined.error().code == ErrorCode::refused);
  CHECK(combined.error().message == "secret sharing: 4 shares, 5 needed");
  CHECK_FALSE(combiner.correct(places, at(shares, places)).has_value());
  CHECK_FALSE(combiner.combine({}, ScalarRows(0)).has_value());
}

TEST_CASE("t - 1 shares fit every secret") {
  // Whatever they are, some polynomial of degree below t takes a chosen value at 0 and these values at their places.
  SeededRandom random(8);
  const ScalarRows shares = deal_shares(SecretScalar::random(random), 4, 8, random);
  for (int i = 0; i < 10; ++i) {
    const SecretScalar other = SecretScalar::random(random);
    // The share at 8 that would make the secret `other`: solved from the combination, which is linear in it.
    const Places places{2, 5, 6, 8};
    ScalarRows rows = at(shares, places);
    ShareCombiner combiner(8, 4);
    rows.set(3, SecretScalar());
    const Scalar without = *Scalar::parse(combiner.combine(places, rows)->expose());
    rows.set(3, SecretScalar::of(Scalar::of(1)));
    const Scalar slope = *Scalar::parse(combiner.combine(places, rows)->expose()) - without;
    rows.set(3, SecretScalar::of((*Scalar::parse(other.expose()) - without) * slope.inverse()));
    CHECK(same(*combiner.combine(places, rows), other));
  }
}

TEST_CASE("shares of one secret differ between dealings, and a share alone is not the secret") {
  SeededRandom random(9);
  const SecretScalar secret = SecretScalar::random(random);
  const ScalarRows first = deal_shares(secret, 3, 6, random);
  const ScalarRows second = deal_shares(secret, 3, 6, random);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK_FALSE(same(first.get(i), second.get(i)));
    CHECK_FALSE(same(first.get(i), secret));
  }
}

TEST_CASE("case 24: up to (m - t) / 2 wrong shares are corrected and named, and never is a wrong secret given out") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const auto count = *rc::gen::inRange<std::uint32_t>(1, 30);
    const auto threshold = *rc::gen::inRange<std::uint32_t>(1, count + 1);
    const auto present = *rc::gen::inRange<std::uint32_t>(threshold, count + 1);
    const auto wrong = *rc::gen::inRange<std::uint32_t>(0, (present - threshold) / 2 + 1);
    const SecretScalar secret = SecretScalar::random(random);
    const Places places = some_places(random, count, present);
    ScalarRows shares = at(deal_shares(secret, threshold, count, random), places);
    Places expected;
    for (const std::uint32_t row : some_places(random, present, wrong)) {
      corrupt(shares, row - 1, random);
      expected.push_back(places[row - 1]);
    }
    const auto corrected = ShareCombiner(count, threshold).correct(places, shares);
    RC_ASSERT(corrected.has_value());
    RC_ASSERT(same(corrected->secret, secret));
    RC_ASSERT(corrected->wrong == expected);
  }));
}

TEST_CASE("case 24: one wrong share more than can be corrected is refused") {
  SeededRandom random(10);
  for (const Size& size : {Size{12, 6}, Size{13, 6}, Size{32, 22}, Size{96, 67}, Size{5, 5}}) {
    const auto [count, threshold] = size;
    CAPTURE(size.count);
    ShareCombiner combiner(count, threshold);
    const Places places = all_places(count);
    ScalarRows shares = deal_shares(SecretScalar::random(random), threshold, count, random);
    const std::uint32_t most = (count - threshold) / 2;
    for (std::uint32_t i = 0; i < most; ++i) corrupt(shares, 2 * i, random);
    CHECK(combiner.correct(places, shares).has_value());
    corrupt(shares, 2 * most, random);
    const auto refused = combiner.correct(places, shares);
    // With m = t every set of values is on a polynomial: there the check against R or K alone can tell.
    CHECK(refused.has_value() == (size.count == size.threshold));
    if (!refused) CHECK(refused.error().message == "secret sharing: more shares are wrong than can be corrected");
  }
}

TEST_CASE("a dealer that shared with too high a degree is refused, although all its shares lie on one polynomial") {
  SeededRandom random(14);
  for (const std::uint32_t degree_above : {1U, 2U, 5U}) {
    const ScalarRows shares = deal_shares(SecretScalar::random(random), 6 + degree_above, 20, random);
    CHECK_FALSE(ShareCombiner(20, 6).correct(all_places(20), shares).has_value());
  }
}

TEST_CASE("wrong shares that lie on a polynomial of their own are corrected as well") {
  SeededRandom random(11);
  const SecretScalar secret = SecretScalar::random(random);
  ScalarRows shares = deal_shares(secret, 4, 14, random);
  const ScalarRows other = deal_shares(SecretScalar::random(random), 4, 14, random);
  for (const std::size_t row : {0U, 3U, 4U, 9U, 13U}) shares.set(row, other.get(row));
  const auto corrected = ShareCombiner(14, 4).correct(all_places(14), shares);
  REQUIRE(corrected.has_value());
  CHECK(same(corrected->secret, secret));
  CHECK(corrected->wrong == Places{1, 4, 5, 10, 14});
}

TEST_CASE("the secret 0, shares of 0 and errors of 0 are corrected like any others") {
  SeededRandom random(12);
  ShareCombiner combiner(9, 3);
  const auto nothing = combiner.correct(all_places(9), ScalarRows(9));
  REQUIRE(nothing.has_value());
  CHECK(nothing->secret.is_zero());
  CHECK(nothing->wrong.empty());
  ScalarRows zeros(9);
  corrupt(zeros, 4, random);
  corrupt(zeros, 8, random);
  const auto corrected = combiner.correct(all_places(9), zeros);
  REQUIRE(corrected.has_value());
  CHECK(corrected->secret.is_zero());
  CHECK(corrected->wrong == Places{5, 9});
  ScalarRows shares = deal_shares(SecretScalar(), 3, 9, random);
  shares.set(2, SecretScalar());
  CHECK(combiner.correct(all_places(9), shares)->wrong == Places{3});
}

TEST_CASE("the table of inverses holds inverses") {
  const SmallInverses inverses(1000);
  for (std::uint32_t i = 1; i <= 1000; ++i) CHECK(inverses.of(i) * Scalar::of(i) == Scalar::of(1));
  CHECK(tests::aborts([&] { (void)inverses.of(0); }));
  CHECK(tests::aborts([&] { (void)inverses.of(1001); }));
}

TEST_CASE("sizes and places that make no sense are a programmer's mistake") {
  SeededRandom random(13);
  const SecretScalar secret = SecretScalar::random(random);
  CHECK(tests::aborts([&] { deal_shares(secret, 0, 3, random); }));
  CHECK(tests::aborts([&] { deal_shares(secret, 4, 3, random); }));
  CHECK(tests::aborts([&] { deal_shares(secret, 4, kMaxShares + 1, random); }));
  CHECK(tests::aborts([] { ShareCombiner(3, 4); }));
  CHECK(tests::aborts([] { ShareCombiner(0xffffffff, 4); }));
  ShareCombiner combiner(5, 2);
  CHECK(tests::aborts([&] { (void)combiner.combine(Places{1, 2, 3}, ScalarRows(2)); }));
  CHECK(tests::aborts([&] { (void)combiner.combine(Places{2, 1}, ScalarRows(2)); }));
  CHECK(tests::aborts([&] { (void)combiner.combine(Places{1, 1}, ScalarRows(2)); }));
  CHECK(tests::aborts([&] { (void)combiner.combine(Places{0, 1}, ScalarRows(2)); }));
  CHECK(tests::aborts([&] { (void)combiner.combine(Places{1, 6}, ScalarRows(2)); }));
}

}  // namespace
}  // namespace fedspend
