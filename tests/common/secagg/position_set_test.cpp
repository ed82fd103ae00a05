#include "common/secagg/position_set.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

#include "tests/common/aborts.h"

namespace fedspend {
namespace {

PositionSet set_of(std::uint32_t size, const std::set<std::uint32_t>& positions) {
  PositionSet set(size);
  for (const std::uint32_t position : positions) set.insert(position);
  return set;
}

std::set<std::uint32_t> any_positions(std::uint32_t size) {
  std::set<std::uint32_t> positions;
  for (std::uint32_t i = 0; i < size; ++i)
    if (*rc::gen::arbitrary<bool>()) positions.insert(i);
  return positions;
}

TEST_CASE("the bitmap has position i at bit i mod 8 of byte i / 8, and as many bytes as it needs") {
  CHECK(set_of(12, {0, 1, 7, 8, 11}).bitmap() == Bytes{0b1000'0011, 0b0000'1001});
  CHECK(set_of(16, {15}).bitmap() == Bytes{0, 0b1000'0000});
  CHECK(set_of(17, {}).bitmap() == Bytes(3));
  CHECK(PositionSet(0).bitmap().empty());
  CHECK(PositionSet(100'000).bitmap().size() == 12'500);
}

TEST_CASE("a set comes back from its bitmap, and answers as a set of numbers does") {
  CHECK(rc::check([] {
    const auto size = *rc::gen::inRange<std::uint32_t>(0, 70);
    const std::set<std::uint32_t> model = any_positions(size);
    const PositionSet made = set_of(size, model);
    const auto set = PositionSet::parse(size, made.bitmap());
    RC_ASSERT(set.has_value());
    RC_ASSERT(*set == made);
    RC_ASSERT(set->size() == size);
    RC_ASSERT(set->count() == model.size());
    RC_ASSERT(std::ranges::equal(set->positions(), model));
    for (std::uint32_t i = 0; i <= size; ++i) {
      RC_ASSERT(set->contains(i) == model.contains(i));
      RC_ASSERT(set->rank(i) == static_cast<std::uint32_t>(std::distance(model.begin(), model.lower_bound(i))));
    }
    RC_ASSERT_FALSE(set->contains(0xffffffff));
  }));
}

TEST_CASE("a set is within another exactly if each of its positions is, and both are over as many places") {
  CHECK(rc::check([] {
    const auto size = *rc::gen::inRange<std::uint32_t>(1, 30);
    const std::set<std::uint32_t> a = any_positions(size), b = any_positions(size);
    RC_ASSERT((set_of(size, a).is_subset_of(set_of(size, b)) == std::ranges::includes(b, a)));
    std::set<std::uint32_t> both = a;
    both.insert(b.begin(), b.end());
    RC_ASSERT(set_of(size, a).is_subset_of(set_of(size, both)));
    RC_ASSERT_FALSE(set_of(size, a).is_subset_of(set_of(size + 8, both)));
    RC_ASSERT(set_of(size, a) != set_of(size + 1, a));
  }));
}

TEST_CASE("cases 18 and 19: a bitmap of another length or with a pad bit is refused") {
  for (std::uint32_t size = 0; size <= 33; ++size) {
    const std::size_t length = (size + 7) / 8;
    for (std::size_t bytes = 0; bytes <= 6; ++bytes) {
      CAPTURE(size);
      const auto set = PositionSet::parse(size, Bytes(bytes));
      CHECK(set.has_value() == (bytes == length));
      if (!set) CHECK(set.error().code == ErrorCode::malformed);
    }
    for (std::uint32_t bit = 0; bit < 8 * length; ++bit) {
      Bytes bitmap(length);
      bitmap[bit / 8] = static_cast<std::uint8_t>(1U << bit % 8);
      const auto set = PositionSet::parse(size, bitmap);
      CHECK(set.has_value() == (bit < size));
      if (!set) CHECK(set.error().code == ErrorCode::malformed);
    }
  }
}

TEST_CASE("case 20: a size of 2^32-1 for a few bytes is refused before anything is allocated for it") {
  CHECK_FALSE(PositionSet::parse(0xffffffff, Bytes(4)).has_value());
}

TEST_CASE("a position at or beyond the size is a programmer's mistake to insert or to rank") {
  PositionSet set(12);
  CHECK(tests::aborts([&] { set.insert(12); }));
  CHECK(tests::aborts([&] { (void)set.rank(13); }));
  CHECK_FALSE(tests::aborts([&] { (void)set.rank(12); }));
}

}  // namespace
}  // namespace fedspend
