#include "simulations/federation/recorded_chooser.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "common/crypto/random.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

coordinator::EnrolmentList devices() {
  std::vector<coordinator::EnrolledDevice> list;
  for (std::uint64_t i = 0; i < 4; ++i) {
    SeededRandom random(i);
    const IdentityKey identity = IdentityKey::generate(random);
    const CurveKeyPair curve = CurveKeyPair::generate(random);
    list.push_back({client_id_of(identity.public_key()), identity.public_key(), curve.public_key, issue_certificate(identity, "cards", identity.public_key(), 1, 1, 2), "card " + std::to_string(i)});
  }
  auto made = coordinator::EnrolmentList::create(std::move(list));
  REQUIRE(made);
  return std::move(*made);
}

std::string refusal(const std::vector<RecordedRound>& rounds) {
  const auto chooser = make_recorded_chooser(rounds, devices());
  if (chooser) return {};
  CHECK(chooser.error().code == ErrorCode::invalid_argument);
  return chooser.error().message;
}

}  // namespace

TEST_CASE("a recorded round is repeated as soon as all who contributed are there, and not before") {
  const coordinator::EnrolmentList list = devices();
  auto chooser = make_recorded_chooser({{1, "", {}, {"card 2", "card 0"}}}, list);
  REQUIRE(chooser);
  std::vector<ClientId> pool = {list.devices()[0].id, list.devices()[1].id};
  std::sort(pool.begin(), pool.end());
  CHECK_FALSE((*chooser)->choose(pool, 2, RoundId{1}));
  pool.push_back(list.devices()[2].id);
  std::sort(pool.begin(), pool.end());
  const auto chosen = (*chooser)->choose(pool, 1, RoundId{1});
  REQUIRE(chosen);
  std::vector<ClientId> expected = {list.devices()[0].id, list.devices()[2].id};
  std::sort(expected.begin(), expected.end());
  CHECK(*chosen == expected);
}

TEST_CASE("where a roster takes more than contributed, others are asked beside them, and only those are to be lost") {
  const coordinator::EnrolmentList list = devices();
  auto chooser = make_recorded_chooser({{1, "", {}, {"card 2", "card 0"}}, {2, "", {}, {"card 0", "card 1", "card 2"}}}, list, 3);
  REQUIRE(chooser);
  std::vector<ClientId> pool = {list.devices()[0].id, list.devices()[2].id};
  std::sort(pool.begin(), pool.end());
  CHECK_FALSE((*chooser)->choose(pool, 3, RoundId{1}));
  pool.push_back(list.devices()[3].id);
  std::sort(pool.begin(), pool.end());
  const auto chosen = (*chooser)->choose(pool, 3, RoundId{1});
  REQUIRE(chosen);
  CHECK(chosen->size() == 3);
  for (const ClientId& client : *chosen) CHECK((*chooser)->is_to_be_lost(client) == (client == list.devices()[3].id));
  pool.push_back(list.devices()[1].id);
  std::sort(pool.begin(), pool.end());
  REQUIRE((*chooser)->choose(pool, 3, RoundId{2}));
  for (const ClientId& client : pool) CHECK_FALSE((*chooser)->is_to_be_lost(client));
}

TEST_CASE("a cohort log with a round missing, twice, or with strangers is refused before anything runs") {
  CHECK(refusal({{1, "", {}, {"card 0"}}, {2, "", {}, {"card 1"}}}) == "");
  CHECK(refusal({{1, "", {}, {"card 0"}}, {3, "", {}, {"card 1"}}}).find("is missing") != std::string::npos);
  CHECK(refusal({{2, "", {}, {"card 0"}}, {3, "", {}, {"card 1"}}}).find("is missing") != std::string::npos);
  CHECK(refusal({{0, "", {}, {"card 0"}}, {1, "", {}, {"card 1"}}}).find("is missing") != std::string::npos);
  CHECK(refusal({{1, "", {}, {"card 0"}}, {1, "", {}, {"card 1"}}}).find("stands twice") != std::string::npos);
  CHECK(refusal({{1, "", {}, {"card 0", "card 0"}}}).find("twice") != std::string::npos);
  CHECK(refusal({{1, "", {}, {}}}).find("names nobody") != std::string::npos);
  CHECK(refusal({{1, "", {}, {"card 9"}}}).find("a client that the data do not have") != std::string::npos);
}
