// Case 33: the beacon that the masking graph is drawn from. A coordinator that grinds makes whole rosters (forged_roster.h) around the
// value that suits it: session id, graph, neighbours and proof fit, and only the beacon does not.
#include "common/secagg/beacon.h"

#include <set>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "tests/common/secagg/forged_roster.h"
#include "tests/common/secagg/hostile_cases.h"
#include "tests/common/secagg/secure_session.h"
#include "tests/common/secagg/signing_beacon.h"

namespace fedspend::testing {
namespace {

constexpr std::size_t kShown = 2;  // the client that is shown a roster, and its position
constexpr SessionOptions kSparse{.clients = 70, .dropout_ppm = 100'000, .external_beacon = true};

Hash256 root_of(std::uint8_t value) {
  Hash256 root{};
  root.fill(value);
  return root;
}
SessionId assignment_of(std::uint8_t value) {
  SessionId assignment;
  assignment.bytes.fill(value);
  return assignment;
}

// s + L for s in the signature (R, s): the same equation holds, and RFC 8032 (5.1.7) has it refused.
Signature with_another_scalar(Signature signature) {
  constexpr std::array<std::uint8_t, 32> order = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += unsigned{signature[32 + i]} + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  return signature;
}
BeaconDraw as_if_signed(const Signature& signature) { return {.value = Hasher("external-beacon").field(signature).finish(), .signature = signature}; }

TEST_CASE("the external beacon's value is the hash of its signature of attempt and root, and another one for any other of the three") {
  const IdentityKey key = beacon_key();
  std::set<Hash256> values;
  for (const std::uint8_t assignment : {std::uint8_t{1}, std::uint8_t{2}})
    for (const std::uint8_t root : {std::uint8_t{1}, std::uint8_t{2}})
      for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}}) {
        const IdentityKey signer = beacon_key(seed);
        const Signature signature = sign_beacon(signer, assignment_of(assignment), root_of(root));
        CHECK(signature == sign_beacon(signer, assignment_of(assignment), root_of(root)));
        const Result<BeaconDraw> draw = open_beacon(signer.public_key(), assignment_of(assignment), root_of(root), signature);
        REQUIRE(draw);
        CHECK(*draw == as_if_signed(signature));
        CHECK(draw->value != default_beacon(root_of(root)));
        CHECK(values.insert(draw->value).second);
        const bool is_its = assignment == 1 && root == 1 && seed == 0;
        CHECK(open_beacon(key.public_key(), assignment_of(1), root_of(1), signature).has_value() == is_its);
      }
  CHECK(code_of(open_beacon(key.public_key(), assignment_of(1), root_of(1), Signature{})) == ErrorCode::unauthorized);
  CHECK(code_of(open_beacon({}, assignment_of(1), root_of(1), Signature{})) == ErrorCode::unauthorized);  // a key of low order
}

TEST_CASE("case 33, external beacon: prevented: a roster around any value but the one that the beacon has signed for it is refused") {
  SecureSession session(kSparse);
  const std::vector<ForgedMember> members = advertised_by(session);
  const Hash256 root = ForgedRoster(session.terms(), members).tree().root();
  const IdentityKey& key = session.external_beacon().key();
  const SessionId& assignment = session.terms().assignment;
  const Signature signature = sign_beacon(key, assignment, root);
  const ForgedRoster honest(session.terms(), members, as_if_signed(signature));
  Signature flipped = signature;
  flipped[7] ^= 1;
  struct Hostile {
    std::string_view what;
    BeaconDraw draw;
    std::string_view why;
  };
  constexpr std::string_view not_signed = "roster: the external beacon has not signed this value for this attempt and roster";
  constexpr std::string_view not_its_hash = "roster: the beacon is not that of its signature";
  for (const Hostile& hostile : {Hostile{"a value of its own, unsigned", {.value = root_of(7)}, not_signed},
                                 Hostile{"another value beside the signature", {.value = root_of(7), .signature = signature}, not_its_hash},
                                 Hostile{"another signature", as_if_signed(flipped), not_signed},
                                 Hostile{"a second form of the signature", as_if_signed(with_another_scalar(signature)), not_signed},
                                 Hostile{"another key's signature", as_if_signed(sign_beacon(beacon_key(9), assignment, root)), not_signed},
                                 Hostile{"a signature for another root", as_if_signed(sign_beacon(key, assignment, root_of(7))), not_signed},
                                 Hostile{"a signature for another attempt", as_if_signed(sign_beacon(key, assignment_of(7), root)), not_signed},
                                 Hostile{"the roster's own beacon", {.value = default_beacon(root)}, not_signed},
                                 Hostile{"the roster's own beacon beside the signature", {.value = default_beacon(root), .signature = signature}, not_its_hash},
                                 Hostile{"the value, unsigned", {.value = as_if_signed(signature).value}, not_signed}}) {
    CAPTURE(hostile.what);
    const ForgedRoster forged(session.terms(), members, hostile.draw);
    CHECK((forged.graph().neighbours(kShown) != honest.graph().neighbours(kShown)) == (hostile.draw.value != as_if_signed(signature).value));
    CHECK(reason_of(session.deliver_to_client(forged.view_for(kShown, kShown))) == hostile.why);
  }
  CHECK(session.sent().empty());
  // It is as it was, and a whole round with the beacon's value goes through.
  const SessionEnd end = session.run();
  CHECK(end.is_right);
  CHECK(end.contributors.size() == 70);
  CHECK(session.aggregator().session() == honest.session());
  CHECK(session.leak() == "");
}

