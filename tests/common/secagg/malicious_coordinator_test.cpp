// A coordinator that keeps no rule, against honest clients: it shows each of them what it likes, consistently where it can, and wants one
// thing: shares that it may not have. It must get none. Each test lets it go on after it was refused, which a real client would not.
// Here: survivor sets and quorums. Rosters, keys and parameters are in malicious_roster_test.cpp.
#include <algorithm>
#include <map>

#include "common/protocol/codec.h"
#include "tests/common/secagg/forged_roster.h"
#include "tests/common/secagg/hostile_cases.h"

namespace fedspend::testing {
namespace {

using Positions = std::vector<std::uint32_t>;

PositionSet set_of(std::uint32_t size, const Positions& positions) {
  PositionSet set(size);
  for (const std::uint32_t position : positions) set.insert(position);
  return set;
}
Positions all_but(std::uint32_t size, const Positions& left_out) {
  Positions positions;
  for (std::uint32_t i = 0; i < size; ++i) {
    if (std::ranges::find(left_out, i) == left_out.end()) positions.push_back(i);
  }
  return positions;
}

// What such a coordinator has collected, and what it can make of it. The session has come to signing, all having sent masked inputs.
class Liar {
 public:
  explicit Liar(SecureSession& session, const Positions& sharing = {}) : session_(session), roster_(session.terms(), advertised_by(session)) {
    const auto n = static_cast<std::uint32_t>(session.size());
    sharing_ = set_of(n, sharing.empty() ? all_but(n, {}) : sharing);
    for (const Delivery& sent : session.sent()) {
      if (const auto* input = std::get_if<MaskedInput>(&sent.message)) hashes_[static_cast<std::uint32_t>(sent.client)] = input->bulk_hash;
    }
  }

  MerkleTree inputs(const PositionSet& survivors) const {
    std::vector<Hash256> leaves;
    for (const std::uint32_t position : survivors.positions()) leaves.push_back(merkle_leaf_hash(hashes_.at(position)));
    return MerkleTree(std::move(leaves));
  }
  Hash256 choice(const PositionSet& survivors) const { return survivor_choice(roster_.session(), sharing_, survivors, inputs(survivors).root()); }
  // Shown to a client, which signs or not.
  Result<Delivery> show(std::size_t client, const PositionSet& survivors) {
    const MerkleTree tree = inputs(survivors);
    const std::uint32_t rank = survivors.rank(static_cast<std::uint32_t>(client));
    Survivors message{survivors.bitmap(), tree.root(), {}};
    if (rank < survivors.count()) message.proof = tree.proof(std::span(&rank, 1));
    Result<Delivery> answer = session_.deliver_to_client({.client = client, .message = message, .session = roster_.session()});
    if (answer) signatures_[static_cast<std::uint32_t>(client)] = answer->signature;
    return answer;
  }
  QuorumSigner signer(std::uint32_t position) const {
    const ForgedMember& member = roster_.member(position);
    QuorumSigner signer{.position = position, .identity = member.identity, .keys_hash = hash_of_round_keys(member.keys)};
    std::ranges::copy(member.certificate, signer.certificate.begin());
    if (const auto found = signatures_.find(position); found != signatures_.end()) signer.signature = found->second;
    return signer;
  }
  std::vector<QuorumSigner> signers(const Positions& positions) const {
    std::vector<QuorumSigner> all;
    for (const std::uint32_t position : positions) all.push_back(signer(position));
    return all;
  }
  std::vector<Hash256> proof(const std::vector<QuorumSigner>& signers) const {
    Positions positions;
    for (const QuorumSigner& signer : signers) {
      if (signer.position < roster_.tree().size()) positions.push_back(signer.position);
    }
    if (positions.empty()) return {};
    std::ranges::sort(positions);
    positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
    return roster_.tree().proof(positions);
  }
  Result<Delivery> ask(std::size_t client, const std::vector<QuorumSigner>& signers, const std::vector<Hash256>& proof) {
    const Quorum message{static_cast<std::uint32_t>(signers.size())};
    return session_.deliver_to_client({.client = client, .message = message, .bulk = encode_quorum(signers, proof), .session = roster_.session()});
  }
  Result<Delivery> ask(std::size_t client, const std::vector<QuorumSigner>& signers) { return ask(client, signers, proof(signers)); }
  Result<Delivery> ask(std::size_t client, const Positions& positions) { return ask(client, signers(positions)); }

