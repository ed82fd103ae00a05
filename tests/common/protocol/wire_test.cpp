// Every byte layout of WIRE.md against vectors.txt, which another implementation wrote.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "common/numeric/ring_vector.h"
#include "common/protocol/certificate.h"
#include "common/protocol/codec.h"
#include "common/protocol/model_file.h"
#include "common/secagg/beacon.h"
#include "common/secagg/graph.h"
#include "common/secagg/key_schedule.h"
#include "common/secagg/quorum.h"
#include "common/secagg/roster.h"
#include "common/secagg/session_terms.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

RingVector ring_of(const std::vector<std::uint32_t>& values, unsigned bits) {
  RingVector vector(values.size(), bits);
  std::copy(values.begin(), values.end(), vector.mutable_values().begin());
  return vector;
}

TEST_CASE("the session id and the client id are the hashes that WIRE.md describes") {
  CHECK(to_hex(sample_session().bytes) == to_hex(vector_of("session_id")));
  CHECK(to_hex(client_id_of(sample_key().public_key()).bytes) == to_hex(vector_of("client_id")));
}

TEST_CASE("every message has the body that the second implementation gives it") {
  for (const Message& message : sample_messages()) {
    CAPTURE(to_string(type_of(message)));
    CHECK(to_hex(encode_body(message)) == to_hex(body_of(message)));
  }
}

TEST_CASE("every message has the frame that the second implementation gives it, signature included") {
  const IdentityKey key = sample_key();
  for (const Message& message : sample_messages()) {
    const MessageType type = type_of(message);
    CAPTURE(to_string(type));
    const SessionId session = type == MessageType::check_in ? SessionId{} : sample_session();
    const Bytes frame = is_from_device(type) ? seal_from_device(message, session, client_id_of(key.public_key()), key)
                                             : seal_from_coordinator(message, session);
    CHECK(to_hex(frame) == to_hex(frame_of(message)));
  }
}

TEST_CASE("a packed ring vector has the bits that the second implementation gives it") {
  CHECK(to_hex(ring_of({1, 2, 3, 0xabcdef}, 24).pack()) == to_hex(vector_of("packed/24")));
  CHECK(to_hex(ring_of({1, 2, 3, 31, 16, 7}, 5).pack()) == to_hex(vector_of("packed/5")));
}

TEST_CASE("a model file has the bytes that the second implementation gives it") {
  const ModelFile model{.model_name = "next_category",
                        .plan_hash = hash_of_plan(sample_signed_plan().bytes),
                        .round = 7,
                        .demonstration = true,
                        .weights = kSampleWeights};
  CHECK(to_hex(encode_model_file(model)) == to_hex(vector_of("model_file")));
}

// The secure session of the second implementation: five clients, of whom all but the first survive and three sign.
constexpr std::uint32_t kClients = 5;
constexpr std::array<std::uint32_t, 3> kSigners{1, 2, 4};

std::vector<IdentityKey> devices() {
  std::vector<IdentityKey> keys;
  for (std::uint8_t first = 0; first < kClients; ++first) keys.push_back(sample_key(first));
  std::ranges::sort(keys, {}, [](const IdentityKey& key) { return client_id_of(key.public_key()); });
  return keys;
}

Hash256 keys_hash_at(std::uint32_t position) {
  return hash_of_round_keys({.agreement = patterned<32>(16 * position), .mask = patterned<32>(16 * position + 1), .commitment = patterned<32>(16 * position + 2)});
}

Roster roster() {
  std::vector<RosterEntry> entries;
  const std::vector<IdentityKey> keys = devices();
  for (std::uint32_t i = 0; i < kClients; ++i) entries.push_back({client_id_of(keys[i].public_key()), roster_leaf(keys[i].public_key(), keys_hash_at(i))});
  return Roster::create(std::move(entries)).value();
}

PositionSet set_of(std::initializer_list<std::uint32_t> positions) {
  PositionSet set(kClients);
  for (const std::uint32_t position : positions) set.insert(position);
  return set;
}

SessionTerms secure_terms() {
  SessionTerms terms;
  terms.task = sample_assignment().task;
  terms.round = RoundId{7};
  terms.assignment = sample_session();
  terms.cohort = 130;
  terms.length = 6656;
  terms.bits = 24;
  terms.clip_norm_l2 = 1.5;
  terms.scale = 1118480.6;
  terms.min_clients = 1;
  terms.corrupt_ppm = 250'000;
  terms.dropout_ppm = 100'001;
  terms.threat = Threat::semi_malicious;
  terms.security_bits = 40;
  terms.failure_bits = 20;
  return terms;
}
constexpr SessionParameters kParameters{.clients = kClients, .degree = 4, .threshold = 3, .quorum = 2};

template <class Id>
Id id_of(const std::string& name) {
  Id id;
  std::ranges::copy(vector_of(name), id.bytes.begin());
  return id;
}
Hash256 hash_of(const std::string& name) {
  Hash256 hash;
  std::ranges::copy(vector_of(name), hash.begin());
  return hash;
}

