#include "common/crypto/scalar.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <memory>
#include <ostream>
#include <type_traits>
#include <utility>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
template <class T>
concept Comparable = requires(const T& a, const T& b) { a == b; };

static_assert(!std::is_copy_constructible_v<SecretScalar> && !std::is_copy_assignable_v<SecretScalar>);
static_assert(!std::is_copy_constructible_v<ScalarRows> && !std::is_copy_assignable_v<ScalarRows>);
static_assert(!Printable<SecretScalar> && !Printable<ScalarRows>, "a secret is not printed by accident");
static_assert(!Comparable<SecretScalar>, "a secret is not compared in variable time by accident");

Scalar random_scalar(RandomSource& random) { return *Scalar::parse(SecretScalar::random(random).expose()); }

TEST_CASE("canonical scalars are taken as they are, others refused (case 9)") {
  unsigned good = 0;
  unsigned bad = 0;
  for (const auto& record : tests::read_vectors("ristretto255_scalars.txt")) {
    const Bytes bytes = record.bytes("scalar");
    const auto open = Scalar::parse(bytes);
    const auto secret = SecretScalar::parse(bytes);
    ScalarRows rows(2);
    rows.set(1, SecretScalar::of(Scalar::of(7)));
    const auto row = rows.parse(1, bytes);
    if (record.has("bad")) {
      CAPTURE(record.text("bad"));
      REQUIRE_FALSE(open.has_value());
      CHECK(open.error().code == ErrorCode::malformed);
      CHECK_FALSE(secret.has_value());
      CHECK_FALSE(row.has_value());
      CHECK(std::ranges::equal(rows.expose(1), Scalar::of(7).bytes()));
      ++bad;
    } else {
      CAPTURE(record.text("name"));
      REQUIRE(open.has_value());
      CHECK(std::ranges::equal(open->bytes(), bytes));
      REQUIRE(secret.has_value());
      CHECK(std::ranges::equal(secret->expose(), bytes));
      REQUIRE(row.has_value());
      CHECK(std::ranges::equal(rows.expose(1), bytes));
      CHECK(std::ranges::equal(rows.expose(0), Scalar().bytes()));
      ++good;
    }
  }
  CHECK(good == 4);
  CHECK(bad == 11);
}

// The order as it is written, most significant byte first.
TEST_CASE("a scalar is canonical if and only if it is below the order of the group") {
  std::array<std::uint8_t, 32> order{};
  REQUIRE(from_hex("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", order).has_value());
  const auto agrees = [&](const std::array<std::uint8_t, 32>& most_significant_first) {
    Bytes bytes(most_significant_first.rbegin(), most_significant_first.rend());
    return Scalar::parse(bytes).has_value() == std::ranges::lexicographical_compare(most_significant_first, order);
  };
  CHECK(rc::check([&](std::array<std::uint8_t, 32> bytes) {
    RC_ASSERT(agrees(bytes));
    bytes[0] = 0x10;  // where it is decided by what follows
    RC_ASSERT(agrees(bytes));
  }));
  // Next to the order: one byte of it changed, by one or by chance.
  CHECK(rc::check([&] {
    std::array<std::uint8_t, 32> bytes = order;
    const auto at = *rc::gen::inRange<std::size_t>(0, 32);
    bytes[at] = static_cast<std::uint8_t>(bytes[at] + *rc::gen::element(1, 255, 2, 127));
    RC_ASSERT(agrees(bytes));
  }));
  CHECK(agrees(order));
}

TEST_CASE("an error about a scalar does not show it") {
  const auto refused = SecretScalar::parse(Bytes(32, 0xab));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("ab") == std::string::npos);
}

TEST_CASE("scalars are a field") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const Scalar a = random_scalar(random);
    const Scalar b = random_scalar(random);
    const Scalar c = random_scalar(random);
    RC_ASSERT(a + b == b + a);
    RC_ASSERT((a + b) - b == a);
    RC_ASSERT((a - b) + (b - a) == Scalar());
    RC_ASSERT((a + b) * c == a * c + b * c);
    RC_ASSERT(a * a.inverse() == Scalar::of(1));
    RC_ASSERT(SecretScalar::of(a).copy().expose().front() == a.bytes().front());
    RC_ASSERT(*Scalar::parse((SecretScalar::of(a) * b).expose()) == a * b);
  }));
  CHECK(tests::aborts([] { (void)Scalar().inverse(); }));
}