  const ForgedRoster& roster() const { return roster_; }
  std::uint32_t quorum() const { return roster_.parameters().quorum; }

 private:
  SecureSession& session_;
  ForgedRoster roster_;
  PositionSet sharing_;
  std::map<std::uint32_t, Hash256> hashes_;
  std::map<std::uint32_t, Signature> signatures_;
};

// Every client for itself refuses, and nothing has left.
void check_nothing_left(SecureSession& session) {
  CHECK(session.unmasked() == 0);
  CHECK(std::ranges::none_of(session.sent(), [](const Delivery& sent) { return std::holds_alternative<Unmask>(sent.message); }));
  CHECK(session.leak() == "");
}

constexpr SessionOptions kTen{.clients = 10, .dropout_ppm = 300'000};  // k 9, t 6, q 6

TEST_CASE("the liar's own hashes are those of the protocol: with the truth it gets a sum") {
  SecureSession session(kTen);
  REQUIRE(session.run_to("signing"));
  Liar liar(session);
  CHECK(liar.roster().session() == session.aggregator().session());
  const PositionSet everybody = set_of(10, all_but(10, {}));
  for (std::size_t i = 0; i < 10; ++i) REQUIRE(liar.show(i, everybody).has_value());
  for (std::size_t i = 0; i < 10; ++i) CHECK(liar.ask(i, all_but(10, {0, 2, 5, 9})).has_value());
  CHECK(session.unmasked() == 10);
  CHECK(session.leak() == "");
}

TEST_CASE("case 14: different survivor sets to different clients: no quorum for either, and nothing is unmasked") {
  // Client 9's update would be the difference of the two sums.
  SecureSession session(kTen);
  REQUIRE(session.run_to("signing"));
  Liar liar(session);
  const PositionSet with = set_of(10, all_but(10, {}));
  const PositionSet without = set_of(10, all_but(10, {9}));
  for (std::size_t i = 0; i < 5; ++i) REQUIRE(liar.show(i, with).has_value());
  for (std::size_t i = 5; i < 9; ++i) REQUIRE(liar.show(i, without).has_value());
  CHECK(reason_of(liar.show(9, without)) == "survivors: this client is said to have dropped out");
  REQUIRE(liar.show(9, with).has_value());
  // Six have signed the one set, and are unmasked; the four others must see a quorum of theirs, which there is not.
  for (const std::size_t i : {5U, 6U, 7U, 8U}) {
    for (const Positions& signers : {Positions{0, 1, 2, 3, 4, 9}, Positions{0, 1, 5, 6, 7, 8}, Positions{0, 1, 2, 3, 7, 8}}) CHECK_FALSE(liar.ask(i, signers).has_value());
    CHECK(reason_of(liar.ask(i, Positions{5, 6, 7, 8})) == "quorum: 4 signers, not 6");
    CHECK(reason_of(liar.ask(i, Positions{0, 1, 5, 6, 7, 8})) == "quorum: a signature that is not over the set that this client has signed");
  }
  // Nor do they change their mind.
  for (const std::size_t i : {5U, 6U, 7U, 8U}) CHECK(code_of(liar.show(i, with)) == ErrorCode::conflict);
  check_nothing_left(session);
  // Of the six, each may unmask its own set, which is the one that a quorum agreed to.
  CHECK(liar.ask(0, Positions{0, 1, 2, 3, 4, 9}).has_value());
  CHECK(session.leak() == "");
}

TEST_CASE("case 14: five against five: neither half is a quorum") {
  SecureSession session(kTen);
  REQUIRE(session.run_to("signing"));
  Liar liar(session);
  const PositionSet first = set_of(10, all_but(10, {9}));
  const PositionSet second = set_of(10, all_but(10, {0}));
  for (std::size_t i = 0; i < 5; ++i) REQUIRE(liar.show(i, first).has_value());
  for (std::size_t i = 5; i < 10; ++i) REQUIRE(liar.show(i, second).has_value());
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK_FALSE(liar.ask(i, Positions{0, 1, 2, 3, 4}).has_value());
    CHECK_FALSE(liar.ask(i, Positions{5, 6, 7, 8, 9}).has_value());
    for (std::uint32_t other = 1; other < 9; ++other) {
      Positions six = i < 5 ? Positions{0, 1, 2, 3, 4} : Positions{5, 6, 7, 8, 9};
      if (std::ranges::find(six, other) == six.end()) six.push_back(other);
      std::ranges::sort(six);
      CHECK_FALSE(liar.ask(i, six).has_value());
    }
  }
  check_nothing_left(session);
}

TEST_CASE("case 14: different sets U2 to different clients: no quorum, and nothing is unmasked") {
  // The first half is told that client 9 has not shared keys, the second that it has.
  SecureSession session(kTen);
  session.down = [](std::vector<Delivery>& deliveries) {
    for (Delivery& delivery : deliveries) {
      auto* shares = std::get_if<DeliverShares>(&delivery.message);
      if (shares == nullptr || delivery.client >= 5) continue;
      shares->sharing = set_of(10, all_but(10, {9})).bitmap();
      shares->sealed.resize(8 * kSealedShareBytes);  // the lengths are what is checked; most shares no longer open
    }
  };
  REQUIRE(session.run_to("signing"));
  session.down = nullptr;
  SUBCASE("a survivor set for each") {
    Liar of_all(session);
    Liar of_nine(session, all_but(10, {9}));
    const PositionSet nine = set_of(10, all_but(10, {9}));
    for (std::size_t i = 0; i < 5; ++i) REQUIRE(of_nine.show(i, nine).has_value());
    for (std::size_t i = 5; i < 9; ++i) REQUIRE(of_all.show(i, nine).has_value());
    for (std::size_t i = 0; i < 9; ++i) {
      std::vector<QuorumSigner> signers = of_nine.signers({0, 1, 2, 3, 4});
      signers.push_back(of_all.signer(5));
      CHECK(reason_of(of_all.ask(i, signers)) == "quorum: a signature that is not over the set that this client has signed");
      signers = of_nine.signers({3, 4});
      for (const std::uint32_t position : {5U, 6U, 7U, 8U}) signers.push_back(of_all.signer(position));
      CHECK(reason_of(of_all.ask(i, signers)) == "quorum: a signature that is not over the set that this client has signed");
    }
  }
  SUBCASE("as the honest aggregator goes on") {
    // Its choice is over its own U2: it has the signatures of those who were told the truth, and of them alone.
    const SessionEnd end = session.run();
    CHECK(end.aborted == "5 clients have signed the survivor set, of at least 6");
    CHECK(session.count(Verdict::bad_contents) == 0);
  }
  check_nothing_left(session);
}

TEST_CASE("case 14: proofs withheld: who cannot see its own input among those of the sum signs nothing") {
  SecureSession session(kTen);
  session.down = [](std::vector<Delivery>& deliveries) {
    for (Delivery& delivery : deliveries) {
      if (auto* survivors = std::get_if<Survivors>(&delivery.message)) survivors->proof.clear();
    }
  };
  CHECK(session.run().aborted == "0 clients have signed the survivor set, of at least 6");
  CHECK(session.refusals() == 10);
  check_nothing_left(session);
}

TEST_CASE("case 12: the server asks for both secrets of one client: the client refuses for that session") {
  SecureSession session(kTen);
  REQUIRE(session.run_to("signing"));
  Liar liar(session);
  const PositionSet with = set_of(10, all_but(10, {}));
  const PositionSet without = set_of(10, all_but(10, {9}));
  for (std::size_t i = 0; i < 9; ++i) REQUIRE(liar.show(i, with).has_value());
  for (std::size_t i = 0; i < 9; ++i) CHECK(code_of(liar.show(i, without)) == ErrorCode::conflict);
  for (std::size_t i = 0; i < 9; ++i) REQUIRE(liar.ask(i, Positions{0, 1, 2, 3, 4, 5}).has_value());
  // b_9 is known; now r_9.
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(code_of(liar.show(i, without)) == ErrorCode::conflict);
    CHECK(code_of(liar.ask(i, Positions{1, 2, 3, 4, 5, 6})) == ErrorCode::conflict);
  }
  for (const Delivery& sent : session.sent()) {
    if (const auto* unmask = std::get_if<Unmask>(&sent.message)) CHECK(unmask->shares.size() == 9 * 32);  // one of each neighbour
  }
  CHECK(session.unmasked() == 9);
  CHECK(session.leak() == "");
}

TEST_CASE("case 13: a second unmask request, with the same set or another, gets nothing more") {
  SecureSession session(kTen);
  REQUIRE(session.run_to("signing"));
  Liar liar(session);
  const PositionSet everybody = set_of(10, all_but(10, {}));
  for (std::size_t i = 0; i < 10; ++i) REQUIRE(liar.show(i, everybody).has_value());
  REQUIRE(liar.ask(0, Positions{0, 1, 2, 3, 4, 5}).has_value());
  const std::size_t sent = session.sent().size();
  CHECK(code_of(liar.ask(0, Positions{0, 1, 2, 3, 4, 6})) == ErrorCode::conflict);
  CHECK(code_of(liar.show(0, set_of(10, all_but(10, {7})))) == ErrorCode::conflict);
  CHECK(session.sent().size() == sent);
}

TEST_CASE("a quorum of q - 1, of q + 1, of signers who are not in U3, of one identity twice: refused") {
  SecureSession session(kTen);
  REQUIRE(session.run_to("signing"));
  Liar liar(session);
  REQUIRE(liar.quorum() == 6);
  const PositionSet survivors = set_of(10, all_but(10, {9}));
  for (std::size_t i = 0; i < 9; ++i) REQUIRE(liar.show(i, survivors).has_value());
  const auto refused = [&](const std::vector<QuorumSigner>& signers, std::string_view why) {
    for (std::size_t i = 0; i < 9; ++i) {
      const auto answer = liar.ask(i, signers);
      REQUIRE_FALSE(answer.has_value());
      CHECK_MESSAGE(holds(answer.error().message, why), answer.error().message);
    }
  };
  refused(liar.signers({0, 1, 2, 3, 4}), "5 signers, not 6");
  refused({}, "0 signers, not 6");
  refused(liar.signers({0, 1, 2, 3, 4, 5, 6}), "7 signers, not 6");
  refused(liar.signers({0, 1, 2, 3, 4, 9}), "not among the survivors");
  std::vector<QuorumSigner> twice = liar.signers({0, 1, 2, 3, 4, 4});
  refused(twice, "positions that do not rise");
  twice = liar.signers({0, 1, 2, 3, 5, 4});
  refused(twice, "positions that do not rise");
  twice = liar.signers({0, 1, 2, 3, 4, 5});
  twice[5] = twice[4];
  twice[5].position = 5;
  refused(twice, "an identity signs twice");
  twice[5].position = 10;  // beyond the roster
  refused(twice, "not among the survivors");
  twice[5].position = 0xffffffff;
  refused(twice, "not among the survivors");
  check_nothing_left(session);
  CHECK(liar.ask(0, Positions{0, 1, 2, 3, 4, 5}).has_value());  // it was all of the rest that was right
}

TEST_CASE("a quorum with signatures over another choice, session or message, or certificates that are not valid: refused") {
  SecureSession session(kTen);
  REQUIRE(session.run_to("signing"));
  Liar liar(session);
  const PositionSet survivors = set_of(10, all_but(10, {9}));
  for (std::size_t i = 0; i < 9; ++i) REQUIRE(liar.show(i, survivors).has_value());
  const std::vector<QuorumSigner> right = liar.signers({0, 1, 2, 3, 4, 5});
  const auto refused = [&](const std::function<void(QuorumSigner&)>& alter, std::string_view why) {
    for (const std::size_t which : {0U, 3U, 5U}) {
      std::vector<QuorumSigner> signers = right;
      alter(signers[which]);
      for (std::size_t i = 0; i < 9; ++i) {
        const auto answer = liar.ask(i, signers);
        REQUIRE_FALSE(answer.has_value());
        CHECK_MESSAGE(holds(answer.error().message, why), answer.error().message);
      }
    }
  };
  const auto signed_by = [&](const QuorumSigner& signer, MessageType type, const SessionId& session_id, const Hash256& choice) {
    const SessionClient& client = session.client(signer.position);
    return client.identity.sign(signed_digest(type, session_id, client.id, choice));
  };
  const SessionId sid = liar.roster().session();
  SessionId other = sid;
  other.bytes[0] ^= 1;
  const Hash256 choice = liar.choice(survivors);
  constexpr std::string_view kNotThis = "not over the set that this client has signed";
  refused([](QuorumSigner& signer) { signer.signature = {}; }, kNotThis);
  refused([](QuorumSigner& signer) { signer.signature[40] ^= 1; }, kNotThis);
  refused([&](QuorumSigner& signer) { signer.signature = signed_by(signer, MessageType::sign_survivors, sid, liar.choice(set_of(10, all_but(10, {8})))); }, kNotThis);
  refused([&](QuorumSigner& signer) { signer.signature = signed_by(signer, MessageType::sign_survivors, other, choice); }, kNotThis);
  refused([&](QuorumSigner& signer) { signer.signature = signed_by(signer, MessageType::masked_input, sid, choice); }, kNotThis);
  refused([&](QuorumSigner& signer) { signer.signature = liar.signer(6).signature; }, kNotThis);
  refused([&](QuorumSigner& signer) { signer.certificate = liar.signer(6).certificate; }, "");
  refused([](QuorumSigner& signer) { signer.certificate[50] ^= 1; }, "");
  // An identity of the server's own, which the authority has not certified, in a client's place.
  SeededRandom random(5);
  const IdentityKey own = IdentityKey::generate(random);
  refused(
      [&](QuorumSigner& signer) {
        signer.identity = own.public_key();
        signer.signature = own.sign(signed_digest(MessageType::sign_survivors, sid, client_id_of(own.public_key()), choice));
      },
      "Merkle proof");
  // One that it has certified, but that is not on the roster.
  refused(
      [&](QuorumSigner& signer) {
        signer.identity = own.public_key();
        std::ranges::copy(session.certificate_for(own.public_key(), session.authority(), kSessionTime_s + 1), signer.certificate.begin());
        signer.signature = own.sign(signed_digest(MessageType::sign_survivors, sid, client_id_of(own.public_key()), choice));
      },
      "Merkle proof");
  refused([](QuorumSigner& signer) { signer.keys_hash[0] ^= 1; }, "Merkle proof");
  check_nothing_left(session);
  CHECK(liar.ask(0, right).has_value());
}

TEST_CASE("a quorum whose proof is for other positions, of another roster, too short or too long: refused") {
  SecureSession session(kTen);
  REQUIRE(session.run_to("signing"));
  Liar liar(session);
  const PositionSet survivors = set_of(10, all_but(10, {}));
  for (std::size_t i = 0; i < 10; ++i) REQUIRE(liar.show(i, survivors).has_value());
  const std::vector<QuorumSigner> right = liar.signers({0, 1, 2, 5, 6, 7});
  const std::vector<Hash256> proof = liar.proof(right);
  REQUIRE(proof.size() > 1);
  const auto refused = [&](const std::vector<QuorumSigner>& signers, const std::vector<Hash256>& wrong) {
    for (std::size_t i = 0; i < 10; ++i) {
      const auto answer = liar.ask(i, signers, wrong);
      REQUIRE_FALSE(answer.has_value());
      CHECK_MESSAGE(holds(answer.error().message, "Merkle proof"), answer.error().message);
    }
  };
  refused(right, liar.proof(liar.signers({0, 1, 2, 3, 6, 7})));
  std::vector<Hash256> wrong = proof;
  wrong.pop_back();
  refused(right, wrong);
  wrong = proof;
  wrong.push_back(proof[0]);
  refused(right, wrong);
  wrong = proof;
  std::swap(wrong[0], wrong[1]);
  refused(right, wrong);
  refused(right, std::vector<Hash256>(proof.size()));
  // Two signers in each other's places.
  std::vector<QuorumSigner> swapped = right;
  std::swap(swapped[0], swapped[3]);
  std::swap(swapped[0].position, swapped[3].position);
  refused(swapped, proof);
  check_nothing_left(session);
  CHECK(liar.ask(0, right, proof).has_value());
}

}  // namespace
}  // namespace fedspend::testing
