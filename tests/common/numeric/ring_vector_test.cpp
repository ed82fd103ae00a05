#include "common/numeric/ring_vector.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>

#include "common/crypto/random.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

constexpr unsigned kWidest = 32;

std::uint32_t mask_of(unsigned bits) { return bits == 32 ? 0xffffffff : (std::uint32_t{1} << bits) - 1; }

RingVector random_vector(RandomSource& random, std::size_t count, unsigned bits) {
  RingVector vector(count, bits);
  for (std::uint32_t& value : vector.mutable_values()) value = static_cast<std::uint32_t>(random.next_u64()) & mask_of(bits);
  return vector;
}

RingVector vector_of(const std::vector<std::uint32_t>& values, unsigned bits) {
  RingVector vector(values.size(), bits);
  std::ranges::copy(values, vector.mutable_values().begin());
  return vector;
}

// The packed form bit by bit, as the header says it: bit k of value i is bit i * bits + k of the bytes.
Bytes packed_bit_by_bit(const RingVector& vector) {
  Bytes bytes((vector.size() * vector.bits() + 7) / 8);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    for (unsigned k = 0; k < vector.bits(); ++k) {
      const std::size_t bit = i * vector.bits() + k;
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | ((vector.values()[i] >> k & 1) << (bit % 8)));
    }
  }
  return bytes;
}

bool same(const RingVector& a, const RingVector& b) { return a.bits() == b.bits() && std::ranges::equal(a.values(), b.values()); }

TEST_CASE("adding is modulo 2^b for every width") {
  for (unsigned bits = 1; bits <= kWidest; ++bits) {
    CAPTURE(bits);
    CHECK(rc::check([bits](std::uint64_t seed) {
      const std::size_t count = *rc::gen::inRange<std::size_t>(0, 70);
      SeededRandom random(seed);
      const RingVector a = random_vector(random, count, bits);
      const RingVector b = random_vector(random, count, bits);
      RingVector sum = a;
      sum.add(b);
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t expected = (std::uint64_t{a.values()[i]} + b.values()[i]) % (std::uint64_t{1} << bits);
        RC_ASSERT(sum.values()[i] == expected);
      }
    }));
  }
}

TEST_CASE("a vector can be added to itself") {
  RingVector vector = vector_of({0, 1, 7, 8, 15}, 4);
  vector.add(vector);
  CHECK(same(vector, vector_of({0, 2, 14, 0, 14}, 4)));
}

TEST_CASE("the packed form is least significant bit first, without gaps, for every width and every rest of a group") {
  SeededRandom random(1);
  for (unsigned bits = 1; bits <= kWidest; ++bits) {
    for (std::size_t count = 0; count <= 41; ++count) {
      CAPTURE(bits);
      CAPTURE(count);
      const RingVector vector = random_vector(random, count, bits);
      CHECK(vector.pack() == packed_bit_by_bit(vector));
    }
  }
}

TEST_CASE("a few packed vectors written out by hand") {
  CHECK(vector_of({1, 0, 1, 1}, 1).pack() == Bytes{0x0d});
  CHECK(vector_of({0xabc, 0x123}, 12).pack() == Bytes{0xbc, 0x3a, 0x12});
  CHECK(vector_of({0x01020304}, 32).pack() == Bytes{4, 3, 2, 1});
  CHECK(vector_of({0x3ffff, 0}, 18).pack() == Bytes{0xff, 0xff, 0x03, 0x00, 0x00});
}

TEST_CASE("unpacking gives back what was packed, for every width") {
  for (unsigned bits = 1; bits <= kWidest; ++bits) {
    CAPTURE(bits);
    CHECK(rc::check([bits](std::uint64_t seed) {
      const std::size_t count = *rc::gen::inRange<std::size_t>(0, 300);
      SeededRandom random(seed);
      const RingVector vector = random_vector(random, count, bits);
      const auto unpacked = RingVector::unpack(vector.pack(), count, bits);
      RC_ASSERT(unpacked.has_value());
      RC_ASSERT(same(*unpacked, vector));
    }));
  }
}

TEST_CASE("any bytes of the right length whose pad bits are zero are a vector, and pack to the same bytes") {
  CHECK(rc::check([](std::uint64_t seed) {
    const unsigned bits = *rc::gen::inRange(1U, kWidest + 1);
    const std::size_t count = *rc::gen::inRange<std::size_t>(0, 100);
    Bytes bytes(packed_size(count, bits));
    SeededRandom(seed).fill(bytes);
    const unsigned used = static_cast<unsigned>(count * bits % 8);
    if (used != 0) bytes.back() = static_cast<std::uint8_t>(bytes.back() & ((1U << used) - 1));
    const auto vector = RingVector::unpack(bytes, count, bits);
    RC_ASSERT(vector.has_value());
    RC_ASSERT(vector->pack() == bytes);
  }));
}

