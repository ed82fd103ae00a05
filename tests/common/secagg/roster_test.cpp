#include "common/secagg/roster.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/common/aborts.h"

namespace fedspend {
namespace {

ClientId id_of(std::uint64_t number) {
  Hasher hasher("test");
  return hash_as<ClientId>(hasher.u64(number));
}

std::vector<RosterEntry> entries(std::uint64_t count) {
  std::vector<RosterEntry> list;
  for (std::uint64_t i = 0; i < count; ++i) list.push_back({id_of(i), merkle_leaf_hash(as_bytes("keys " + std::to_string(i)))});
  return list;
}

TEST_CASE("a roster is sorted by id, whatever order the keys came in") {
  auto list = entries(30);
  const auto roster = Roster::create(list);
  REQUIRE(roster.has_value());
  std::ranges::reverse(list);
  CHECK(Roster::create(list)->root() == roster->root());
  for (std::uint32_t position = 1; position < roster->size(); ++position) CHECK(roster->id(position - 1) < roster->id(position));
}

TEST_CASE("every client has a position, and its leaf stands there by proof") {
  const auto list = entries(30);
  const auto roster = Roster::create(list);
  REQUIRE(roster.has_value());
  CHECK(roster->size() == 30);
  for (const RosterEntry& entry : list) {
    const auto position = roster->position(entry.id);
    REQUIRE(position.has_value());
    CHECK(roster->id(*position) == entry.id);
    CHECK(roster->leaf(*position) == entry.leaf);
    const std::vector<PlacedLeaf> leaf{{*position, entry.leaf}};
    CHECK(verify_leaves(roster->root(), 30, leaf, roster->proof(std::vector<std::uint32_t>{*position})).has_value());
  }
  CHECK_FALSE(roster->position(id_of(30)).has_value());
  CHECK(tests::aborts([&] { (void)roster->id(30); }));
}

TEST_CASE("case 5: an id that is there twice is refused, also with other keys") {
  auto list = entries(5);
  list.push_back({id_of(3), merkle_leaf_hash(as_bytes("other keys"))});
  const auto refused = Roster::create(list);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::malformed);
  CHECK(refused.error().message.find(id_of(3).hex()) != std::string::npos);
  CHECK_FALSE(Roster::create({}).has_value());
}

}  // namespace
}  // namespace fedspend