TEST_CASE("case 33, external beacon: its value decides the graph, and a graph or a session of another value is refused beside it") {
  SecureSession session(kSparse);
  const std::vector<ForgedMember> members = advertised_by(session);
  const ForgedRoster other(session.terms(), members);
  const BeaconDraw draw = as_if_signed(sign_beacon(session.external_beacon().key(), session.terms().assignment, other.tree().root()));
  const ForgedRoster drawn(session.terms(), members, draw);
  Delivery mixed = drawn.view_for(kShown, kShown);
  mixed.session = other.session();
  CHECK(reason_of(session.deliver_to_client(mixed)) == "roster: the session id is not that of its contents");
  mixed = other.view_for(kShown, kShown);
  std::get<RosterView>(mixed.message).beacon = draw.value;
  std::get<RosterView>(mixed.message).beacon_signature = draw.signature;
  mixed.session = drawn.session();
  CHECK(reason_of(session.deliver_to_client(mixed)) == "roster: a client that is not a neighbour");
  CHECK(session.deliver_to_client(drawn.view_for(kShown, kShown)).has_value());
}

TEST_CASE("case 33: a client that pins no beacon key takes no external beacon, and one that pins another takes none of this one") {
  SecureSession session(kSparse);
  const std::vector<ForgedMember> members = advertised_by(session);
  const Hash256 root = ForgedRoster(session.terms(), members).tree().root();
  const ForgedRoster honest(session.terms(), members, as_if_signed(sign_beacon(session.external_beacon().key(), session.terms().assignment, root)));
  PinnedCredentials credentials(session.authority().public_key(), std::string(kSessionPopulation));
  const auto answer = [&](std::optional<IdentityPublicKey> pinned, const Delivery& shown) {
    SeededRandom same = session.client(kShown).same_random;
    Participant participant(session.terms(), session.client(kShown).identity.public_key(), same, credentials, pinned);
    return participant.on_roster(std::get<RosterView>(shown.message), shown.session, kSessionTime_s);
  };
  CHECK(answer(session.external_beacon().key().public_key(), honest.view_for(kShown, kShown)).has_value());
  const auto unpinned = answer(std::nullopt, honest.view_for(kShown, kShown));
  CHECK(code_of(unpinned) == ErrorCode::refused);
  CHECK(reason_of(unpinned) == "roster: an external beacon, and this device pins no key to check it by");
  CHECK(reason_of(answer(std::nullopt, ForgedRoster(session.terms(), members).view_for(kShown, kShown))) == reason_of(unpinned));
  CHECK(code_of(answer(beacon_key(9).public_key(), honest.view_for(kShown, kShown))) == ErrorCode::unauthorized);
}

TEST_CASE("case 33, the roster's own beacon: no other value and nothing signed is taken, not even by the external beacon") {
  SessionOptions options = kSparse;
  options.external_beacon = false;
  SecureSession session(options);
  const std::vector<ForgedMember> members = advertised_by(session);
  const Hash256 root = ForgedRoster(session.terms(), members).tree().root();
  const Signature signature = sign_beacon(session.external_beacon().key(), session.terms().assignment, root);
  Signature last_byte{};
  last_byte[63] = 1;
  for (const auto& [draw, why] : {std::pair{BeaconDraw{.value = root_of(7)}, "roster: the beacon is not that of its root"},
                                  {as_if_signed(signature), "roster: a signed beacon, and the plan has the roster's own"},
                                  {BeaconDraw{.value = default_beacon(root), .signature = signature}, "roster: a signed beacon, and the plan has the roster's own"},
                                  {BeaconDraw{.value = default_beacon(root), .signature = last_byte}, "roster: a signed beacon, and the plan has the roster's own"}}) {
    const ForgedRoster forged(session.terms(), members, draw);
    CHECK(reason_of(session.deliver_to_client(forged.view_for(kShown, kShown))) == why);
  }
  CHECK(session.sent().empty());
  CHECK(session.external_beacon().asked.empty());
  CHECK(session.run().is_right);
}

}  // namespace
}  // namespace fedspend::testing
