// A coordinator that makes rosters of its own, with every hash, proof and session id as the protocol has them: keys that are none,
// members twice, other parameters for one client, its own keys in a client's place. No client goes on. (A graph of its choice: beacon_test.cpp.)
#include <algorithm>

#include "common/protocol/certificate.h"
#include "common/protocol/codec.h"
#include "tests/common/secagg/forged_roster.h"
#include "tests/common/secagg/hostile_cases.h"

namespace fedspend::testing {
namespace {

void check_nothing_left(SecureSession& session) {
  CHECK(session.sent().empty());
  CHECK(session.leak() == "");
}

// The roster itself is consistent, so that proof, session id and graph are right and nothing but the repetition is wrong.
TEST_CASE("case 5: a roster with an identity or a key twice is refused though everything else in it is right") {
  SecureSession session({.clients = 8});
  std::vector<ForgedMember> members = advertised_by(session);
  SUBCASE("an identity at two positions") {
    members[5] = members[4];
    const ForgedRoster roster(session.terms(), members);
    // Who is there twice finds itself among its own neighbours.
    for (const std::size_t i : {0U, 1U, 2U, 3U, 4U, 6U, 7U})
      CHECK(reason_of(session.deliver_to_client(roster.view_for(i, static_cast<std::uint32_t>(i)))) == "roster: an identity is there twice");
  }
  SUBCASE("a mask key that two have signed") {
    members[5].keys.mask = members[4].keys.mask;
    sign_keys(members[5], session.client(5).identity, session.terms().assignment);
    const ForgedRoster roster(session.terms(), members);
    for (const std::size_t i : {0U, 1U, 2U, 3U, 4U, 6U, 7U})
      CHECK(reason_of(session.deliver_to_client(roster.view_for(i, static_cast<std::uint32_t>(i)))) == "roster: a key is there twice");
  }
  CHECK(session.run().is_right);
}

// The neighbour is hostile and has signed it, and the server passes it on in a roster that is right in all else.
TEST_CASE("cases 21, 22 and 23: a client that is sent a key that is none aborts, though its owner has signed it") {
  using Key = std::array<std::uint8_t, 32>;
  const Key zero{};
  Key not_canonical;  // RFC 9496, A.2: 2^255 - 1 and the like are no field elements
  not_canonical.fill(0xff);
  const Key negative = {1};
  Key high_bit = {9};
  high_bit[31] = 0x80;
  Key prime;  // 2^255 - 19
  prime.fill(0xff);
  prime[0] = 0xed;
  prime[31] = 0x7f;
  const Key one = {1};
  struct Bad {
    std::string_view name;
    bool is_mask;
    Key key;
  };
  for (const Bad& bad : {Bad{"21: ristretto, not canonical", true, not_canonical}, Bad{"21: ristretto, negative", true, negative},
      Bad{"22: the identity", true, zero},
                         Bad{"22: X25519, all zero", false, zero}, Bad{"23: X25519, low order", false, one}, Bad{"23: X25519, u = p", false, prime},
                         Bad{"23: X25519, bit 255", false, high_bit}}) {
    CAPTURE(bad.name);
    SecureSession session;
    std::vector<ForgedMember> members = advertised_by(session);
    (bad.is_mask ? members[5].keys.mask : members[5].keys.agreement) = bad.key;
    sign_keys(members[5], session.client(5).identity, session.terms().assignment);
    const ForgedRoster roster(session.terms(), members);
    for (const std::size_t i : {0U, 1U, 2U, 3U, 4U, 6U}) {
      const auto answer = session.deliver_to_client(roster.view_for(i, static_cast<std::uint32_t>(i)));
      REQUIRE_FALSE(answer.has_value());
      CHECK(answer.error().code == ErrorCode::malformed);
      CHECK(holds(answer.error().message, bad.is_mask ? "ristretto" : "X25519"));
    }
    // They are as they were: the round with what was really advertised ends right.
    CHECK(session.run().is_right);
  }
}

// The same top under another n, where the last leaf is promoted: SECAGG.md's root would not tell them apart.
TEST_CASE("a roster of another n with the same leaves on its way up: refused") {
  SecureSession session({.clients = 9});
  const ForgedRoster roster(session.terms(), advertised_by(session));
  for (const std::uint32_t clients : {8U, 7U, 5U}) {
    Delivery delivery = roster.view_for(3, 3);
    auto& view = std::get<RosterView>(delivery.message);
    view.clients = clients;
    const SessionParameters parameters = *derive_parameters(session.terms(), clients);
    delivery.session = secure_session_id(session.terms(), parameters, view.root, view.beacon);
    // With the neighbours that the graph of so many has, and their true leaves.
    const MaskingGraph graph = MaskingGraph::draw(clients, parameters.degree, view.root, view.beacon);
    view.neighbours.clear();
    std::vector<std::uint32_t> shown = {3};
    for (const Neighbour& neighbour : graph.neighbours(3)) {
      const ForgedMember& member = roster.member(neighbour.position);
      NeighbourKeys keys{.position = neighbour.position, .identity = member.identity, .keys = member.keys, .signature = member.signature};
      std::ranges::copy(member.certificate, keys.certificate.begin());
      view.neighbours.push_back(keys);
      shown.push_back(neighbour.position);
    }
    std::ranges::sort(shown);
    view.proof = roster.tree().proof(shown);
    const auto answer = session.deliver_to_client(delivery);
    REQUIRE_FALSE(answer.has_value());
    CHECK_MESSAGE(holds(answer.error().message, "Merkle proof"), answer.error().message);
  }
  CHECK(session.run().is_right);
}

// One of the clients is in a cohort of its own: it was given another model, plan, attempt, round, task or number of devices.
TEST_CASE("case 26: another assignment for one client: nobody's signature verifies, and everybody aborts") {
  ModelHash model;
  PlanHash plan;
  model.bytes[0] = 1;
  plan.bytes[0] = 2;
  const SessionTerms base = terms_of({});
  const auto assignment = [&](const TaskId& task, RoundId round, const ModelHash& of_model, const PlanHash& of_plan, std::uint32_t cohort,
      std::uint8_t attempt) {
    return session_id(task, round, of_model, of_plan, cohort, {attempt});
  };
  TaskId other_task = base.task;
  other_task.bytes[3] ^= 1;
  const SessionId common = assignment(base.task, base.round, model, plan, 7, 1);
  const SessionId others[] = {assignment(base.task, base.round, ModelHash{}, plan, 7, 1), assignment(base.task, base.round, model, PlanHash{}, 7, 1),
                              assignment(base.task, base.round, model, plan, 8, 1),       assignment(base.task, base.round, model, plan, 7, 2),
                              assignment(base.task, RoundId{4}, model, plan, 7, 1),       assignment(other_task, base.round, model, plan, 7, 1)};
  for (const SessionId& other : others) {
    SecureSession session({}, [&](std::size_t client, SessionTerms& terms) { terms.assignment = client == 4 ? other : common; });
    for (const SessionId& shown : {common, other}) {
      // Under either assignment, and signed as each has signed: there are no other signatures.
      SessionTerms terms = base;
      terms.assignment = shown;
      const ForgedRoster roster(terms, advertised_by(session));
      for (std::size_t i = 0; i < 7; ++i) {
        const auto answer = session.deliver_to_client(roster.view_for(i, static_cast<std::uint32_t>(i)));
        REQUIRE_FALSE(answer.has_value());
        CHECK(answer.error().message == ((i == 4) == (shown == other) ? "roster: a neighbour has not signed its keys for this task, round, model, plan and attempt"
                                                                      : "roster: the session id is not that of its contents"));
      }
    }
    CHECK(session.sent().empty());
  }
}

// The plan's hash is in the assignment, so that parameters cannot differ alone, but for the round's clip norm; if they did, they would be in
// the session id.
TEST_CASE("case 26: any single parameter of the terms that differs for one client: it gets no share opened, and there is no sum") {
  using Alter = std::function<void(SessionTerms&)>;
  const std::vector<Alter> alters = {
      [](SessionTerms& terms) { terms.length = 39; },
      [](SessionTerms& terms) { terms.bits = 15; },
      [](SessionTerms& terms) { terms.clip_norm_l2 = 2.0; },
      [](SessionTerms& terms) { terms.scale = 128.0; },
      [](SessionTerms& terms) { terms.min_clients = 4; },
      [](SessionTerms& terms) { terms.corrupt_ppm = 90'000; },
      [](SessionTerms& terms) { terms.dropout_ppm = 280'000; },
      [](SessionTerms& terms) { terms.threat = Threat::curious; },
      [](SessionTerms& terms) { terms.security_bits = 41; },
      [](SessionTerms& terms) { terms.failure_bits = 19; },
  };
  constexpr std::size_t kOther = 4;
  for (std::size_t which = 0; which < alters.size(); ++which) {
    CAPTURE(which);
    const auto terms_for = [&](std::size_t client, SessionTerms& terms) {
      if (client == kOther) alters[which](terms);
    };
    // Shown the session of the others.
    SecureSession honest({}, terms_for);
    const SessionEnd without = honest.run();
    CHECK(without.is_right);
    CHECK(without.contributors.size() == 6);
    REQUIRE(honest.client(kOther).refusals.size() >= 1);
    CHECK(honest.client(kOther).refusals[0].message == "roster: the session id is not that of its contents");
    CHECK(honest.leak() == "");
    // Shown one of its own.
    SecureSession session({}, terms_for);
    session.client(kOther).update = RingVector(session.client(kOther).participant->terms().length, session.client(kOther).participant->terms().bits);
    session.down = [&](std::vector<Delivery>& deliveries) {
      for (Delivery& delivery : deliveries) {
        const auto* view = std::get_if<RosterView>(&delivery.message);
        if (delivery.client != kOther || view == nullptr) continue;
        const SessionTerms& terms = session.client(kOther).participant->terms();
        delivery.session = secure_session_id(terms, *derive_parameters(terms, 7), view->root, view->beacon);
      }
    };
    const SessionEnd end = session.run();
    CHECK(holds(end.aborted, "valid shares of a client's secret"));
    CHECK_FALSE(session.client(kOther).has_unmasked);
    CHECK(session.leak() == "");
  }
}

TEST_CASE("key substitution: a neighbour's C, R or K replaced by the server's own: refused") {
  SeededRandom random(11);
  const SecretScalar own_scalar = SecretScalar::random(random);
  const std::array<std::uint8_t, 32> own_agreement = AgreementKey::generate(random).public_key().bytes();
  const std::array<std::uint8_t, 32> own_mask = RistrettoPoint::base_times(own_scalar)->bytes();
  using Alter = std::function<void(RoundKeys&)>;
  for (const Alter& alter : {Alter([&](RoundKeys& keys) { keys.agreement = own_agreement; }), Alter([&](RoundKeys& keys) { keys.mask = own_mask; }),
                             Alter([&](RoundKeys& keys) { keys.commitment = own_mask; })}) {
    // In what one client is shown alone.
    check_client_refuses<RosterView>([&](RosterView& view) { alter(view.neighbours[3].keys); }, ErrorCode::unauthorized, "Merkle proof");
    // In the roster itself.
    SecureSession session;
    std::vector<ForgedMember> members = advertised_by(session);
    const std::vector<ForgedMember> right = members;
    alter(members[5].keys);
    const ForgedRoster roster(session.terms(), members);
    for (std::size_t i = 0; i < 7; ++i) {
      const auto answer = session.deliver_to_client(roster.view_for(i, static_cast<std::uint32_t>(i)));
      REQUIRE_FALSE(answer.has_value());
      CHECK(holds(answer.error().message, i == 5 ? "Merkle proof" : "has not signed its keys"));
    }
    // Signed by the server in the client's name.
    const IdentityKey own = IdentityKey::generate(random);
    members[5].signature = own.sign(signed_digest(MessageType::advertise_keys, session.terms().assignment, session.client(5).id,
        encode_body(AdvertiseKeys{members[5].keys})));
    const ForgedRoster forged(session.terms(), members);
    for (const std::uint32_t i : {0U, 1U, 2U, 3U, 4U, 6U})
      CHECK(holds(reason_of(session.deliver_to_client(forged.view_for(i, i))), "has not signed its keys"));
    check_nothing_left(session);
    CHECK(session.run().is_right);
  }
}

TEST_CASE("key substitution: the server in a client's place, with no certificate, one of another authority or population, or one that has expired") {
  SeededRandom random(12);
  const IdentityKey own = IdentityKey::generate(random);
  const IdentityKey own_authority = IdentityKey::generate(random);
  SecureSession session;
  struct Bad {
    Bytes certificate;
    std::string_view why;
  };
  const std::uint64_t later_s = kSessionTime_s + 1'000;
  const Bytes of_another_population =
      encode_certificate(issue_certificate(session.authority(), "another", own.public_key(), 1, kSessionTime_s - 1'000, later_s));
  const Bytes not_yet = encode_certificate(
      issue_certificate(session.authority(), kSessionPopulation, own.public_key(), 1, kSessionTime_s + kCertificateClockTolerance_s + 1,
          kSessionTime_s + 2 * kCertificateClockTolerance_s));
  for (const Bad& bad : {Bad{session.client(5).certificate, "signed"}, Bad{session.certificate_for(own.public_key(), own_authority, later_s), "signed"},
                         Bad{of_another_population, "signed"}, Bad{not_yet, "valid"},
                             Bad{session.certificate_for(own.public_key(), session.authority(), kSessionTime_s), "expired"}}) {
    CAPTURE(bad.why);
    std::vector<ForgedMember> members = advertised_by(session);
    ForgedMember& place = members[5];
    place = {.identity = own.public_key(), .certificate = bad.certificate, .keys = {}};
    place.keys = {.agreement = AgreementKey::generate(random).public_key().bytes(),
        .mask = RistrettoPoint::base_times(SecretScalar::random(random))->bytes(), .commitment = {3}};
    sign_keys(place, own, session.terms().assignment);
    std::ranges::sort(members, {}, [](const ForgedMember& member) { return client_id_of(member.identity); });
    const ForgedRoster roster(session.terms(), members);
    for (std::uint32_t position = 0; position < 7; ++position) {
      const std::optional<std::size_t> client = session.index_of(client_id_of(members[position].identity));
      if (!client) continue;
      const auto answer = session.deliver_to_client(roster.view_for(*client, position));
      REQUIRE_FALSE(answer.has_value());
      CHECK(answer.error().code == ErrorCode::unauthorized);
      CHECK_MESSAGE(holds(answer.error().message, bad.why), answer.error().message);
    }
  }
  check_nothing_left(session);
  CHECK(session.run().is_right);
}

}  // namespace
}  // namespace fedspend::testing