TEST_CASE("a packed vector that is a byte too short or too long is malformed") {
  for (unsigned bits = 1; bits <= kWidest; ++bits) {
    const Bytes packed = RingVector(11, bits).pack();
    Bytes longer = packed;
    longer.push_back(0);
    for (const Bytes& wrong : {Bytes(packed.begin(), packed.end() - 1), longer, Bytes{}}) {
      const auto vector = RingVector::unpack(wrong, 11, bits);
      REQUIRE_FALSE(vector.has_value());
      CHECK(vector.error().code == ErrorCode::malformed);
    }
  }
  CHECK_FALSE(RingVector::unpack(Bytes{0}, 0, 8).has_value());
  CHECK(RingVector::unpack({}, 0, 8).has_value());
}

TEST_CASE("the length is checked before anything is allocated") {
  // 2^32 - 1 values would take 16 GiB.
  const auto vector = RingVector::unpack(Bytes(100), 0xffffffff, 32);
  REQUIRE_FALSE(vector.has_value());
  CHECK(vector.error().code == ErrorCode::malformed);
  CHECK(vector.error().message == "packed vector: 100 bytes, 17179869180 expected for 4294967295 values of 32 bits");
}

TEST_CASE("each pad bit that is set is malformed") {
  for (unsigned bits = 1; bits <= kWidest; ++bits) {
    for (std::size_t count = 1; count <= 8; ++count) {
      const Bytes packed = RingVector(count, bits).pack();
      for (std::size_t bit = count * bits; bit < 8 * packed.size(); ++bit) {
        Bytes wrong = packed;
        wrong[bit / 8] = static_cast<std::uint8_t>(wrong[bit / 8] | 1 << (bit % 8));
        const auto vector = RingVector::unpack(wrong, count, bits);
        REQUIRE_FALSE(vector.has_value());
        CHECK(vector.error().code == ErrorCode::malformed);
      }
    }
  }
}

TEST_CASE("a width or a count out of range is malformed in a packed vector") {
  for (const unsigned bits : {0U, 33U, 64U, 0xffffffffU}) {
    const auto vector = RingVector::unpack(Bytes(8), 8, bits);
    REQUIRE_FALSE(vector.has_value());
    CHECK(vector.error().code == ErrorCode::malformed);
  }
  const auto vector = RingVector::unpack({}, std::size_t{1} << 32, 1);
  REQUIRE_FALSE(vector.has_value());
  CHECK(vector.error().code == ErrorCode::malformed);
}

TEST_CASE("a programmer's mistake ends the process") {
  CHECK(tests::aborts([] { RingVector(1, 0); }));
  CHECK(tests::aborts([] { RingVector(1, 33); }));
  CHECK(tests::aborts([] { packed_size(std::size_t{1} << 32, 8); }));
  CHECK(tests::aborts([] { RingVector(2, 8).add(RingVector(3, 8)); }));
  CHECK(tests::aborts([] { RingVector(2, 8).add(RingVector(2, 9)); }));
  CHECK(tests::aborts([] { RingVector(2, 8).centred(2); }));
  CHECK(tests::aborts([] { vector_of({0, 256}, 8).pack(); }));
}

TEST_CASE("the centred value lies in [-2^(b-1), 2^(b-1)) and is congruent") {
  for (unsigned bits = 1; bits <= kWidest; ++bits) {
    const std::int64_t modulus = std::int64_t{1} << bits;
    for (const std::int64_t value : {std::int64_t{0}, std::int64_t{1}, modulus / 2 - 1, modulus / 2, modulus - 1}) {
      CAPTURE(bits);
      CAPTURE(value);
      const std::int64_t centred = vector_of({static_cast<std::uint32_t>(value)}, bits).centred(0);
      CHECK(centred == (value < modulus / 2 ? value : value - modulus));
    }
  }
}

TEST_CASE("the packed size is the ceiling of count times bits over eight") {
  CHECK(packed_size(0, 17) == 0);
  CHECK(packed_size(1, 1) == 1);
  CHECK(packed_size(8, 1) == 1);
  CHECK(packed_size(9, 1) == 2);
  CHECK(packed_size(0xffffffff, 32) == 17'179'869'180);
}

}  // namespace
}  // namespace fedspend
