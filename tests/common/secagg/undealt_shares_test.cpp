// A dealer whose shares nobody can open: the session is lost (case 10), and whose fault that is must be known, or one device ends every round.

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "common/crypto/random.h"
#include "common/protocol/certificate.h"
#include "common/protocol/codec.h"
#include "common/secagg/aggregator.h"
#include "common/secagg/participant.h"

namespace fedspend {
namespace {

constexpr std::uint64_t kIssued = 1'700'000'000;
constexpr std::uint32_t kClients = 6;

IdentityKey key_of(std::uint8_t number) {
  SecretBytes<32> seed;
  seed.expose_mutable()[0] = number;
  return IdentityKey::from_seed(seed);
}

// n = 6 is the complete graph: k = 5, t = 3, q = 4.
SessionTerms six_clients() {
  SessionTerms terms;
  terms.task.bytes.fill(7);
  terms.round = RoundId{1};
  terms.assignment.bytes.fill(9);
  terms.cohort = kClients;
  terms.length = 13;
  terms.bits = 21;
  terms.clip_norm_l2 = 1;
  terms.scale = 1000;
  terms.min_clients = 3;
  terms.dropout_ppm = 333'333;
  terms.security_bits = 40;
  terms.failure_bits = 20;
  return terms;
}

struct Cohort {
  SessionTerms terms = six_clients();
  SeededRandom random{5};
  PinnedCredentials credentials{key_of(0).public_key(), "cards"};
  SerialExecutor executor;
  RosterBeacon beacon;
  Aggregator aggregator{terms, beacon};
  std::vector<IdentityKey> keys;
  std::vector<ClientId> ids;
  std::vector<std::unique_ptr<Participant>> clients;
  std::set<std::size_t> undealing;  // seals what no one can open
  std::set<std::size_t> mute;       // does not unmask

  Cohort() {
    for (std::uint8_t i = 0; i < kClients; ++i) {
      keys.push_back(key_of(static_cast<std::uint8_t>(i + 1)));
      ids.push_back(client_id_of(keys[i].public_key()));
      clients.push_back(std::make_unique<Participant>(terms, keys[i].public_key(), random, credentials));
    }
  }
  Signature sign(std::size_t i, MessageType type, const SessionId& session, const Message& message) const {
    return keys[i].sign(signed_digest(type, session, ids[i], encode_body(message)));
  }
  template <class Kind>
  Kind sent(std::size_t i) const {
    const auto outgoing = aggregator.message_for(ids[i]);
    REQUIRE(outgoing.has_value());
    return std::get<Kind>(outgoing->message);
  }
  // What phases wait for by count and by client is what they wait for by list.
  void check_awaited() const {
    const std::vector<ClientId> awaited = aggregator.awaited();
    CHECK(aggregator.awaited_count() == awaited.size());
    for (const ClientId& id : ids) CHECK(aggregator.is_awaited(id) == (std::ranges::find(awaited, id) != awaited.end()));
  }
  void to_masking() {
    for (std::size_t i = 0; i < kClients; ++i) {
      const AdvertiseKeys message = clients[i]->advertise_keys();
      const Bytes certificate = encode_certificate(issue_certificate(key_of(0), "cards", keys[i].public_key(), i + 1, kIssued, kIssued + 1000));
      REQUIRE(aggregator.on_advertise_keys(keys[i].public_key(), certificate, message, sign(i, MessageType::advertise_keys, terms.assignment, message)) == Verdict::accepted);
      check_awaited();
    }
    REQUIRE(aggregator.advance().has_value());
    check_awaited();
    for (std::size_t i = 0; i < kClients; ++i) {
      auto shares = clients[i]->on_roster(sent<RosterView>(i), aggregator.session(), kIssued);
      REQUIRE(shares.has_value());
      if (undealing.contains(i)) std::ranges::fill(shares->sealed, std::uint8_t{1});
      REQUIRE(aggregator.on_share_keys(ids[i], *shares) == Verdict::accepted);
      check_awaited();
    }
    REQUIRE(aggregator.advance().has_value());
    check_awaited();
  }
  Status unmasked() {
    to_masking();
    for (std::size_t i = 0; i < kClients; ++i) {
      REQUIRE(clients[i]->on_shares(sent<DeliverShares>(i)).has_value());
      const auto masked = clients[i]->mask(RingVector(13, 21));
      REQUIRE(masked.has_value());
      REQUIRE(aggregator.on_masked_input(ids[i], masked->message, *masked->packed) == Verdict::accepted);
      check_awaited();
    }
    REQUIRE(aggregator.advance().has_value());
    check_awaited();
    for (std::size_t i = 0; i < kClients; ++i) {
      const auto choice = clients[i]->on_survivors(sent<Survivors>(i));
      REQUIRE(choice.has_value());
      REQUIRE(aggregator.on_sign_survivors(ids[i], *choice, sign(i, MessageType::sign_survivors, aggregator.session(), *choice)) == Verdict::accepted);
      check_awaited();
    }
    REQUIRE(aggregator.advance().has_value());
    check_awaited();
    for (std::size_t i = 0; i < kClients; ++i) {
      const auto outgoing = aggregator.message_for(ids[i]);
      REQUIRE(outgoing.has_value());
      const auto unmask = clients[i]->on_quorum(std::get<Quorum>(outgoing->message), *outgoing->bulk, kIssued, executor);
      REQUIRE(unmask.has_value());
      if (!mute.contains(i)) REQUIRE(aggregator.on_unmask(ids[i], *unmask) == Verdict::accepted);
      check_awaited();
    }
    return aggregator.advance();
  }
};

TEST_CASE("case 24: a dealer whose shares open for nobody ends the session, and is named") {
  Cohort cohort;
  cohort.undealing = {2, 4};
  const Status closed = cohort.unmasked();
  REQUIRE_FALSE(closed.has_value());
  CHECK(closed.error().message == "0 valid shares of a client's secret, of at least 3");
  std::vector<ClientId> expected = {cohort.ids[2], cohort.ids[4]};
  std::ranges::sort(expected);
  CHECK(cohort.aggregator.dealers_at_fault() == expected);
}

TEST_CASE("case 10: who is short of shares because holders were lost is not at fault") {
  Cohort cohort;
  cohort.mute = {0, 1, 3, 5};  // two have revealed, so that nobody has three shares
  REQUIRE_FALSE(cohort.unmasked().has_value());
  CHECK(cohort.aggregator.dealers_at_fault().empty());
}

TEST_CASE("nobody is at fault where the sum is found") {
  Cohort cohort;
  cohort.mute = {1};
  REQUIRE(cohort.unmasked().has_value());
  CHECK(cohort.aggregator.dealers_at_fault().empty());
  const auto sum = cohort.aggregator.take_unmasking()->run(cohort.executor);
  REQUIRE(sum.has_value());
  CHECK(std::ranges::all_of(sum->sum.values(), [](std::uint32_t value) { return value == 0; }));
}

}  // namespace
}  // namespace fedspend
