#include "tests/common/secagg/secure_session.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "common/check.h"
#include "common/overloaded.h"
#include "common/protocol/certificate.h"
#include "common/protocol/codec.h"
#include "common/secagg/shamir.h"

namespace fedspend::testing {
namespace {

SeededRandom stream(std::string_view label, std::uint64_t seed, std::uint64_t a, std::uint64_t b) {
  return SeededRandom(Hasher(label).u64(seed).u64(a).u64(b).finish());
}

IdentityKey authority_of(const SessionOptions& options) {
  SeededRandom random = stream("session-authority", options.seed, 0, 0);
  return IdentityKey::generate(random);
}

RingVector draw_update(const SessionOptions& options, std::size_t client) {
  SeededRandom random = stream("session-update", options.seed, client, 0);
  RingVector update(options.length, options.bits);
  const std::uint64_t bound = std::uint64_t{1} << options.bits;
  for (std::uint32_t& value : update.mutable_values()) value = static_cast<std::uint32_t>(random.below(bound));
  return update;
}

std::unique_ptr<SessionClient> make_client(const SessionOptions& options, std::size_t index) {
  SeededRandom keys = stream("session-identity", options.seed, index, 0);
  IdentityKey identity = IdentityKey::generate(keys);
  const ClientId id = client_id_of(identity.public_key());
  const SeededRandom random = stream("session-client", options.seed, index, options.attempt);
  return std::make_unique<SessionClient>(
      SessionClient{.identity = std::move(identity), .id = id, .certificate = {}, .random = random, .same_random = random,
          .update = draw_update(options, index)});
}

std::string described(const Delivery& delivery) {
  const Bytes bytes = bytes_of(delivery);
  return std::string(to_string(type_of(delivery.message))) + ", " + std::to_string(bytes.size()) + " bytes, " +
         to_hex(ByteSpan(Hasher("transcript").field(bytes).finish()).first(8));
}

}  // namespace

SessionTerms terms_of(const SessionOptions& options) {
  SessionTerms terms;
  SeededRandom random = stream("session-terms", options.seed, options.round, options.attempt);
  SeededRandom task = stream("session-task", options.seed, 0, 0);
  task.fill(terms.task.bytes);
  terms.round.value = options.round;
  random.fill(terms.assignment.bytes);
  terms.cohort = options.clients;
  terms.length = options.length;
  terms.bits = options.bits;
  terms.clip_norm_l2 = 1.0;
  terms.scale = 64.0;
  terms.min_clients = options.min_clients;
  terms.corrupt_ppm = options.corrupt_ppm;
  terms.dropout_ppm = options.dropout_ppm;
  terms.threat = options.threat;
  terms.security_bits = options.security_bits;
  terms.failure_bits = options.failure_bits;
  terms.external_beacon = options.external_beacon;
  return terms;
}

Bytes bytes_of(const Delivery& delivery) {
  Bytes bytes = encode_body(delivery.message);
  bytes.insert(bytes.end(), delivery.bulk.begin(), delivery.bulk.end());
  return bytes;
}

SecureSession::SecureSession(const SessionOptions& options, const TermsOf& terms_for)
    : options_(options), terms_(testing::terms_of(options)), authority_(authority_of(options)),
      credentials_({.authority = authority_.public_key(), .population = std::string(kSessionPopulation), .remembers_signatures = true}),
      aggregator_(terms_, options.external_beacon ? static_cast<Beacon&>(external_beacon_) : roster_beacon_) {
  for (std::size_t i = 0; i < options.clients; ++i) clients_.push_back(make_client(options, i));
  std::ranges::sort(clients_, {}, [](const auto& client) { return client->id; });
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    SessionClient& client = *clients_[i];
    index_[client.id] = i;
    client.certificate = certificate_for(client.identity.public_key(), authority_, kSessionTime_s + 1'000);
    SessionTerms terms = terms_;
    if (terms_for) terms_for(i, terms);
    client.participant = std::make_unique<Participant>(terms, client.identity.public_key(), client.random, credentials_, external_beacon_.key().public_key());
  }
}

std::optional<std::size_t> SecureSession::index_of(const ClientId& id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? std::nullopt : std::optional(found->second);
}

Bytes SecureSession::certificate_for(const IdentityPublicKey& identity, const IdentityKey& authority, std::uint64_t expires_at_s) const {
  return encode_certificate(issue_certificate(authority, kSessionPopulation, identity, 1, kSessionTime_s - 1'000'000, expires_at_s));
}

void SecureSession::sign(Delivery& delivery) const {
  const SessionClient& client = *clients_[delivery.client];
  delivery.signature = client.identity.sign(signed_digest(type_of(delivery.message), delivery.session, client.id, encode_body(delivery.message)));
}

std::optional<Delivery> SecureSession::message_for(std::size_t client) const {
  const std::optional<Outgoing> outgoing = aggregator_.message_for(clients_[client]->id);
  if (!outgoing) return std::nullopt;
  return Delivery{.client = client, .message = outgoing->message, .bulk = outgoing->bulk ? *outgoing->bulk : Bytes(), .session = aggregator_.session()};
}

// What the device's caller does with a message of the coordinator.
Result<Delivery> SecureSession::answer(const Delivery& delivery) {
  SessionClient& client = *clients_[delivery.client];
  Participant& participant = *client.participant;
  SerialExecutor serial;
  const auto reply = [&](Message message, Bytes bulk = {}) {
    return Delivery{.client = delivery.client, .message = std::move(message), .bulk = std::move(bulk), .session = participant.session()};
  };
  return std::visit(
      Overloaded{[&](const RosterView& roster) -> Result<Delivery> {
                   FEDSPEND_ASSIGN(ShareKeys message, participant.on_roster(roster, delivery.session, kSessionTime_s));
                   learn_secrets(delivery.client, roster);
                   return reply(std::move(message));
                 },
                 [&](const DeliverShares& shares) -> Result<Delivery> {
                   FEDSPEND_TRY(participant.on_shares(shares));
                   FEDSPEND_ASSIGN(const MaskedVector masked, participant.mask(client.update));
                   return reply(masked.message, *masked.packed);
                 },
                 [&](const Survivors& survivors) -> Result<Delivery> {
                   FEDSPEND_ASSIGN(const SignSurvivors message, participant.on_survivors(survivors));
                   client.survivors = *PositionSet::parse(participant.parameters().clients, survivors.survivors);
                   return reply(message);
                 },
                 [&](const Quorum& quorum) -> Result<Delivery> {
                   FEDSPEND_ASSIGN(Unmask message, participant.on_quorum(quorum, delivery.bulk, kSessionTime_s, serial));
                   client.has_unmasked = true;
                   return reply(std::move(message));
                 },
                 [](const auto&) -> Result<Delivery> { return fail(ErrorCode::internal, "no message of the coordinator"); }},
      delivery.message);
}

Result<Delivery> SecureSession::deliver_to_client(const Delivery& delivery) {
  SessionClient& client = *clients_[delivery.client];
  note("client " + std::to_string(delivery.client) + " <- " + described(delivery));
  const MessageType type = type_of(delivery.message);
  const Bytes bytes = bytes_of(delivery);
  if (const auto before = client.answered.find(type); before != client.answered.end() && before->second.first == bytes) return before->second.second;
  Result<Delivery> reply = answer(delivery);
  if (!reply) {
    note("client " + std::to_string(delivery.client) + " refuses (" + std::string(to_string(reply.error().code)) + "): " + reply.error().message);
    client.refusals.push_back(reply.error());
    return reply;
  }
  sign(*reply);
  sent_.push_back(*reply);
  client.answered[type] = {bytes, *reply};
  return reply;
}

Verdict SecureSession::deliver_to_server(const Delivery& delivery) {
  const SessionClient& client = *clients_[delivery.client];
  const Verdict verdict = std::visit(
      Overloaded{[&](const AdvertiseKeys& message) { return aggregator_.on_advertise_keys(client.identity.public_key(), client.certificate, message,
          delivery.signature); },
                 [&](const ShareKeys& message) { return aggregator_.on_share_keys(client.id, message); },
                 [&](const MaskedInput& message) { return aggregator_.on_masked_input(client.id, message, delivery.bulk); },
                 [&](const SignSurvivors& message) { return aggregator_.on_sign_survivors(client.id, message, delivery.signature); },
                 [&](const Unmask& message) { return aggregator_.on_unmask(client.id, message); },
                 [](const auto&) { return Verdict::wrong_phase; }},
      delivery.message);
  ++verdicts_[verdict];
  note("client " + std::to_string(delivery.client) + " -> " + described(delivery) + ": " + std::string(to_string(verdict)));
  return verdict;
}

void SecureSession::exchange() {
  std::vector<Delivery> answers;
  if (aggregator_.phase() == "advertising") {
    for (std::size_t i = 0; i < size(); ++i) {
      answers.push_back({.client = i, .message = clients_[i]->participant->advertise_keys(), .session = clients_[i]->participant->terms().assignment});
      sign(answers.back());
      sent_.push_back(answers.back());
    }
  } else {
    std::vector<Delivery> deliveries;
    for (const ClientId& id : aggregator_.awaited()) deliveries.push_back(*message_for(*index_of(id)));
    if (down) down(deliveries);
    for (const Delivery& delivery : deliveries) {
      if (Result<Delivery> reply = deliver_to_client(delivery)) answers.push_back(std::move(*reply));
    }
  }
  if (up) up(answers);
  for (const Delivery& delivery : answers) deliver_to_server(delivery);
}

bool SecureSession::advance() {
  if (before_advance) before_advance();
  const Status status = aggregator_.advance();
  if (!status) {
    aborted_ = status.error().message;
    note("== aborted: " + aborted_);
    return false;
  }
  const SessionParameters& parameters = aggregator_.parameters();
  std::string line = "== " + std::string(aggregator_.phase());
  if (aggregator_.phase() == "sharing")
    line += ": n " + std::to_string(parameters.clients) + ", k " + std::to_string(parameters.degree) + ", t " + std::to_string(parameters.threshold) + ", q " +
            std::to_string(parameters.quorum) + ", session " + aggregator_.session().hex().substr(0, 16);
  if (aggregator_.phase() == "signing") line += ": " + std::to_string(aggregator_.contributors().size()) + " survivors";
  note(line);
  return true;
}

bool SecureSession::run_to(std::string_view phase) {
  while (aborted_.empty() && aggregator_.phase() != phase && aggregator_.phase() != "closed") {
    exchange();
    for (std::uint32_t i = 1; i < tries && !aggregator_.is_complete(); ++i) exchange();
    if (!advance()) return false;
  }
  return aborted_.empty();
}

SessionEnd SecureSession::run() {
  if (!run_to("closed")) return {.aborted = aborted_, .sum = std::nullopt};
  return finish();
}

SessionEnd SecureSession::finish() {
  SessionEnd end;
  end.contributors = aggregator_.contributors();
  const std::unique_ptr<Unmasking> unmasking = aggregator_.take_unmasking();
  end.masks = unmasking->mask_count();
  ThreadExecutor threads(2);
  auto result = unmasking->run(threads);
  if (!result) {
    end.aborted = aborted_ = result.error().why;
    end.blamed_dealers = result.error().dealers;
    note("== aborted: " + end.aborted);
    for (const ClientId& dealer : end.blamed_dealers) note("   dealer: client " + std::to_string(*index_of(dealer)));
    return end;
  }
  RingVector expected(terms_.length, terms_.bits);
  for (const ClientId& id : end.contributors) expected.add(clients_[*index_of(id)]->update);
  end.is_right = std::ranges::equal(result->sum.values(), expected.values());
  end.wrong_holders = result->wrong_holders;
  note("== sum of " + std::to_string(end.contributors.size()) + ", " + std::to_string(end.masks) + " masks taken off, " +
       to_hex(ByteSpan(Hasher("transcript").field(result->sum.pack()).finish()).first(8)) + (end.is_right ? ": right" : ": WRONG"));
  for (const ClientId& holder : end.wrong_holders) note("   wrong shares: client " + std::to_string(*index_of(holder)));
  end.sum = std::move(result->sum);
  return end;
}

std::uint32_t SecureSession::count(Verdict verdict) const {
  const auto found = verdicts_.find(verdict);
  return found == verdicts_.end() ? 0 : found->second;
}

std::uint32_t SecureSession::refusals() const {
  std::uint32_t all = 0;
  for (const auto& client : clients_) all += static_cast<std::uint32_t>(client->refusals.size());
  return all;
}

std::uint32_t SecureSession::unmasked() const {
  return static_cast<std::uint32_t>(std::ranges::count_if(clients_, [](const auto& client) { return client->has_unmasked; }));
}

void SecureSession::learn(std::string name, std::span<const std::uint8_t, 32> bytes) {
  Secret secret{.name = std::move(name), .share_of = std::nullopt};
  std::ranges::copy(bytes, secret.bytes.begin());
  secrets_.push_back(std::move(secret));
}

// The draws of Participant once more, in its order: r, b, the X25519 key, the polynomials of r and b. That they are the right ones is
// checked against what was advertised.
void SecureSession::learn_secrets(std::size_t index, const RosterView& roster) {
  SessionClient& client = *clients_[index];
  const Participant& participant = *client.participant;
  SeededRandom random = client.same_random;
  const SecretScalar mask_secret = SecretScalar::random(random);
  const SecretScalar self_secret = SecretScalar::random(random);
  SecretBytes<32> agreement_secret;
  random.fill(agreement_secret.expose_mutable());
  const std::string who = " of client " + std::to_string(index);
  learn("r" + who, mask_secret.expose());
  learn("b" + who, self_secret.expose());
  learn("X25519 secret" + who, agreement_secret.expose());
  const RoundKeys keys = participant.advertise_keys().keys;
  const RistrettoPoint own_point = *RistrettoPoint::base_times(mask_secret);
  const Hash256 commitment = self_mask_commitment(self_secret, client.id, participant.terms().task, participant.terms().round);
  FEDSPEND_CHECK(own_point.bytes() == keys.mask && commitment == keys.commitment, "r and b as advertised");
  FEDSPEND_CHECK(AgreementKey::from_secret(std::move(agreement_secret)).public_key().bytes() == keys.agreement, "the agreement key as advertised");
  const SessionParameters& parameters = participant.parameters();
  const ScalarRows mask_shares = deal_shares(mask_secret, parameters.threshold, parameters.degree, random);
  const ScalarRows self_shares = deal_shares(self_secret, parameters.threshold, parameters.degree, random);
  learn("key of the self mask" + who, self_mask(self_secret, client.id, participant.session()).key.bytes.expose());
  for (std::size_t i = 0; i < roster.neighbours.size(); ++i) {
    const NeighbourKeys& neighbour = roster.neighbours[i];
    const std::size_t holder = index_of(client_id_of(neighbour.identity)).value_or(size());
    for (const SecretKind kind : {SecretKind::mask_key, SecretKind::self_mask}) {
      learn(std::string(kind == SecretKind::mask_key ? "share of r" : "share of b") + who + " for client " + std::to_string(holder),
            kind == SecretKind::mask_key ? mask_shares.expose(i) : self_shares.expose(i));
      secrets_.back().share_of = kind;
      secrets_.back().dealer = index;
      secrets_.back().dealer_position = roster.position;
      secrets_.back().holder = holder;
    }
    const PairEnd peer{client_id_of(neighbour.identity), *RistrettoPoint::parse(neighbour.keys.mask)};
    learn("key of the pairwise mask" + who + " with client " + std::to_string(holder),
          pair_mask(mask_secret, {client.id, own_point}, peer, participant.session())->key.bytes.expose());
  }
  // Of the update, two places are as good as all.
  const Bytes plain = client.update.pack();
  if (plain.size() < 64) return;
  learn("update" + who, ByteSpan(plain).first<32>());
  learn("update" + who, ByteSpan(plain).last<32>());
}

// Only a share, only in Unmask, only of its holder, and of the one secret that the set it signed allows.
bool SecureSession::may_leave(const Secret& secret, const Delivery& delivery) {
  if (!secret.share_of || !std::holds_alternative<Unmask>(delivery.message) || secret.holder != delivery.client) return false;
  const bool survives = clients_[delivery.client]->survivors.contains(secret.dealer_position);
  return *secret.share_of == (survives ? SecretKind::self_mask : SecretKind::mask_key);
}

std::string SecureSession::leak() {
  std::unordered_multimap<std::uint64_t, const Secret*> by_start;
  for (const Secret& secret : secrets_) by_start.emplace(load_u64(secret.bytes), &secret);
  for (const Delivery& delivery : sent_) {
    const Bytes bytes = bytes_of(delivery);
    for (std::size_t at = 0; at + 32 <= bytes.size(); ++at) {
      const auto [first, last] = by_start.equal_range(load_u64(ByteSpan(bytes).subspan(at)));
      for (auto found = first; found != last; ++found) {
        const Secret& secret = *found->second;
        if (std::ranges::equal(secret.bytes, ByteSpan(bytes).subspan(at, 32)) && !may_leave(secret, delivery))
          return secret.name + " in " + std::string(to_string(type_of(delivery.message))) + " of client " + std::to_string(delivery.client);
      }
    }
  }
  // Nor in what is logged: the reasons.
  std::string reasons = aborted_;
  for (const auto& client : clients_) {
    for (const Error& error : client->refusals) reasons += error.message + error.hint;
  }
  for (const Secret& secret : secrets_) {
    if (reasons.find(to_hex(ByteSpan(secret.bytes).first(8))) != std::string::npos) return secret.name + " in a reason";
  }
  return "";
}

}  // namespace fedspend::testing