TEST_CASE("the hashes of a secure session are those that WIRE.md describes") {
  const Roster of_session = roster();
  CHECK(to_hex(keys_hash_at(1)) == to_hex(vector_of("keys_hash")));
  CHECK(to_hex(of_session.leaf(1)) == to_hex(vector_of("roster_leaf")));
  CHECK(to_hex(of_session.root()) == to_hex(vector_of("roster_root")));
  CHECK(to_hex(default_beacon(of_session.root())) == to_hex(vector_of("beacon")));
  const IdentityKey beacon_key = sample_key(150);
  const Signature beacon_signature = sign_beacon(beacon_key, sample_session(), of_session.root());
  CHECK(to_hex(beacon_signature) == to_hex(vector_of("beacon_signature")));
  CHECK(to_hex(open_beacon(beacon_key.public_key(), sample_session(), of_session.root(), beacon_signature).value().value) == to_hex(vector_of("external_beacon")));
  CHECK(to_hex(hash_of_params(secure_terms(), kParameters)) == to_hex(vector_of("params_hash")));
  CHECK(secure_session_id(secure_terms(), kParameters, of_session.root(), hash_of("beacon")).hex() == to_hex(vector_of("secure_session_id")));
  std::array<std::uint8_t, 32> five{5};
  CHECK(to_hex(self_mask_commitment(SecretScalar::parse(five).value(), id_of<ClientId>("client_id"), secure_terms().task, RoundId{7})) ==
        to_hex(vector_of("commitment")));

  std::vector<Hash256> inputs;
  for (const std::size_t i : {1U, 2U, 3U, 4U}) inputs.push_back(merkle_leaf_hash(pattern(32 * i, 32)));
  CHECK(to_hex(MerkleTree(inputs).root()) == to_hex(vector_of("inputs_root")));
  CHECK(to_hex(survivor_choice(id_of<SessionId>("secure_session_id"), set_of({0, 1, 2, 3, 4}), set_of({1, 2, 3, 4}), hash_of("inputs_root"))) ==
        to_hex(vector_of("choice")));
}

TEST_CASE("the params hash of a round whose clip norm adapts has the round's norm, its noise and its indicator, as the second implementation computes them") {
  SessionTerms terms = secure_terms();
  terms.length = 8193;
  terms.update_length = 5000;
  terms.clip_norm_l2 = 0.75;
  terms.scale = 0;
  terms.min_clients = 25;
  terms.noise = NoiseTerms{.noise_multiplier = 0.5, .wrap_deviations = 4, .has_clip_indicator = true};
  SessionParameters parameters{.clients = 40, .degree = 39, .threshold = 20, .quorum = 30};
  parameters.clip_indicator = choose_clip_indicator({.clients = 40, .honest_shares = 20, .noise_multiplier = 0.5, .bits = 24}).value();
  parameters.noise = choose_distributed_gaussian({.clients = 40, .length = 5000, .clip_norm_l2 = 0.75, .noise_multiplier = parameters.clip_indicator->update_noise_multiplier, .bits = 24,
                                                  .honest_shares = 20, .wrap_deviations = 4}).value();
  CHECK(to_hex(hash_of_params(terms, parameters)) == to_hex(vector_of("adaptive_params_hash")));
}

TEST_CASE("a quorum has the records and the proof that the second implementation gives it, and its own passes the check") {
  const std::vector<IdentityKey> keys = devices();
  const SessionId session = id_of<SessionId>("secure_session_id");
  const Hash256 choice = hash_of("choice");
  std::vector<QuorumSigner> signers;
  for (const std::uint32_t position : kSigners) {
    const IdentityKey& key = keys[position];
    QuorumSigner signer{.position = position, .identity = key.public_key(), .keys_hash = keys_hash_at(position)};
    const Certificate certificate = issue_certificate(sample_key(100), "cards", key.public_key(), position + 1, 1'700'000'000, 1'731'536'000);
    std::ranges::copy(encode_certificate(certificate), signer.certificate.begin());
    signer.signature = key.sign(signed_digest(MessageType::sign_survivors, session, client_id_of(key.public_key()), encode_body(SignSurvivors{choice})));
    signers.push_back(signer);
  }
  CHECK(to_hex(encode_quorum(signers, roster().proof(kSigners))) == to_hex(vector_of("quorum_bulk")));

  PinnedCredentials credentials(sample_key(100).public_key(), "cards");
  SerialExecutor executor;
  const PositionSet survivors = set_of({1, 2, 3, 4});
  const QuorumExpectation expected{.session = session, .roster_root = hash_of("roster_root"), .clients = kClients, .quorum = 3, .choice = choice, .survivors = survivors};
  CHECK(check_quorum(expected, 3, vector_of("quorum_bulk"), 1'700'000'000, credentials, executor).has_value());
  CHECK(vector_of("quorum_bulk").size() <= max_quorum_bytes(3, kClients));
}

}  // namespace
}  // namespace fedspend::testing
