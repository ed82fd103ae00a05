// The client against a server that sends what it should not: hostile cases of SECAGG.md, each named. What needs a server that lies
// consistently over several messages, or in a whole roster, is in malicious_coordinator_test.cpp and malicious_roster_test.cpp.
#include "common/secagg/participant.h"

#include <algorithm>

#include "common/secagg/shamir.h"
#include "tests/common/secagg/forged_roster.h"
#include "tests/common/secagg/hostile_cases.h"

namespace fedspend::testing {
namespace {

constexpr std::size_t kVictim = 2;

TEST_CASE("a clean round gives the sum, whichever the sizes") {
  for (const std::uint32_t clients : {3U, 4U, 5U, 7U, 16U, 40U}) {
    CAPTURE(clients);
    SecureSession session({.clients = clients, .bits = clients == 16 ? 32U : 13U, .dropout_ppm = clients < 5 ? 0U : 200'000});
    const SessionEnd end = session.run();
    CHECK(end.aborted == "");
    CHECK(end.is_right);
    CHECK(end.contributors.size() == clients);
    CHECK(end.masks == clients);
    CHECK(session.refusals() == 0);
    CHECK(session.leak() == "");
    for (std::size_t i = 0; i < clients; ++i) CHECK(session.client(i).participant->unopened() == 0);
  }
}

TEST_CASE("case 1: a message of the server that is repeated changes nothing; a survivor set is answered as before") {
  SecureSession session;
  REQUIRE(session.run_to("signing"));
  const Delivery shown = *session.message_for(kVictim);
  const auto first = session.client(kVictim).participant->on_survivors(std::get<Survivors>(shown.message));
  const auto again = session.client(kVictim).participant->on_survivors(std::get<Survivors>(shown.message));
  REQUIRE(first.has_value());
  REQUIRE(again.has_value());
  CHECK(first->choice == again->choice);
  CHECK(session.run().is_right);
  // The shares leave once.
  SerialExecutor serial;
  CHECK(code_of(session.client(kVictim).participant->on_quorum({}, {}, kSessionTime_s, serial)) == ErrorCode::conflict);
}

TEST_CASE("case 2: another session, round or task is not that of the roster's contents: the client aborts") {
  check_client_refuses<RosterView>([](RosterView&, Delivery& delivery, SecureSession&) { delivery.session.bytes[0] ^= 1; }, ErrorCode::refused, "session id");
  for (const std::uint64_t round : {3U, 4U}) {
    for (const std::uint64_t attempt : {1U, 2U}) {
      if (round == 3 && attempt == 1) continue;
      check_client_refuses<RosterView>(
          [&](RosterView& view, Delivery& delivery, SecureSession&) {
            SecureSession other({.round = round, .attempt = attempt});
            REQUIRE(other.run_to("sharing"));
            delivery = *other.message_for(kVictim);
            view = std::get<RosterView>(delivery.message);
          },
          ErrorCode::refused, "session id");
    }
  }
}

TEST_CASE("case 3: a message of another phase is a conflict and changes nothing") {
  SecureSession early;
  std::vector<Delivery> of_each_phase;  // to the victim
  SecureSession model;
  for (const std::string_view phase : {"sharing", "masking", "signing", "revealing"}) {
    REQUIRE(model.run_to(phase));
    of_each_phase.push_back(*model.message_for(kVictim));
  }
  std::uint32_t wrong = 0;
  std::size_t at = 0;
  early.down = [&](std::vector<Delivery>& deliveries) {
    for (std::size_t i = of_each_phase.size(); i-- > 0;) {
      if (i == at || (i < at && std::holds_alternative<Survivors>(of_each_phase[i].message))) continue;
      Delivery other = of_each_phase[i];
      // Not a repetition, which would be answered as before by the caller.
      if (auto* view = std::get_if<RosterView>(&other.message)) view->beacon[0] ^= 1;
      if (auto* shares = std::get_if<DeliverShares>(&other.message)) shares->sealed[0] ^= 1;
      deliveries.insert(deliveries.begin(), other);
      ++wrong;
    }
    ++at;
  };
  CHECK(early.run().is_right);
  CHECK(early.refusals() == wrong);
  CHECK(wrong == 3 + 3 + 3 + 2);
  for (const Error& error : early.client(kVictim).refusals) CHECK(error.code == ErrorCode::conflict);
  CHECK(early.leak() == "");
}

NeighbourKeys& at_position(RosterView& view, std::uint32_t position) {
  const auto found = std::ranges::find(view.neighbours, position, &NeighbourKeys::position);
  REQUIRE(found != view.neighbours.end());
  return *found;
}

TEST_CASE("case 5: an identity or a key twice among a client, its neighbours or the signers: the client aborts") {
  using Alter = std::function<void(RosterView&, Delivery&, SecureSession&)>;
  const auto refused = [](const Alter& alter, std::string_view why) { check_client_refuses<RosterView>(alter, ErrorCode::refused, why); };
  refused([](RosterView& view, Delivery&, SecureSession&) { at_position(view, 5).identity = at_position(view, 4).identity; }, "identity is there twice");
  refused([](RosterView& view, Delivery&, SecureSession& session) { at_position(view, 3).identity = session.client(kVictim).identity.public_key(); }, "identity is there twice");
  refused([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[1].keys.agreement = view.neighbours[0].keys.agreement; }, "key is there twice");
  refused([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[4].keys.mask = view.neighbours[2].keys.mask; }, "key is there twice");
  refused([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[4].keys.commitment = view.neighbours[2].keys.mask; }, "key is there twice");
  refused([](RosterView& view, Delivery&, SecureSession& session) { view.neighbours[0].keys.mask = session.client(kVictim).participant->advertise_keys().keys.mask; },
          "key is there twice");
  refused([](RosterView& view, Delivery&, SecureSession& session) { view.neighbours[0].keys.commitment = session.client(kVictim).participant->advertise_keys().keys.commitment; },
          "key is there twice");
  refused([](RosterView& view, Delivery&, SecureSession&) { std::swap(view.neighbours[0].identity, view.neighbours[1].identity); }, "not sorted");
}

TEST_CASE("case 6: a neighbour's keys with a bad signature or certificate: the client aborts") {
  const auto unauthorized = [](const std::function<void(RosterView&, Delivery&, SecureSession&)>& alter, std::string_view why) {
    check_client_refuses<RosterView>(alter, ErrorCode::unauthorized, why);
  };
  unauthorized([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[3].signature[5] ^= 1; }, "has not signed its keys");
  unauthorized([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[3].signature = view.neighbours[2].signature; }, "has not signed its keys");
  unauthorized([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[3].certificate[30] ^= 1; }, "");
  unauthorized([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[3].certificate = view.neighbours[2].certificate; }, "");
  unauthorized(
      [](RosterView& view, Delivery&, SecureSession& session) {
        const Bytes expired = session.certificate_for(view.neighbours[3].identity, session.authority(), kSessionTime_s);
        std::ranges::copy(expired, view.neighbours[3].certificate.begin());
      },
      "expired");
  unauthorized(
      [](RosterView& view, Delivery&, SecureSession& session) {
        const Bytes other = session.certificate_for(view.neighbours[3].identity, session.client(1).identity, kSessionTime_s + 1'000);
        std::ranges::copy(other, view.neighbours[3].certificate.begin());
      },
      "");
}

// Whatever does not open is skipped: the share is missing in Unmask, and nothing else changes.
void check_skipped(const std::function<void(DeliverShares&, SecureSession&)>& alter, std::uint32_t unopened) {
  SecureSession session;
  session.down = [&](std::vector<Delivery>& deliveries) { change<DeliverShares>(deliveries, kVictim, [&](DeliverShares& shares) { alter(shares, session); }); };
  REQUIRE(session.run_to("revealing"));
  CHECK(session.client(kVictim).participant->unopened() == unopened);
  session.down = nullptr;
  const SessionEnd end = session.run();
  CHECK(end.is_right);
  CHECK(end.contributors.size() == 7);
  CHECK(end.wrong_holders.empty());
  CHECK(session.refusals() == 0);
  const auto unmask = std::ranges::find_if(session.sent(), [](const Delivery& sent) { return sent.client == kVictim && std::holds_alternative<Unmask>(sent.message); });
  REQUIRE(unmask != session.sent().end());
  CHECK(PositionSet::parse(6, std::get<Unmask>(unmask->message).opened)->count() == 6 - unopened);
  CHECK(std::get<Unmask>(unmask->message).shares.size() == 32 * (6 - unopened));
  CHECK(session.leak() == "");
}

std::span<std::uint8_t> sealed(DeliverShares& shares, std::size_t i) { return std::span(shares.sealed).subspan(i * kSealedShareBytes, kSealedShareBytes); }

TEST_CASE("case 7: a share meant for another recipient does not open, and is skipped") {
  // What others were sent in its place.
  for (const std::size_t other : {0U, 1U, 6U}) {
    check_skipped(
        [&](DeliverShares& shares, SecureSession& session) {
          const DeliverShares theirs = std::get<DeliverShares>(session.message_for(other)->message);
          std::ranges::copy(std::span(theirs.sealed).subspan(3 * kSealedShareBytes, kSealedShareBytes), sealed(shares, 3).begin());
        },
        1);
  }
  // Its own, of two senders the other way round.
  check_skipped([](DeliverShares& shares, SecureSession&) { std::ranges::swap_ranges(sealed(shares, 1), sealed(shares, 4)); }, 2);
  // All for another recipient.
  check_skipped([](DeliverShares& shares, SecureSession& session) { shares.sealed = std::get<DeliverShares>(session.message_for(0)->message).sealed; }, 6);
}

TEST_CASE("case 8: a flipped bit in a ciphertext: that share is skipped, the others open") {
  for (const std::size_t byte : {0U, 23U, 24U, 60U, 87U, 88U, 103U}) check_skipped([&](DeliverShares& shares, SecureSession&) { sealed(shares, 2)[byte] ^= 0x40; }, 1);
  check_skipped([](DeliverShares& shares, SecureSession&) { for (std::size_t i = 0; i < 3; ++i) sealed(shares, 2 * i)[50] ^= 1; }, 3);
}

// The dealer is hostile: it seals what it likes with the right key.
TEST_CASE("case 9: a share that is no canonical scalar is skipped like one that does not open") {
  for (const bool of_the_self_mask : {false, true}) {
    check_skipped(
        [&](DeliverShares& shares, SecureSession& session) {
          const std::vector<ForgedMember> members = advertised_by(session);
          const ForgedRoster roster(session.terms(), members);
          REQUIRE(roster.session() == session.aggregator().session());
          const std::uint32_t dealer = roster.graph().neighbours(kVictim)[3].position;
          SeededRandom random = session.client(dealer).same_random;
          (void)SecretScalar::random(random);
          (void)SecretScalar::random(random);
          SecretBytes<32> secret;
          random.fill(secret.expose_mutable());
          const ShareChannel channel(roster.session(), session.client(dealer).id, AgreementKey::from_secret(std::move(secret)), session.client(kVictim).id,
                                     *AgreementPublicKey::parse(members[kVictim].keys.agreement));
          std::array<std::uint8_t, 32> above;  // the order of the group is below 2^253
          above.fill(0xff);
          const std::array<std::uint8_t, 32> fine{};
          const Bytes made = channel.seal(*roster.graph().coordinate(dealer, kVictim), of_the_self_mask ? fine : above, of_the_self_mask ? above : fine, random);
          std::ranges::copy(made, sealed(shares, 3).begin());
        },
        1);
  }
}

TEST_CASE("case 11: fewer left than the minimum, the quorum or the threshold: the client refuses") {
  const auto only = [](const PositionSet& positions) { return positions.bitmap(); };
  PositionSet two(7);
  two.insert(kVictim);
  two.insert(3);
  PositionSet three = two;
  three.insert(4);
  PositionSet four = three;
  four.insert(5);
  check_client_refuses<DeliverShares>([&](DeliverShares& shares, Delivery&, SecureSession&) { shares.sharing = only(two); }, ErrorCode::refused, "below the least");
  // Three would do for the minimum; of three, two are neighbours, below t = 4.
  check_client_refuses<DeliverShares>([&](DeliverShares& shares, Delivery&, SecureSession&) { shares.sharing = only(three); }, ErrorCode::refused, "below the threshold");
  check_client_refuses<Survivors>([&](Survivors& survivors, Delivery&, SecureSession&) { survivors.survivors = only(two); }, ErrorCode::refused, "too few");
  check_client_refuses<Survivors>([&](Survivors& survivors, Delivery&, SecureSession&) { survivors.survivors = only(three); }, ErrorCode::refused, "too few");  // q = 4
  check_client_refuses<Survivors>([&](Survivors& survivors, Delivery&, SecureSession&) { survivors.survivors = only(four); }, ErrorCode::refused, "below the threshold");
  const SessionOptions five{.min_clients = 5, .dropout_ppm = 280'000};
  check_client_refuses<DeliverShares>([&](DeliverShares& shares, Delivery&, SecureSession&) { shares.sharing = only(four); }, ErrorCode::refused, "below the least", five);
  check_client_refuses<Survivors>([&](Survivors& survivors, Delivery&, SecureSession&) { survivors.survivors = only(four); }, ErrorCode::refused, "too few", five);
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.clients = 2; }, ErrorCode::refused, "below the least");
}

TEST_CASE("case 11: t - 1 neighbours left are refused where the whole cohort is large enough, t are not") {
  const SessionOptions options{.clients = 70, .length = 40, .dropout_ppm = 100'000};
  std::uint32_t threshold = 0;
  const auto with_alive = [&](SecureSession& session, std::uint32_t alive, const PositionSet& from) {
    const ForgedRoster roster(session.terms(), advertised_by(session));
    threshold = roster.parameters().threshold;
    REQUIRE(roster.parameters().degree < 69);
    PositionSet set(70);
    std::uint32_t left = 0;
    const std::vector<Neighbour> neighbours = roster.graph().neighbours(kVictim);
    for (const std::uint32_t position : from.positions()) {
      const bool is_neighbour = std::ranges::any_of(neighbours, [&](const Neighbour& neighbour) { return neighbour.position == position; });
      if (is_neighbour && left++ >= alive) continue;
      set.insert(position);
    }
    return set;
  };
  PositionSet all(70);
  for (std::uint32_t i = 0; i < 70; ++i) all.insert(i);
  SecureSession session(options);
  REQUIRE(session.run_to("signing"));
  Participant& participant = *session.client(kVictim).participant;
  Survivors shown = std::get<Survivors>(session.message_for(kVictim)->message);
  (void)with_alive(session, 0, all);
  shown.survivors = with_alive(session, threshold - 1, all).bitmap();
  CHECK(reason_of(participant.on_survivors(shown)) == "survivors: " + std::to_string(threshold - 1) + " neighbours are left, below the threshold");
  shown.survivors = with_alive(session, threshold, all).bitmap();
  CHECK(holds(reason_of(participant.on_survivors(shown)), "Merkle proof"));  // it goes on to the proof, which is that of another set
  CHECK(session.run().is_right);
}

TEST_CASE("case 13: a client that has signed one survivor set signs no other") {
  // Both sets are ones that it would sign.
  SecureSession session;
  REQUIRE(session.run_to("signing"));
  std::vector<Hash256> hashes;
  for (const Delivery& sent : session.sent()) {
    if (const auto* input = std::get_if<MaskedInput>(&sent.message)) hashes.push_back(merkle_leaf_hash(input->bulk_hash));
  }
  REQUIRE(hashes.size() == 7);
  const auto without = [&](std::uint32_t left_out) {
    PositionSet set(7);
    std::vector<Hash256> leaves;
    for (std::uint32_t i = 0; i < 7; ++i) {
      if (i == left_out) continue;
      set.insert(i);
      leaves.push_back(hashes[i]);
    }
    const MerkleTree tree(leaves);
    const std::uint32_t rank = set.rank(kVictim);
    return Survivors{set.bitmap(), tree.root(), tree.proof(std::span(&rank, 1))};
  };
  Participant& participant = *session.client(kVictim).participant;
  const auto first = participant.on_survivors(without(6));
  REQUIRE(first.has_value());
  CHECK(code_of(participant.on_survivors(without(5))) == ErrorCode::conflict);
  CHECK(code_of(participant.on_survivors(std::get<Survivors>(session.message_for(kVictim)->message))) == ErrorCode::conflict);
  // The same once more is answered, also after the attempt.
  CHECK(participant.on_survivors(without(6))->choice == first->choice);
  // Another root over the same set is another choice.
  Survivors other_root = without(6);
  std::vector<Hash256> leaves(hashes.begin(), hashes.begin() + 6);
  leaves[0][0] ^= 1;
  const MerkleTree tree(leaves);
  const std::uint32_t rank = kVictim;
  other_root.inputs_root = tree.root();
  other_root.proof = tree.proof(std::span(&rank, 1));
  CHECK(code_of(participant.on_survivors(other_root)) == ErrorCode::conflict);
  // The others: the victim counts as a client that has not signed, and the quorum is over what it has not signed.
  const SessionEnd end = session.run();
  CHECK(end.is_right);
  CHECK_FALSE(session.client(kVictim).has_unmasked);
  CHECK(session.unmasked() == 6);
}

TEST_CASE("case 15: a client that finds itself listed as dropped aborts") {
  const auto without_victim = [](Bytes& bitmap) { bitmap[0] = static_cast<std::uint8_t>(bitmap[0] & ~(1U << kVictim)); };
  check_client_refuses<DeliverShares>([&](DeliverShares& shares, Delivery&, SecureSession&) { without_victim(shares.sharing); }, ErrorCode::refused, "this client is said to have dropped out");
  check_client_refuses<Survivors>([&](Survivors& survivors, Delivery&, SecureSession&) { without_victim(survivors.survivors); }, ErrorCode::refused,
                                  "this client is said to have dropped out");
}

TEST_CASE("case 15: a client whose masked input is not the one it sent aborts") {
  check_client_refuses<Survivors>([](Survivors& survivors, Delivery&, SecureSession&) { survivors.inputs_root[3] ^= 1; }, ErrorCode::unauthorized, "Merkle proof");
  check_client_refuses<Survivors>([](Survivors& survivors, Delivery&, SecureSession&) { survivors.proof[0][3] ^= 1; }, ErrorCode::unauthorized, "Merkle proof");
  // A right tree over the inputs of all others, and another one for it.
  check_client_refuses<Survivors>(
      [](Survivors& survivors, Delivery&, SecureSession& session) {
        std::vector<Hash256> leaves;
        for (const Delivery& sent : session.sent()) {
          if (const auto* input = std::get_if<MaskedInput>(&sent.message)) leaves.push_back(merkle_leaf_hash(input->bulk_hash));
        }
        leaves[kVictim] = leaves[0];
        const MerkleTree tree(leaves);
        const std::uint32_t rank = kVictim;
        survivors.inputs_root = tree.root();
        survivors.proof = tree.proof(std::span(&rank, 1));
      },
      ErrorCode::unauthorized, "Merkle proof");
}

TEST_CASE("case 16: an unknown or non-neighbour client: the client aborts") {
  const SessionOptions sparse{.clients = 70, .dropout_ppm = 100'000};
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[1].position = 99'999; }, ErrorCode::refused, "not a neighbour");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { std::swap(view.neighbours[1], view.neighbours[2]); }, ErrorCode::refused, "not a neighbour");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.neighbours[1].position = view.position; }, ErrorCode::refused, "not a neighbour");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.neighbours.pop_back(); }, ErrorCode::refused, "neighbours, not 6");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.neighbours.push_back(view.neighbours[0]); }, ErrorCode::refused, "neighbours, not 6");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.neighbours.clear(); }, ErrorCode::refused, "neighbours, not 6");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.position = 7; }, ErrorCode::refused, "beyond its end");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.position = 0xffffffff; }, ErrorCode::refused, "beyond its end");
  // A client that is on the roster, but not beside this one.
  check_client_refuses<RosterView>(
      [](RosterView& view, Delivery&, SecureSession& session) {
        const ForgedRoster roster(session.terms(), advertised_by(session));
        std::uint32_t stranger = 0;
        while (stranger == kVictim || roster.graph().coordinate(kVictim, stranger)) ++stranger;
        view.neighbours[0].position = stranger;
        view.neighbours[0].identity = roster.member(stranger).identity;
        view.neighbours[0].keys = roster.member(stranger).keys;
      },
      ErrorCode::refused, "not a neighbour", sparse);
  // A survivor who is not among those whose masks this client has added.
  SecureSession session({.clients = 7});
  session.up = [](std::vector<Delivery>& deliveries) { std::erase_if(deliveries, [](const Delivery& delivery) { return delivery.client == 6 && std::holds_alternative<ShareKeys>(delivery.message); }); };
  REQUIRE(session.run_to("signing"));
  Survivors survivors = std::get<Survivors>(session.message_for(kVictim)->message);
  survivors.survivors[0] |= 1U << 6;
  CHECK(reason_of(session.client(kVictim).participant->on_survivors(survivors)) == "survivors: a client that has shared no keys");
  CHECK(session.run().is_right);
}

TEST_CASE("case 16: the victim's neighbour is another one than the roster's leaf says: the proof fails") {
  check_client_refuses<RosterView>(
      [](RosterView& view, Delivery&, SecureSession& session) {
        // Enrolled, properly signed, and not on this roster.
        SeededRandom random(77);
        const IdentityKey stranger = IdentityKey::generate(random);
        ForgedMember member{.identity = stranger.public_key(), .certificate = session.certificate_for(stranger.public_key(), session.authority(), kSessionTime_s + 9),
                            .keys = {}};
        member.keys = {.agreement = AgreementKey::generate(random).public_key().bytes(),
                       .mask = RistrettoPoint::base_times(SecretScalar::random(random))->bytes(),
                       .commitment = {1}};
        sign_keys(member, stranger, session.terms().assignment);
        // In the place where its id keeps the order.
        const ClientId id = client_id_of(member.identity);
        std::uint32_t position = 0;
        while (position < 6 && session.client(position).id < id) ++position;
        if (position == kVictim) --position;
        NeighbourKeys* place = &at_position(view, position);
        place->identity = member.identity;
        place->keys = member.keys;
        place->signature = member.signature;
        std::ranges::copy(member.certificate, place->certificate.begin());
      },
      ErrorCode::unauthorized, "Merkle proof", {}, 2);
}

TEST_CASE("case 18: pad bits set in a bitmap: the client aborts") {
  check_client_refuses<DeliverShares>([](DeliverShares& shares, Delivery&, SecureSession&) { shares.sharing[0] |= 0x80; }, ErrorCode::malformed, "pad bit");
  check_client_refuses<Survivors>([](Survivors& survivors, Delivery&, SecureSession&) { survivors.survivors[0] |= 0x80; }, ErrorCode::malformed, "pad bit");
}

TEST_CASE("case 19: short or long lists: the client aborts") {
  check_client_refuses<DeliverShares>([](DeliverShares& shares, Delivery&, SecureSession&) { shares.sharing.push_back(0); }, ErrorCode::malformed, "bitmap");
  check_client_refuses<DeliverShares>([](DeliverShares& shares, Delivery&, SecureSession&) { shares.sharing.clear(); }, ErrorCode::malformed, "bitmap");
  for (const std::size_t bytes : {0U, 1U, 103U, 104U, 519U, 520U, 623U, 625U, 728U})
    check_client_refuses<DeliverShares>([&](DeliverShares& shares, Delivery&, SecureSession&) { shares.sealed.resize(bytes); }, ErrorCode::malformed, "for 6 neighbours");
  check_client_refuses<Survivors>([](Survivors& survivors, Delivery&, SecureSession&) { survivors.survivors.clear(); }, ErrorCode::malformed, "bitmap");
  check_client_refuses<Survivors>([](Survivors& survivors, Delivery&, SecureSession&) { survivors.proof.pop_back(); }, ErrorCode::malformed, "too short");
  check_client_refuses<Survivors>([](Survivors& survivors, Delivery&, SecureSession&) { survivors.proof.emplace_back(); }, ErrorCode::malformed, "too long");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.proof.emplace_back(); }, ErrorCode::malformed, "too long");
  check_client_refuses<Quorum>([](Quorum&, Delivery& delivery, SecureSession&) { delivery.bulk.clear(); }, ErrorCode::malformed, "0 bytes for 4 signers");
  for (const std::size_t bytes : {1U, 879U, 881U, 4 * 220U + 4 * 32U * 3 + 32U})
    check_client_refuses<Quorum>([&](Quorum&, Delivery& delivery, SecureSession&) { delivery.bulk.resize(bytes); }, ErrorCode::malformed, "bytes for 4 signers");
  check_client_refuses<Quorum>([](Quorum&, Delivery& delivery, SecureSession&) { delivery.bulk.resize(880); }, ErrorCode::malformed, "too short");
}

TEST_CASE("case 20: counts of 2^32 - 1 are refused before anything is made of them") {
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.clients = 0xffffffff; }, ErrorCode::refused, "of 7 asked");
  check_client_refuses<RosterView>([](RosterView& view, Delivery&, SecureSession&) { view.clients = 8; }, ErrorCode::refused, "of 7 asked");
  check_client_refuses<Quorum>([](Quorum& quorum, Delivery&, SecureSession&) { quorum.signers = 0xffffffff; }, ErrorCode::refused, "signers, not 4");
}

TEST_CASE("case 25: a share of the wrong length is an error of the list, never a crash") {
  for (std::size_t bytes = 0; bytes < 2 * kSealedShareBytes; bytes += 13)
    check_client_refuses<DeliverShares>([&](DeliverShares& shares, Delivery&, SecureSession&) { shares.sealed.resize(5 * kSealedShareBytes + bytes + (bytes == kSealedShareBytes ? 1 : 0)); },
                                        ErrorCode::malformed, "for 6 neighbours");
}

TEST_CASE("case 32: a new attempt has a new session and no key of the one before") {
  SecureSession first({.attempt = 1});
  SecureSession second({.attempt = 2});
  REQUIRE(first.run_to("masking"));
  REQUIRE(second.run_to("masking"));
  CHECK(first.aggregator().session() != second.aggregator().session());
  std::set<std::array<std::uint8_t, 32>> keys;
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(first.client(i).id == second.client(i).id);
    for (SecureSession* session : {&first, &second}) {
      const RoundKeys& own = session->client(i).participant->advertise_keys().keys;
      keys.insert({own.agreement, own.mask, own.commitment});
    }
  }
  CHECK(keys.size() == 7 * 2 * 3);
  // What others sealed in the first attempt opens for nobody in the second: every share is skipped.
  second.down = [&](std::vector<Delivery>& deliveries) {
    for (Delivery& delivery : deliveries) {
      if (auto* shares = std::get_if<DeliverShares>(&delivery.message)) shares->sealed = std::get<DeliverShares>(first.message_for(delivery.client)->message).sealed;
    }
  };
  CHECK(second.run().aborted == "0 valid shares of a client's secret, of at least 4");
  for (std::size_t i = 0; i < 7; ++i) CHECK(second.client(i).participant->unopened() == 0);  // it has unmasked, and holds nothing any more
  CHECK(second.leak() == "");
}

}  // namespace
}  // namespace fedspend::testing
