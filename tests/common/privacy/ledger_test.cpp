#include "common/privacy/ledger.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "common/privacy/gaussian_rdp.h"

namespace fedspend {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();
constexpr double kDelta = 1e-6;

PrivacyCost cost_of(double noise_multiplier, double delta = 0) { return {.has_noise = true, .rdp = gaussian_rdp_curve(noise_multiplier), .delta = delta}; }
PrivacyLimits cap(std::uint32_t participations, double epsilon = kUnlimited) { return {.max_participations = participations, .max_epsilon = epsilon, .delta = kDelta}; }
ClientId client(std::uint8_t number) { return ClientId{{number}}; }
SessionId session(std::uint8_t number) { return SessionId{{number}}; }
PrivacyCharge charge_of(std::uint8_t number, std::uint64_t round, std::vector<ClientId> clients, const PrivacyCost& cost = cost_of(1)) {
  return {session(number), RoundId{round}, cost, std::move(clients)};
}

TEST_CASE("an account that holds nothing has spent nothing") { CHECK(PrivacyAccount{}.epsilon(kDelta) == 0); }

TEST_CASE("participations add up at every order, and the epsilon is that of all of them") {
  PrivacyAccount account;
  for (std::uint64_t round = 1; round <= 5; ++round) account = account.charged(RoundId{round}, cost_of(2.5), cap(5)).value();
  CHECK(account.participations == 5);
  CHECK(account.last_round == 5);
  // PRIVACY.md, "Unamplified Gaussian": P = 5, z = 2.5, by RDP with continuous orders.
  CHECK(account.epsilon(kDelta) >= 4.60444);
  CHECK(account.epsilon(kDelta) <= 4.60444 * 1.001);
  CHECK(account.epsilon(kDelta) == doctest::Approx(repeated(cost_of(2.5), 5).epsilon(kDelta)).epsilon(1e-12));
}

TEST_CASE("a cap of participations, an earlier round and a round too soon are refused, and nothing has changed") {
  const PrivacyLimits limits{.max_participations = 2, .min_separation_rounds = 3, .max_epsilon = kUnlimited, .delta = kDelta};
  const PrivacyAccount first = PrivacyAccount{}.charged(RoundId{10}, cost_of(1), limits).value();
  for (const std::uint64_t round : std::initializer_list<std::uint64_t>{0, 9, 10, 12}) CHECK(first.charged(RoundId{round}, cost_of(1), limits).error().code == ErrorCode::refused);
  CHECK(first.charged(RoundId{9}, cost_of(1), limits).error().message.find("rounds are to lie apart") != std::string::npos);
  const auto second = first.charged(RoundId{13}, cost_of(1), limits);
  REQUIRE(second);
  CHECK(second->charged(RoundId{100}, cost_of(1), limits).error().message.find("2 of 2") != std::string::npos);
  // A first participation is not too soon after none.
  CHECK(PrivacyAccount{}.charged(RoundId{0}, cost_of(1), limits));
}

TEST_CASE("without separation a round may be tried again, also by a coordinator that has lost its state, and is charged again") {
  const PrivacyAccount first = PrivacyAccount{}.charged(RoundId{4}, cost_of(1), cap(9)).value();
  CHECK(first.charged(RoundId{4}, cost_of(1), cap(9)).value().participations == 2);
  CHECK(first.charged(RoundId{3}, cost_of(1), cap(9)).value().participations == 2);
}

TEST_CASE("without separation an earlier round leaves the last one as it was: a limit that comes later counts from there") {
  const PrivacyAccount account = PrivacyAccount{}.charged(RoundId{9}, cost_of(1), cap(5)).value().charged(RoundId{4}, cost_of(1), cap(5)).value();
  CHECK(account.participations == 2);
  CHECK(account.last_round == 9);
  const PrivacyLimits apart{.max_participations = 5, .min_separation_rounds = 3, .max_epsilon = kUnlimited, .delta = kDelta};
  CHECK(account.charged(RoundId{10}, cost_of(1), apart).error().code == ErrorCode::refused);
  CHECK(account.charged(RoundId{12}, cost_of(1), apart));
}

TEST_CASE("the contribution that would overspend is refused, the one before it is not") {
  PrivacyAccount account;
  std::uint32_t allowed = 0;
  for (std::uint64_t round = 1; round < 100; ++round) {
    const auto next = account.charged(RoundId{round}, cost_of(2.5), cap(1000, 4.61));
    if (!next) {
      CHECK(next.error().message.find("above 4.61") != std::string::npos);
      break;
    }
    account = *next;
    ++allowed;
  }
  CHECK(allowed == 5);  // of PRIVACY.md's 4.60444
  CHECK(account.epsilon(kDelta) <= 4.61);
}

TEST_CASE("one contribution without noise is without bound, before and after") {
  const PrivacyCost bare;
  CHECK_FALSE(PrivacyAccount{}.charged(RoundId{1}, bare, cap(9, 1e300)));
  const PrivacyAccount account = PrivacyAccount{}.charged(RoundId{1}, bare, cap(9)).value();
  CHECK(std::isinf(account.epsilon(kDelta)));
  CHECK_FALSE(account.charged(RoundId{2}, cost_of(1000), cap(9, 1e300)));
  CHECK(std::isinf(account.charged(RoundId{2}, cost_of(1000), cap(9)).value().epsilon(kDelta)));
}

TEST_CASE("what an account owes in delta is taken from the delta that is asked for, and when it is gone there is no epsilon") {
  const PrivacyAccount account = PrivacyAccount{}.charged(RoundId{1}, cost_of(1, 4e-7), cap(9)).value();
  CHECK(account.epsilon(1e-6) == doctest::Approx(repeated(cost_of(1), 1).epsilon(6e-7)).epsilon(1e-9));
  CHECK(account.epsilon(1e-6) >= repeated(cost_of(1), 1).epsilon(6e-7));
  const PrivacyAccount third = account.charged(RoundId{2}, cost_of(1, 4e-7), cap(9)).value().charged(RoundId{3}, cost_of(1, 4e-7), cap(9)).value();
  CHECK(std::isinf(third.epsilon(1e-6)));
}

TEST_CASE("a budget that is no number allows nothing") {
  CHECK_FALSE(PrivacyAccount{}.charged(RoundId{1}, cost_of(1), cap(9, std::nan(""))));
  CHECK_FALSE(PopulationLedger{}.check(charge_of(1, 1, {client(1)}), cap(9, std::nan(""))));
}

TEST_CASE("accounts and costs come back from their bytes, and no other bytes are taken") {
  CHECK(rc::check([] {
    PrivacyAccount account{.participations = *rc::gen::inRange(1U, 1000U), .last_round = *rc::gen::arbitrary<std::uint64_t>(), .rdp = gaussian_rdp_curve(*rc::gen::inRange(1, 50) / 7.0), .delta = 1e-21};
    account.without_noise = *rc::gen::inRange(0U, account.participations + 1);
    const Bytes bytes = account.serialise();
    RC_ASSERT(PrivacyAccount::parse(bytes).value() == account);
    Bytes longer = bytes;
    longer.push_back(0);
    RC_ASSERT(!PrivacyAccount::parse(longer));
    RC_ASSERT(!PrivacyAccount::parse(ByteSpan(bytes).first(*rc::gen::inRange<std::size_t>(0, bytes.size()))));
  }));
  Bytes account = PrivacyAccount{}.serialise();
  account[8] = 1;  // more without noise than there are
  CHECK_FALSE(PrivacyAccount::parse(account));
  const PrivacyCost cost = cost_of(0.7, 3e-20);
  CHECK(PrivacyCost::parse(cost.serialise()).value() == cost);
  Bytes flag = cost.serialise();
  flag[0] = 2;
  CHECK_FALSE(PrivacyCost::parse(flag));
  Bytes negative = cost.serialise();
  negative[11] |= 0x80;
  CHECK_FALSE(PrivacyCost::parse(negative));
}

TEST_CASE("the population's ledger charges those who were in a sum, each session once") {
  PopulationLedger ledger;
  REQUIRE(ledger.charge(charge_of(1, 1, {client(1), client(2)})));
  CHECK(ledger.charge(charge_of(1, 1, {client(1), client(2)})).error().code == ErrorCode::conflict);
  CHECK(ledger.check(charge_of(1, 2, {client(3)}), cap(9)).error().code == ErrorCode::conflict);
  CHECK(ledger.most_participations() == 1);
  REQUIRE(ledger.charge(charge_of(2, 2, {client(2), client(3)})));
  CHECK(ledger.charges() == 2);
  CHECK(ledger.most_participations() == 2);
  CHECK(ledger.admits(client(1), RoundId{3}, cap(2)));
  CHECK_FALSE(ledger.admits(client(2), RoundId{3}, cap(2)));
  CHECK(ledger.admits(client(9), RoundId{1}, cap(1)));
  CHECK_FALSE(ledger.admits(client(9), RoundId{1}, cap(0)));
  CHECK(ledger.admits(client(3), RoundId{1}, cap(9)));
  const PrivacyLimits apart{.max_participations = 9, .min_separation_rounds = 2, .max_epsilon = kUnlimited, .delta = kDelta};
  for (const std::uint64_t round : std::initializer_list<std::uint64_t>{1, 2, 3}) CHECK_FALSE(ledger.admits(client(3), RoundId{round}, apart));
  CHECK(ledger.admits(client(3), RoundId{4}, apart));
}

TEST_CASE("every contribution counts as the dearest there was, at each order") {
  PopulationLedger ledger;
  REQUIRE(ledger.charge(charge_of(1, 1, {client(1)}, cost_of(1))));
  REQUIRE(ledger.charge(charge_of(2, 2, {client(1)}, cost_of(2))));
  CHECK(ledger.worst().epsilon(kDelta) == repeated(cost_of(1), 2).epsilon(kDelta));
  PrivacyAccount exact;
  exact = exact.charged(RoundId{1}, cost_of(1), cap(9)).value().charged(RoundId{2}, cost_of(2), cap(9)).value();
  CHECK(ledger.worst().epsilon(kDelta) >= exact.epsilon(kDelta));
}

TEST_CASE("the cap that a ledger can afford is the most that its epsilon allows, of what was charged and of what is to come") {
  CHECK(rc::check([] {
    const double charged = *rc::gen::inRange(5, 60) / 10.0, to_come = *rc::gen::inRange(5, 60) / 10.0, epsilon = *rc::gen::inRange(1, 200) / 10.0;
    const auto most = static_cast<std::uint32_t>(*rc::gen::inRange(0, 40));
    PopulationLedger ledger;
    RC_ASSERT((ledger.charge(charge_of(1, 1, {client(1)}, cost_of(charged))).has_value()));
    const PrivacyLimits within = ledger.affordable(cap(most, epsilon), cost_of(to_come));
    RC_ASSERT((within.max_participations <= most));
    const PrivacyCost dearest = cost_of(std::min(charged, to_come));
    RC_ASSERT((repeated(dearest, within.max_participations).epsilon(kDelta) <= epsilon));
    RC_ASSERT((within.max_participations == most || repeated(dearest, within.max_participations + 1).epsilon(kDelta) > epsilon));
    // Whoever it admits is not refused when the sum is charged.
    const ClientId other = client(2);
    if (ledger.admits(other, RoundId{2}, within)) RC_ASSERT((ledger.check(charge_of(2, 2, {other}, cost_of(to_come)), cap(most, epsilon)).has_value()));
    if (ledger.admits(client(1), RoundId{2}, within)) RC_ASSERT((ledger.check(charge_of(2, 2, {client(1)}, cost_of(to_come)), cap(most, epsilon)).has_value()));
  }));
  CHECK(PopulationLedger{}.affordable(cap(7), PrivacyCost{}).max_participations == 7);  // without noise nothing is limited
}

TEST_CASE("a sum in which one device would overspend is refused, and nobody is charged") {
  PopulationLedger ledger;
  const PrivacyLimits limits = cap(10, 8);
  REQUIRE(ledger.check(charge_of(1, 1, {client(1), client(2)}), limits));  // 5.22
  REQUIRE(ledger.charge(charge_of(1, 1, {client(1), client(2)})));
  const PopulationLedger before = ledger;
  const Status refused = ledger.check(charge_of(2, 2, {client(2), client(3)}), limits);  // 2 of z = 1: 7.9 and something, 3: more
  const Status fresh = ledger.check(charge_of(2, 2, {client(3), client(4)}), limits);
  CHECK(fresh);
  CHECK(refused.has_value() == (repeated(cost_of(1), 2).epsilon(kDelta) <= 8));
  CHECK_FALSE(ledger.check(charge_of(2, 2, {client(3), client(2)}), cap(10, 5.5)));
  CHECK_FALSE(ledger.check(charge_of(2, 2, {client(3), client(2)}), cap(1)));
  CHECK(ledger == before);
}

TEST_CASE("a ledger comes back from its bytes, whatever the order in which it was charged, and no other bytes are taken") {
  PopulationLedger one, other;
  REQUIRE(one.charge(charge_of(1, 1, {client(1), client(2)}, cost_of(1))));
  REQUIRE(one.charge(charge_of(2, 2, {client(2), client(3)}, cost_of(2, 1e-21))));
  REQUIRE(other.charge(charge_of(2, 2, {client(3), client(2)}, cost_of(2, 1e-21))));
  REQUIRE(other.charge(charge_of(1, 1, {client(2), client(1)}, cost_of(1))));
  const Bytes bytes = one.serialise();
  CHECK(PopulationLedger::parse(bytes).value() == one);
  CHECK(other.serialise() == bytes);
  CHECK(PopulationLedger::parse(PopulationLedger{}.serialise()).value() == PopulationLedger{});
  for (std::size_t size = 0; size < bytes.size(); size += size < 40 ? 1 : 7) CHECK_FALSE(PopulationLedger::parse(ByteSpan(bytes).first(size)));
  Bytes longer = bytes;
  longer.push_back(0);
  CHECK_FALSE(PopulationLedger::parse(longer));
  Bytes twice = bytes;  // the same session two times
  const std::size_t sessions = bytes.size() - 3 * 44 - 8 - 2 * 32;
  std::copy_n(twice.begin() + static_cast<std::ptrdiff_t>(sessions), 32, twice.begin() + static_cast<std::ptrdiff_t>(sessions) + 32);
  CHECK_FALSE(PopulationLedger::parse(twice));
}

TEST_CASE("no epsilon of any ledger is below that of an account of the same contributions") {
  CHECK(rc::check([] {
    PopulationLedger ledger;
    std::array<PrivacyAccount, 3> accounts;
    const std::uint8_t rounds = *rc::gen::inRange<std::uint8_t>(1, 12);
    for (std::uint8_t round = 1; round <= rounds; ++round) {
      const PrivacyCost cost = cost_of(*rc::gen::inRange(2, 60) / 9.0, 1e-21);
      std::vector<ClientId> in;
      for (std::uint8_t i = 0; i < accounts.size(); ++i) {
        if (!*rc::gen::arbitrary<bool>()) continue;
        in.push_back(client(i));
        accounts[i] = accounts[i].charged(RoundId{round}, cost, cap(99)).value();
      }
      RC_ASSERT(ledger.charge(charge_of(round, round, in, cost)).has_value());
    }
    double worst = 0;
    for (const PrivacyAccount& account : accounts) worst = std::max(worst, account.epsilon(kDelta));
    RC_ASSERT(ledger.worst().epsilon(kDelta) >= worst * (1 - 1e-12));
  }));
}

}  // namespace
}  // namespace fedspend