TEST_CASE("a product of small factors is the product one by one") {
  CHECK(rc::check([](std::uint64_t seed, const std::vector<std::uint32_t>& factors) {
    SeededRandom random(seed);
    const Scalar start = random_scalar(random);
    Scalar expected = start;
    for (const std::uint32_t factor : factors) expected = expected * Scalar::of(factor);
    RC_ASSERT(start.times(factors) == expected);
  }));
  const Scalar start = *Scalar::parse(tests::read_vectors("ristretto255_scalars.txt")[3].bytes("scalar"));  // L - 1
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{9}, std::size_t{100}}) {
    Scalar expected = start;
    for (std::size_t i = 0; i < count; ++i) expected = expected * Scalar::of(0xffffffff);
    CHECK(start.times(std::vector<std::uint32_t>(count, 0xffffffff)) == expected);
  }
}

TEST_CASE("random scalars come from the source, are canonical and differ") {
  SeededRandom random(1);
  SeededRandom same(1);
  const SecretScalar first = SecretScalar::random(random);
  CHECK(std::ranges::equal(first.expose(), SecretScalar::random(same).expose()));
  CHECK_FALSE(std::ranges::equal(first.expose(), SecretScalar::random(random).expose()));
  for (int i = 0; i < 200; ++i) CHECK(SecretScalar::parse(SecretScalar::random(random).expose()).has_value());
}

// The source first gives 64 bytes that are 0 modulo the order.
TEST_CASE("a random scalar is never 0") {
  struct ZerosFirst final : RandomSource {
    int calls = 0;
    void fill(MutableByteSpan out) override { std::ranges::fill(out, static_cast<std::uint8_t>(calls++ == 0 ? 0 : 5)); }
  } random;
  CHECK_FALSE(SecretScalar::random(random).is_zero());
  CHECK(random.calls == 2);
}

TEST_CASE("the rows of destroyed scalars are zeros") {
  // The memory is handed back to the allocator, so what wipe() leaves is looked at through a copy that is made to move its rows.
  ScalarRows rows(3);
  rows.set(0, SecretScalar::of(Scalar::of(1)));
  rows.set(2, SecretScalar::of(Scalar::of(3)));
  ScalarRows moved(std::move(rows));
  CHECK(rows.size() == 0);  // NOLINT(bugprone-use-after-move): this is what is tested
  CHECK(moved.size() == 3);
  CHECK(std::ranges::equal(moved.get(2).expose(), Scalar::of(3).bytes()));
  CHECK(tests::aborts([&] { (void)moved.expose(3); }));
}

TEST_CASE("rows that are shortened keep the first, and no longer have the others") {
  ScalarRows rows(3);
  for (std::size_t i = 0; i < 3; ++i) rows.set(i, SecretScalar::of(Scalar::of(i + 1)));
  rows.shorten(2);
  CHECK(rows.size() == 2);
  CHECK(std::ranges::equal(rows.expose(0), Scalar::of(1).bytes()));
  CHECK(std::ranges::equal(rows.expose(1), Scalar::of(2).bytes()));
  CHECK(std::ranges::count(std::span(rows.expose_all() + 64, 32), std::uint8_t{0}) == 32);  // still the rows' memory: it does not shrink
  CHECK(tests::aborts([&] { (void)rows.expose(2); }));
  CHECK(tests::aborts([&] { rows.shorten(3); }));
  rows.shorten(0);
  CHECK(rows.size() == 0);
}

TEST_CASE("a destroyed secret scalar leaves only zeros in its memory") {
  alignas(SecretScalar) std::array<std::uint8_t, sizeof(SecretScalar)> memory;
  auto* secret = new (memory.data()) SecretScalar(SecretScalar::of(Scalar::of(0xa7a7a7a7a7a7a7a7)));
  CHECK(std::ranges::count(memory, std::uint8_t{0xa7}) == 8);
  std::destroy_at(secret);
  CHECK(std::ranges::count(memory, std::uint8_t{0}) == static_cast<std::ptrdiff_t>(memory.size()));
}

}  // namespace
}  // namespace fedspend
