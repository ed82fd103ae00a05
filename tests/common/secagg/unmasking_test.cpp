// Case 24 and what surrounds it: wrong shares that have the right form, from holders and from dealers, and masks that stay in the sum.
#include "common/secagg/unmasking.h"

#include <algorithm>

#include "common/secagg/shamir.h"
#include "tests/common/secagg/forged_roster.h"
#include "tests/common/secagg/hostile_cases.h"

namespace fedspend::testing {
namespace {

constexpr SessionOptions kTwelve{.clients = 12, .dropout_ppm = 250'000};  // k 11, t 7: of 11 shares two may be wrong

template <class T>
void drop(std::vector<Delivery>& deliveries, const std::set<std::size_t>& clients) {
  std::erase_if(deliveries, [&](const Delivery& delivery) { return std::holds_alternative<T>(delivery.message) && clients.contains(delivery.client); });
}

// The row of Unmask with this client's share of the dealer's secret, when all are opened.
void spoil_share(std::vector<Delivery>& deliveries, const MaskingGraph& graph, std::size_t holder, std::size_t dealer) {
  change<Unmask>(deliveries, holder, [&](Unmask& unmask) {
    const std::uint32_t coordinate = *graph.coordinate(static_cast<std::uint32_t>(holder), static_cast<std::uint32_t>(dealer));
    std::uint8_t* row = unmask.shares.data() + 32 * (coordinate - 1);
    row[0] ^= 1;  // stays canonical
  });
}

SessionEnd with_wrong_shares(const std::set<std::size_t>& holders, std::size_t dealer, const std::set<std::size_t>& dropouts = {},
    const std::set<std::size_t>& silent = {}) {
  SecureSession session(kTwelve);
  const ForgedRoster roster(session.terms(), advertised_by(session));
  REQUIRE(roster.parameters().threshold == 7);
  session.up = [&](std::vector<Delivery>& deliveries) {
    drop<MaskedInput>(deliveries, dropouts);
    drop<Unmask>(deliveries, silent);
    for (const std::size_t holder : holders) spoil_share(deliveries, roster.graph(), holder, dealer);
  };
  const SessionEnd end = session.run();
  CHECK(session.leak() == "");
  std::vector<ClientId> expected;
  for (const std::size_t holder : holders) expected.push_back(session.client(holder).id);
  if (end.sum) {
    CHECK(end.is_right);
    CHECK(end.wrong_holders == expected);
  } else {
    CHECK(end.blamed_dealers == std::vector<ClientId>{session.client(dealer).id});
    CHECK(end.aborted == "1 of the secrets are not what their owners committed to");
  }
  return end;
}

TEST_CASE("case 24: up to (m - t) / 2 wrong shares of a secret are corrected, and their holders named; with more the dealer is, and there is no sum") {
  // b of a survivor: m = 11.
  CHECK(with_wrong_shares({3}, 5).sum.has_value());
  CHECK(with_wrong_shares({3, 8}, 5).sum.has_value());
  CHECK_FALSE(with_wrong_shares({0, 3, 8}, 5).sum.has_value());
  CHECK_FALSE(with_wrong_shares({0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11}, 5).sum.has_value());
  // r of one that dropped out: m = 11, too.
  CHECK(with_wrong_shares({3, 8}, 5, {5}).sum.has_value());
  CHECK_FALSE(with_wrong_shares({0, 3, 8}, 5, {5}).sum.has_value());
  // Two more dropped: m = 9, one may be wrong. Three: m = 8, none may.
  CHECK(with_wrong_shares({3}, 5, {10, 11}).sum.has_value());
  CHECK_FALSE(with_wrong_shares({3, 8}, 5, {10, 11}).sum.has_value());
  CHECK_FALSE(with_wrong_shares({3}, 5, {9, 10, 11}).sum.has_value());
  // The same by those who do not answer.
  CHECK(with_wrong_shares({3}, 5, {}, {10, 11}).sum.has_value());
  CHECK_FALSE(with_wrong_shares({3}, 5, {10}, {9, 11}).sum.has_value());
}

// A hostile dealer: what it sealed was no sharing of what it committed to. It is the dealer's r or b that is spoilt at every holder.
TEST_CASE("case 24: a dealer who shared another secret than it committed to is named, whichever of the two is opened") {
  for (const bool drops_out : {false, true}) {
    SecureSession session(kTwelve);
    const ForgedRoster roster(session.terms(), advertised_by(session));
    constexpr std::size_t kDealer = 4;
    session.up = [&](std::vector<Delivery>& deliveries) {
      if (drops_out) drop<MaskedInput>(deliveries, {kDealer});
      change<ShareKeys>(deliveries, kDealer, [&](ShareKeys& message) {
        SeededRandom random = session.client(kDealer).same_random;
        (void)SecretScalar::random(random);
        (void)SecretScalar::random(random);
        SecretBytes<32> agreement;
        random.fill(agreement.expose_mutable());
        const AgreementKey key = AgreementKey::from_secret(std::move(agreement));
        const ScalarRows shares = deal_shares(SecretScalar::random(random), 7, 11, random);  // of a secret that it never committed to
        message.sealed.clear();
        for (const Neighbour& neighbour : roster.graph().neighbours(kDealer)) {
          const ForgedMember& holder = roster.member(neighbour.position);
          const ShareChannel channel(roster.session(), session.client(kDealer).id, key, client_id_of(holder.identity),
              *AgreementPublicKey::parse(holder.keys.agreement));
          const Bytes sealed = channel.seal(neighbour.coordinate, shares.expose(neighbour.coordinate - 1), shares.expose(neighbour.coordinate - 1),
              random);
          message.sealed.insert(message.sealed.end(), sealed.begin(), sealed.end());
        }
      });
    };
    const SessionEnd end = session.run();
    for (std::size_t i = 0; i < 12; ++i) CHECK(session.client(i).refusals.empty());
    CHECK_FALSE(end.sum.has_value());
    CHECK(end.blamed_dealers == std::vector<ClientId>{session.client(kDealer).id});
  }
}

TEST_CASE("case 24: several dealers are named in order, several holders once each") {
  SecureSession session(kTwelve);
  const ForgedRoster roster(session.terms(), advertised_by(session));
  SUBCASE("dealers") {
    session.up = [&](std::vector<Delivery>& deliveries) {
      for (const std::size_t dealer : {9U, 2U, 6U}) {
        for (const std::size_t holder : {0U, 1U, 3U}) spoil_share(deliveries, roster.graph(), holder, dealer);
      }
    };
    const SessionEnd end = session.run();
    CHECK(end.aborted == "3 of the secrets are not what their owners committed to");
    CHECK(end.blamed_dealers == std::vector<ClientId>{session.client(2).id, session.client(6).id, session.client(9).id});
  }
  SUBCASE("holders") {
    session.up = [&](std::vector<Delivery>& deliveries) {
      for (std::size_t dealer = 0; dealer < 12; ++dealer) {
        for (const std::size_t holder : {7U, 1U}) {
          if (holder != dealer) spoil_share(deliveries, roster.graph(), holder, dealer);
        }
      }
    };
    const SessionEnd end = session.run();
    CHECK(end.is_right);
    CHECK(end.wrong_holders == std::vector<ClientId>{session.client(1).id, session.client(7).id});
  }
}

// What is left when one mask is not taken off: the sum is wrong in nearly all words.
TEST_CASE("with one self mask or one pairwise mask not taken off the sum is wrong in nearly every word") {
  constexpr std::uint32_t kWords = 1'000;
  constexpr unsigned kBits = 16;
  const TaskId task{};
  const SessionId session{};
  SeededRandom random(4);
  const ClientId dealer{{1}};
  const ClientId neighbour{{2}};
  const SecretScalar b = SecretScalar::random(random);
  const SecretScalar r = SecretScalar::random(random);
  const PairEnd own{dealer, *RistrettoPoint::base_times(r)};
  const PairEnd peer{neighbour, *RistrettoPoint::base_times(SecretScalar::random(random))};
  const auto revealed = [&](SecretKind kind, std::vector<PairEnd> survivors) {
    RevealedSecret secret{.kind = kind, .dealer = own, .commitment = self_mask_commitment(b, dealer, task, RoundId{1}), .coordinates = {1, 2, 3},
        .shares = ScalarRows(3),
                          .holders = {neighbour, ClientId{{3}}, ClientId{{4}}}, .surviving_neighbours = std::move(survivors)};
    const ScalarRows dealt = deal_shares(kind == SecretKind::self_mask ? b : r, 2, 3, random);
    for (std::size_t i = 0; i < 3; ++i) secret.shares.set(i, dealt.get(i));
    return secret;
  };
  const auto changed = [&](std::vector<RevealedSecret> secrets, std::vector<Mask> masks) {
    RingVector plain(kWords, kBits);
    for (std::uint32_t& value : plain.mutable_values()) value = static_cast<std::uint32_t>(random.below(1U << kBits));
    RingVector masked = plain;
    apply_masks(masks, kBits, 0, masked.mutable_values());
    SerialExecutor serial;
    Unmasking unmasking({task, RoundId{1}, session, 3, 2}, std::move(secrets), std::move(masked));
    const auto result = unmasking.run(serial);
    REQUIRE(result.has_value());
    std::uint32_t different = 0;
    for (std::size_t i = 0; i < kWords; ++i) different += result->sum.values()[i] != plain.values()[i] ? 1U : 0U;
    return different;
  };
  const auto one = [](Mask mask) {
    std::vector<Mask> masks;
    masks.push_back(std::move(mask));
    return masks;
  };
  const auto list = [](RevealedSecret secret) {
    std::vector<RevealedSecret> secrets;
    secrets.push_back(std::move(secret));
    return secrets;
  };
  // The neighbour's half of the pairwise mask is what is in the sum.
  const auto in_the_sum = [&] {
    Mask mask = *pair_mask(r, own, peer, session);
    mask.sign = mask.sign == MaskSign::add ? MaskSign::subtract : MaskSign::add;
    return mask;
  };
  CHECK(changed(list(revealed(SecretKind::self_mask, {})), one(self_mask(b, dealer, session))) == 0);
  CHECK(changed({}, one(self_mask(b, dealer, session))) > kWords * 99 / 100);
  CHECK(changed(list(revealed(SecretKind::mask_key, {peer})), one(in_the_sum())) == 0);
  CHECK(changed(list(revealed(SecretKind::mask_key, {})), one(in_the_sum())) > kWords * 99 / 100);
  CHECK(changed(list(revealed(SecretKind::mask_key, {peer})), one(*pair_mask(r, own, peer, session))) > kWords * 99 / 100);  // the other sign
  SessionId other = session;
  other.bytes[0] = 1;
  CHECK(changed(list(revealed(SecretKind::self_mask, {})), one(self_mask(b, dealer, other))) > kWords * 99 / 100);
}

TEST_CASE("the sum does not depend on how many threads unmask") {
  for (const unsigned threads : {1U, 2U, 5U}) {
    SecureSession session(kTwelve);
    session.up = [](std::vector<Delivery>& deliveries) { drop<MaskedInput>(deliveries, {3, 7}); };
    REQUIRE(session.run_to("closed"));
    ThreadExecutor executor(threads);
    const auto result = session.aggregator().take_unmasking()->run(executor);
    REQUIRE(result.has_value());
    RingVector expected(40, 16);
    for (std::size_t i = 0; i < 12; ++i) {
      if (i != 3 && i != 7) expected.add(session.client(i).update);
    }
    CHECK(std::ranges::equal(result->sum.values(), expected.values()));
  }
}

// The sum of `dealers` self-masked zeros, of each of whose b eleven holders have a share, seven needed: the sum has to be zero again. A
// serial executor does every fourth secret in one part, which remembers whose shares were wrong: four in a row are one "turn" of each part.
struct WithLiars {
  static constexpr std::uint32_t kHolders = 11;
  static ClientId holder(std::uint32_t number) { return {{static_cast<std::uint8_t>(100 + number)}}; }

  // In each turn, the holders (from 0) whose shares of its secrets are wrong.
  static tl::expected<UnmaskedSum, UnmaskingFailure> run(const std::vector<std::set<std::uint32_t>>& liars) {
    const UnmaskingContext context{.task = {}, .round = RoundId{1}, .session = {}, .degree = kHolders, .threshold = 7};
    SeededRandom random(9);
    std::vector<RevealedSecret> secrets;
    std::vector<Mask> masks;
    for (std::size_t i = 0; i < 4 * liars.size(); ++i) {
      const ClientId dealer{{static_cast<std::uint8_t>(i + 1)}};
      const SecretScalar b = SecretScalar::random(random);
      RevealedSecret secret{.kind = SecretKind::self_mask, .dealer = {dealer, *RistrettoPoint::base_times(SecretScalar::random(random))},
          .commitment = self_mask_commitment(b, dealer, context.task, context.round), .coordinates = {}, .shares = deal_shares(b, 7, kHolders, random), .holders = {},
          .surviving_neighbours = {}};
      for (std::uint32_t j = 0; j < kHolders; ++j) {
        secret.coordinates.push_back(j + 1);
        secret.holders.push_back(holder(j));
        if (liars[i / 4].contains(j)) secret.shares.set(j, SecretScalar::random(random));
      }
      secrets.push_back(std::move(secret));
      masks.push_back(self_mask(b, dealer, context.session));
    }
    RingVector sum(50, 16);
    apply_masks(masks, 16, 0, sum.mutable_values());
    SerialExecutor serial;
    return Unmasking(context, std::move(secrets), std::move(sum)).run(serial);
  }
  static std::vector<ClientId> holders(const std::set<std::uint32_t>& numbers) {
    std::vector<ClientId> ids;
    for (const std::uint32_t number : numbers) ids.push_back(holder(number));
    return ids;
  }
};

TEST_CASE("case 24: a holder whose shares were wrong twice is left out, so that more wrong shares than can be corrected do no harm") {
  CHECK_FALSE(WithLiars::run({{0, 1, 2}}).has_value());  // of eleven shares two wrong ones can be corrected
  // Each of the three is found out twice, two at a time; a fourth and a fifth once.
  const auto result = WithLiars::run({{0, 1}, {0, 2}, {1, 2}, {3, 4}, {0, 1, 2}, {0, 1, 2}});
  REQUIRE(result.has_value());
  CHECK(std::ranges::count(result->sum.values(), 0U) == 50);
  CHECK(result->wrong_holders == WithLiars::holders({0, 1, 2, 3, 4}));
  // Once is not enough: it may be the dealer's doing.
  const auto once = WithLiars::run({{0, 1}, {2, 3}, {0, 1, 2}});
  REQUIRE_FALSE(once.has_value());
  CHECK(once.error().dealers.size() == 4);
}

TEST_CASE("case 24: of the holders who were wrong twice none is left out where too few would be left, and their right shares do no harm") {
  // Five, so that six of eleven would be left, of at least seven.
  const std::vector<std::set<std::uint32_t>> five{{0, 1}, {0, 1}, {2, 3}, {2, 3}, {4}, {4}};
  auto corrected = five;
  corrected.push_back({0, 1});
  const auto result = WithLiars::run(corrected);
  REQUIRE(result.has_value());
  CHECK(std::ranges::count(result->sum.values(), 0U) == 50);
  auto beyond = five;
  beyond.push_back({0, 1, 2});
  CHECK_FALSE(WithLiars::run(beyond).has_value());
  // Who is left out, and another one who is wrong now: corrected with all shares.
  CHECK(WithLiars::run({{0}, {0}, {0, 5}}).has_value());
}

// Before each call that it is given to do, it may ask for a stop.
struct StoppingExecutor final : Executor {
  explicit StoppingExecutor(int calls) : left(calls) {}
  std::stop_source source;
  int left;  // calls until it asks
  bool asked_within = false;
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override {
    for (std::size_t i = 0; i < count; ++i) {
      if (left == 0 && i == count / 2) asked_within = source.request_stop();
      work(i);
    }
    --left;
  }
  unsigned width() const override { return 2; }
};

TEST_CASE("unmasking that is asked to stop in any of its steps ends without a sum, and blames nobody") {
  for (int calls = 0; calls < 3; ++calls) {
    CAPTURE(calls);
    SecureSession session(kTwelve);
    session.up = [](std::vector<Delivery>& deliveries) { drop<MaskedInput>(deliveries, {3, 7}); };
    REQUIRE(session.run_to("closed"));
    StoppingExecutor executor(calls);
    const auto result = session.aggregator().take_unmasking()->run(executor, executor.source.get_token());
    CHECK(executor.asked_within);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().dealers.empty());
  }
}

}  // namespace
}  // namespace fedspend::testing
