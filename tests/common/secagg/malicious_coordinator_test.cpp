// A coordinator that keeps no rule, against honest clients: it shows each of them what it likes, consistently where it can, and wants one
// thing: shares that it may not have. It must get none. Each test lets it go on after it was refused, which a real client would not.
#include <algorithm>
#include <map>

#include "common/protocol/certificate.h"
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
  CHECK(liar.show(9, without).error().message == "survivors: this client is said to have dropped out");
  REQUIRE(liar.show(9, with).has_value());
  // Six have signed the one set, and are unmasked; the four others must see a quorum of theirs, which there is not.
  for (const std::size_t i : {5U, 6U, 7U, 8U}) {
    for (const Positions& signers : {Positions{0, 1, 2, 3, 4, 9}, Positions{0, 1, 5, 6, 7, 8}, Positions{0, 1, 2, 3, 7, 8}}) CHECK_FALSE(liar.ask(i, signers).has_value());
    CHECK(liar.ask(i, Positions{5, 6, 7, 8}).error().message == "quorum: 4 signers, not 6");
    CHECK(liar.ask(i, Positions{0, 1, 5, 6, 7, 8}).error().message == "quorum: a signature that is not over the set that this client has signed");
  }
  // Nor do they change their mind.
  for (const std::size_t i : {5U, 6U, 7U, 8U}) CHECK(liar.show(i, with).error().code == ErrorCode::conflict);
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
      CHECK(of_all.ask(i, signers).error().message == "quorum: a signature that is not over the set that this client has signed");
      signers = of_nine.signers({3, 4});
      for (const std::uint32_t position : {5U, 6U, 7U, 8U}) signers.push_back(of_all.signer(position));
      CHECK(of_all.ask(i, signers).error().message == "quorum: a signature that is not over the set that this client has signed");
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
  for (std::size_t i = 0; i < 9; ++i) CHECK(liar.show(i, without).error().code == ErrorCode::conflict);
  for (std::size_t i = 0; i < 9; ++i) REQUIRE(liar.ask(i, Positions{0, 1, 2, 3, 4, 5}).has_value());
  // b_9 is known; now r_9.
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(liar.show(i, without).error().code == ErrorCode::conflict);
    CHECK(liar.ask(i, Positions{1, 2, 3, 4, 5, 6}).error().code == ErrorCode::conflict);
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
  CHECK(liar.ask(0, Positions{0, 1, 2, 3, 4, 6}).error().code == ErrorCode::conflict);
  CHECK(liar.show(0, set_of(10, all_but(10, {7}))).error().code == ErrorCode::conflict);
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
  const auto assignment = [&](const TaskId& task, RoundId round, const ModelHash& of_model, const PlanHash& of_plan, std::uint32_t cohort, std::uint8_t attempt) {
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

// The plan's hash is in the assignment, so that parameters cannot differ alone; if they did, they would be in the session id.
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
  constexpr std::size_t kVictim = 4;
  for (std::size_t which = 0; which < alters.size(); ++which) {
    CAPTURE(which);
    const auto terms_for = [&](std::size_t client, SessionTerms& terms) {
      if (client == kVictim) alters[which](terms);
    };
    // Shown the session of the others.
    SecureSession honest({}, terms_for);
    CHECK_FALSE(honest.run().sum.has_value());
    REQUIRE(honest.client(kVictim).refusals.size() >= 1);
    CHECK(honest.client(kVictim).refusals[0].message == "roster: the session id is not that of its contents");
    CHECK(honest.leak() == "");
    // Shown one of its own.
    SecureSession session({}, terms_for);
    session.client(kVictim).update = RingVector(session.client(kVictim).participant->terms().length, session.client(kVictim).participant->terms().bits);
    session.down = [&](std::vector<Delivery>& deliveries) {
      for (Delivery& delivery : deliveries) {
        const auto* view = std::get_if<RosterView>(&delivery.message);
        if (delivery.client != kVictim || view == nullptr) continue;
        const SessionTerms& terms = session.client(kVictim).participant->terms();
        delivery.session = secure_session_id(terms, *derive_parameters(terms, 7), view->root, view->beacon);
      }
    };
    const SessionEnd end = session.run();
    CHECK(holds(end.aborted, "valid shares of a client's secret"));
    CHECK_FALSE(session.client(kVictim).has_unmasked);
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
    check_client_refuses<RosterView>([&](RosterView& view, Delivery&, SecureSession&) { alter(view.neighbours[3].keys); }, ErrorCode::unauthorized, "Merkle proof");
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
    members[5].signature = own.sign(signed_digest(MessageType::advertise_keys, session.terms().assignment, session.client(5).id, encode_body(AdvertiseKeys{members[5].keys})));
    const ForgedRoster forged(session.terms(), members);
    for (const std::size_t i : {0U, 1U, 2U, 3U, 4U, 6U}) CHECK(holds(session.deliver_to_client(forged.view_for(i, static_cast<std::uint32_t>(i))).error().message, "has not signed its keys"));
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
      issue_certificate(session.authority(), kSessionPopulation, own.public_key(), 1, kSessionTime_s + kCertificateClockTolerance_s + 1, kSessionTime_s + 2 * kCertificateClockTolerance_s));
  for (const Bad& bad : {Bad{session.client(5).certificate, "signed"}, Bad{session.certificate_for(own.public_key(), own_authority, later_s), "signed"},
                         Bad{of_another_population, "signed"}, Bad{not_yet, "valid"}, Bad{session.certificate_for(own.public_key(), session.authority(), kSessionTime_s), "expired"}}) {
    CAPTURE(bad.why);
    std::vector<ForgedMember> members = advertised_by(session);
    ForgedMember& place = members[5];
    place = {.identity = own.public_key(), .certificate = bad.certificate, .keys = {}};
    place.keys = {.agreement = AgreementKey::generate(random).public_key().bytes(), .mask = RistrettoPoint::base_times(SecretScalar::random(random))->bytes(), .commitment = {3}};
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

TEST_CASE("a certificate that was found valid once is refused when it has expired") {
  SecureSession session;
  Credentials credentials({.authority = session.authority().public_key(), .population = std::string(kSessionPopulation)});
  const SessionClient& client = session.client(0);
  CHECK(credentials.check_certificate(client.identity.public_key(), client.certificate, kSessionTime_s).has_value());
  CHECK(credentials.check_certificate(client.identity.public_key(), client.certificate, kSessionTime_s + 999).has_value());
  CHECK(credentials.check_certificate(client.identity.public_key(), client.certificate, kSessionTime_s + 1'000).error().code == ErrorCode::unauthorized);
  CHECK(credentials.check_certificate(client.identity.public_key(), client.certificate, kSessionTime_s).has_value());
  // What was remembered is that certificate of that identity.
  CHECK_FALSE(credentials.check_certificate(session.client(1).identity.public_key(), client.certificate, kSessionTime_s).has_value());
  Bytes longer = session.certificate_for(client.identity.public_key(), session.authority(), kSessionTime_s + 1'000);
  longer[16] ^= 1;
  CHECK_FALSE(credentials.check_certificate(client.identity.public_key(), longer, kSessionTime_s).has_value());
}

}  // namespace
}  // namespace fedspend::testing
