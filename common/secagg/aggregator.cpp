#include "common/secagg/aggregator.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/overloaded.h"

namespace fedspend {
namespace {

tl::unexpected<Error> too_few(std::string what) { return fail(ErrorCode::refused, std::move(what)); }

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::accepted: return "accepted";
    case Verdict::duplicate: return "duplicate";
    case Verdict::equivocation: return "equivocation";
    case Verdict::wrong_phase: return "wrong_phase";
    case Verdict::not_awaited: return "not_awaited";
    case Verdict::bad_contents: return "bad_contents";
  }
  return "bad_contents";
}

Aggregator::Aggregator(SessionTerms terms, Beacon& beacon) : terms_(std::move(terms)), beacon_(beacon), phase_(Advertising{}) {}

std::string_view Aggregator::phase() const {
  return std::visit(Overloaded{[](const Advertising&) { return std::string_view("advertising"); }, [](const Sharing&) { return std::string_view("sharing"); },
                               [](const Masking&) { return std::string_view("masking"); }, [](const Signing&) { return std::string_view("signing"); },
                               [](const Revealing&) { return std::string_view("revealing"); }, [](const Closed&) { return std::string_view("closed"); }},
                    phase_);
}

const Aggregator::Session* Aggregator::session_data() const {
  return std::visit(Overloaded{[](const Advertising&) -> const Session* { return nullptr; }, [](const auto& at) -> const Session* { return at.session.get(); }}, phase_);
}

const SessionId& Aggregator::session() const {
  static const SessionId none{};
  const Session* session = session_data();
  return session == nullptr ? none : session->id;
}

const SessionParameters& Aggregator::parameters() const {
  static const SessionParameters none{};
  const Session* session = session_data();
  return session == nullptr ? none : session->parameters;
}

std::optional<std::uint32_t> Aggregator::position_of(const ClientId& client) const {
  const Session* session = session_data();
  return session == nullptr ? std::nullopt : session->roster.position(client);
}

std::uint32_t Aggregator::advertised() const {
  if (const auto* at = std::get_if<Advertising>(&phase_)) return static_cast<std::uint32_t>(at->members.size());
  return parameters().clients;
}

Verdict Aggregator::on_advertise_keys(const IdentityPublicKey& identity, ByteSpan certificate, const AdvertiseKeys& message, const Signature& signature) {
  auto* at = std::get_if<Advertising>(&phase_);
  const ClientId id = client_id_of(identity);
  if (at == nullptr) {
    const auto position = position_of(id);
    return position && session_data()->members[*position].keys == message.keys ? Verdict::duplicate : Verdict::wrong_phase;
  }
  FEDSPEND_CHECK(certificate.size() == kCertificateWireBytes, "an enrolled certificate");
  if (const auto present = at->members.find(id); present != at->members.end())
    return present->second.keys == message.keys ? Verdict::duplicate : Verdict::equivocation;
  if (at->members.size() >= terms_.cohort) return Verdict::not_awaited;
  const RoundKeys& keys = message.keys;
  const Result<RistrettoPoint> mask_key = RistrettoPoint::parse(keys.mask);
  if (!mask_key || !AgreementPublicKey::parse(keys.agreement)) return Verdict::bad_contents;
  std::set<std::array<std::uint8_t, 32>> added = {keys.agreement, keys.mask, keys.commitment};
  if (added.size() != 3 || std::ranges::any_of(added, [&](const auto& key) { return at->keys.contains(key); })) return Verdict::bad_contents;
  at->keys.merge(added);
  Member member{.id = id, .identity = identity, .keys = keys, .mask_key = *mask_key, .signature = signature};
  std::ranges::copy(certificate, member.certificate.begin());
  at->members.emplace(id, std::move(member));
  return Verdict::accepted;
}

Verdict Aggregator::on_share_keys(const ClientId& client, const ShareKeys& message) {
  auto* at = std::get_if<Sharing>(&phase_);
  if (at == nullptr) return Verdict::wrong_phase;
  const auto position = at->session->roster.position(client);
  if (!position) return Verdict::not_awaited;
  if (message.sealed.size() != std::size_t{at->session->parameters.degree} * kSealedShareBytes) return Verdict::bad_contents;
  Bytes& sealed = at->sealed[*position];
  if (!sealed.empty()) return sealed == message.sealed ? Verdict::duplicate : Verdict::equivocation;
  sealed = message.sealed;
  ++at->answered;
  return Verdict::accepted;
}

Verdict Aggregator::on_masked_input(const ClientId& client, const MaskedInput& message, ByteSpan bulk) {
  auto* at = std::get_if<Masking>(&phase_);
  if (at == nullptr) return Verdict::wrong_phase;
  const auto position = at->session->roster.position(client);
  if (!position || !at->sharing.contains(*position)) return Verdict::not_awaited;
  std::optional<Hash256>& input = at->inputs[*position];
  if (input) return *input == message.bulk_hash ? Verdict::duplicate : Verdict::equivocation;
  // Lengths before anything is allocated or hashed (case 17).
  if (message.count != terms_.length || message.bits != terms_.bits || bulk.size() != packed_size(terms_.length, terms_.bits)) return Verdict::bad_contents;
  if (hash_of_update(bulk) != message.bulk_hash) return Verdict::bad_contents;
  const Result<RingVector> masked = RingVector::unpack(bulk, terms_.length, terms_.bits);
  if (!masked) return Verdict::bad_contents;
  at->sum.add(*masked);
  input = message.bulk_hash;
  ++at->answered;
  return Verdict::accepted;
}

Verdict Aggregator::on_sign_survivors(const ClientId& client, const SignSurvivors& message, const Signature& signature) {
  if (const auto* after = std::get_if<Revealing>(&phase_)) {
    const auto position = after->session->roster.position(client);
    return position && after->survivors.contains(*position) ? Verdict::duplicate : Verdict::wrong_phase;  // q were enough without this one
  }
  auto* at = std::get_if<Signing>(&phase_);
  if (at == nullptr) return Verdict::wrong_phase;
  const auto position = at->session->roster.position(client);
  if (!position || !at->survivors.contains(*position)) return Verdict::not_awaited;
  if (message.choice != at->choice) return at->signatures.contains(*position) ? Verdict::equivocation : Verdict::bad_contents;
  return at->signatures.emplace(*position, signature).second ? Verdict::accepted : Verdict::duplicate;
}

Verdict Aggregator::on_unmask(const ClientId& client, const Unmask& message) {
  auto* at = std::get_if<Revealing>(&phase_);
  if (at == nullptr) return Verdict::wrong_phase;
  const Session& session = *at->session;
  const auto position = session.roster.position(client);
  if (!position || !at->survivors.contains(*position)) return Verdict::not_awaited;
  const Result<PositionSet> opened = PositionSet::parse(session.parameters.degree, message.opened);
  if (!opened || message.shares.size() != std::size_t{opened->count()} * 32) return Verdict::bad_contents;
  const std::vector<Neighbour> neighbours = session.graph.neighbours(*position);
  for (std::uint32_t i = 0; i < neighbours.size(); ++i) {
    if (opened->contains(i) && !at->sharing.contains(neighbours[i].position)) return Verdict::bad_contents;
  }
  std::optional<Unmask>& revealed = at->revealed[*position];
  if (revealed) return revealed->opened == message.opened && revealed->shares == message.shares ? Verdict::duplicate : Verdict::equivocation;
  revealed = message;
  ++at->answered;
  return Verdict::accepted;
}

bool Aggregator::is_complete() const {
  return std::visit(Overloaded{[](const Sharing& at) { return at.answered == at.session->parameters.clients; },
                               [](const Masking& at) { return at.answered == at.sharing.count(); },
                               [](const Signing& at) { return at.signatures.size() >= at.session->parameters.quorum; },
                               [](const Revealing& at) { return at.answered == at.survivors.count(); }, [](const auto&) { return false; }},
                    phase_);
}

Status Aggregator::advance() {
  Result<Phase> next = std::visit(Overloaded{[&](Advertising& at) { return begin_sharing(at); }, [&](Sharing& at) { return begin_masking(at); },
                                             [&](Masking& at) { return begin_signing(at); }, [&](Signing& at) { return begin_unmasking(at); },
                                             [&](Revealing& at) { return close(at); },
                                             [](Closed&) -> Result<Phase> { return fail(ErrorCode::conflict, "the session is closed"); }},
                                  phase_);
  if (!next) return fail(std::move(next).error());
  phase_ = std::move(*next);
  return {};
}

Result<Aggregator::Phase> Aggregator::begin_sharing(Advertising& from) {
  FEDSPEND_ASSIGN(const SessionParameters parameters, derive_parameters(terms_, static_cast<std::uint32_t>(from.members.size())));
  std::vector<RosterEntry> entries;
  for (const auto& [id, member] : from.members) entries.push_back({id, roster_leaf(member.identity, hash_of_round_keys(member.keys))});
  FEDSPEND_ASSIGN(Roster roster, Roster::create(std::move(entries)));
  FEDSPEND_ASSIGN(const BeaconDraw beacon, beacon_.draw(terms_.assignment, roster.root()));
  MaskingGraph graph = MaskingGraph::draw(parameters.clients, parameters.degree, roster.root(), beacon.value);
  const SessionId id = secure_session_id(terms_, parameters, roster.root(), beacon.value);
  std::vector<Member> members;  // a map's order is the roster's
  for (auto& [client, member] : from.members) members.push_back(std::move(member));
  auto session = std::make_unique<Session>(Session{std::move(members), std::move(roster), std::move(graph), parameters, beacon, id});
  return Phase(Sharing{std::move(session), std::vector<Bytes>(parameters.clients), 0});
}

Status Aggregator::check_alive(const Session& session, const PositionSet& alive, std::string_view what) const {
  const std::uint32_t count = alive.count();
  const std::uint32_t least = std::max(terms_.min_clients, session.parameters.quorum);
  if (count < least) return too_few(std::to_string(count) + " clients have " + std::string(what) + ", of at least " + std::to_string(least));
  for (const std::uint32_t position : alive.positions()) {
    std::uint32_t neighbours = 0;
    for (const Neighbour& neighbour : session.graph.neighbours(position)) neighbours += alive.contains(neighbour.position) ? 1U : 0U;
    if (neighbours < session.parameters.threshold)
      return too_few("a client has " + std::to_string(neighbours) + " neighbours who have " + std::string(what) + ", of at least " + std::to_string(session.parameters.threshold));
  }
  return {};
}

// Whose mask keys must be reconstructed, by neighbours who are left: better no share leaves than too few.
Status Aggregator::check_recoverable(const Session& session, const PositionSet& sharing, const PositionSet& survivors) const {
  for (const std::uint32_t position : sharing.positions()) {
    if (survivors.contains(position)) continue;
    std::uint32_t neighbours = 0;
    for (const Neighbour& neighbour : session.graph.neighbours(position)) neighbours += survivors.contains(neighbour.position) ? 1U : 0U;
    if (neighbours < session.parameters.threshold)
      return too_few("a client that dropped out has " + std::to_string(neighbours) + " neighbours who could give its mask key back, of at least " + std::to_string(session.parameters.threshold));
  }
  return {};
}

Result<Aggregator::Phase> Aggregator::begin_masking(Sharing& from) const {
  const std::uint32_t clients = from.session->parameters.clients;
  PositionSet sharing(clients);
  for (std::uint32_t i = 0; i < clients; ++i) {
    if (!from.sealed[i].empty()) sharing.insert(i);
  }
  FEDSPEND_TRY(check_alive(*from.session, sharing, "shared keys"));
  return Phase(Masking{std::move(from.session), std::move(sharing), std::move(from.sealed), RingVector(terms_.length, terms_.bits),
                       std::vector<std::optional<Hash256>>(clients), 0});
}

Result<Aggregator::Phase> Aggregator::begin_signing(Masking& from) const {
  PositionSet survivors(from.session->parameters.clients);
  std::vector<Hash256> leaves;
  for (std::uint32_t i = 0; i < survivors.size(); ++i) {
    if (!from.inputs[i]) continue;
    survivors.insert(i);
    leaves.push_back(merkle_leaf_hash(*from.inputs[i]));
  }
  FEDSPEND_TRY(check_alive(*from.session, survivors, "sent a masked input"));
  FEDSPEND_TRY(check_recoverable(*from.session, from.sharing, survivors));
  MerkleTree inputs(std::move(leaves));
  const Hash256 choice = survivor_choice(from.session->id, from.sharing, survivors, inputs.root());
  return Phase(Signing{std::move(from.session), std::move(from.sharing), std::move(survivors), std::move(from.sum), std::move(inputs), choice, {}});
}

Result<Aggregator::Phase> Aggregator::begin_unmasking(Signing& from) const {
  const Session& session = *from.session;
  const std::uint32_t quorum = session.parameters.quorum;
  if (from.signatures.size() < quorum)
    return too_few(std::to_string(from.signatures.size()) + " clients have signed the survivor set, of at least " + std::to_string(quorum));
  std::vector<QuorumSigner> signers;
  std::vector<std::uint32_t> positions;
  for (const auto& [position, signature] : from.signatures) {
    if (signers.size() == quorum) break;
    const Member& member = session.members[position];
    signers.push_back({position, member.identity, hash_of_round_keys(member.keys), member.certificate, signature});
    positions.push_back(position);
  }
  auto bulk = std::make_shared<const Bytes>(encode_quorum(signers, session.roster.proof(positions)));
  const std::uint32_t clients = session.parameters.clients;
  return Phase(Revealing{std::move(from.session), std::move(from.sharing), std::move(from.survivors), std::move(from.sum), quorum, std::move(bulk),
                         std::vector<std::optional<Unmask>>(clients), 0});
}

// What each survivor has revealed, read once and sorted by dealer.
std::vector<Aggregator::RevealedOfDealer> Aggregator::shares_by_dealer(const Revealing& from) {
  const Session& session = *from.session;
  std::vector<RevealedOfDealer> by_dealer(session.parameters.clients);
  for (std::uint32_t holder = 0; holder < session.parameters.clients; ++holder) {
    if (!from.revealed[holder]) continue;
    const Unmask& unmask = *from.revealed[holder];
    const PositionSet opened = *PositionSet::parse(session.parameters.degree, unmask.opened);  // it was parsed when it came
    const std::vector<Neighbour> neighbours = session.graph.neighbours(holder);
    ByteSpan rest(unmask.shares);
    for (std::uint32_t i = 0; i < neighbours.size(); ++i) {
      RevealedOfDealer& of_dealer = by_dealer[neighbours[i].position];
      ++of_dealer.answered;
      if (!opened.contains(i)) continue;
      of_dealer.shares.resize(session.parameters.degree);
      of_dealer.shares[*session.graph.coordinate(neighbours[i].position, holder) - 1] = {holder, rest.first(32)};
      rest = rest.subspan(32);
    }
  }
  return by_dealer;
}

RevealedSecret Aggregator::revealed_secret(const Revealing& from, std::uint32_t position, const RevealedOfDealer& revealed) {
  const Session& session = *from.session;
  const Member& dealer = session.members[position];
  RevealedSecret secret{.kind = from.survivors.contains(position) ? SecretKind::self_mask : SecretKind::mask_key,
                        .dealer = {dealer.id, dealer.mask_key},
                        .commitment = dealer.keys.commitment,
                        .coordinates = {},
                        .shares = ScalarRows(revealed.shares.size()),
                        .holders = {},
                        .surviving_neighbours = {}};
  secret.coordinates.reserve(revealed.shares.size());
  secret.holders.reserve(revealed.shares.size());
  for (std::uint32_t i = 0; i < revealed.shares.size(); ++i) {
    const RevealedShare& share = revealed.shares[i];
    if (share.bytes.empty() || !secret.shares.parse(secret.holders.size(), share.bytes)) continue;  // or not canonical (case 9)
    secret.coordinates.push_back(i + 1);
    secret.holders.push_back(session.members[share.holder].id);
  }
  secret.shares.shorten(secret.holders.size());
  if (secret.kind == SecretKind::self_mask) return secret;
  for (const Neighbour& neighbour : session.graph.neighbours(position)) {
    if (!from.survivors.contains(neighbour.position)) continue;
    const Member& member = session.members[neighbour.position];
    secret.surviving_neighbours.push_back({member.id, member.mask_key});
  }
  return secret;
}

Result<Aggregator::Phase> Aggregator::close(Revealing& from) {
  const Session& session = *from.session;
  const std::uint32_t threshold = session.parameters.threshold;
  const std::vector<RevealedOfDealer> by_dealer = shares_by_dealer(from);
  std::vector<RevealedSecret> secrets;
  secrets.reserve(from.sharing.count());
  std::optional<std::size_t> fewest;  // of the secrets that cannot be opened
  for (const std::uint32_t position : from.sharing.positions()) {
    RevealedSecret secret = revealed_secret(from, position, by_dealer[position]);
    const std::size_t shares = secret.holders.size();
    if (shares < threshold) {
      fewest = std::min(fewest.value_or(shares), shares);
      if (by_dealer[position].answered >= threshold) dealers_at_fault_.push_back(secret.dealer.id);  // members are in the order of their ids
    } else {
      secrets.push_back(std::move(secret));
    }
  }
  if (fewest) return too_few(std::to_string(*fewest) + " valid shares of a client's secret, of at least " + std::to_string(threshold));
  const UnmaskingContext context{terms_.task, terms_.round, session.id, session.parameters.degree, threshold};
  auto unmasking = std::make_unique<Unmasking>(context, std::move(secrets), std::move(from.sum));
  return Phase(Closed{std::move(from.session), std::move(from.survivors), std::move(unmasking)});
}

std::vector<ClientId> Aggregator::awaited() const {
  std::vector<ClientId> clients;
  const Session* session = session_data();
  if (session == nullptr) return clients;
  for (const Member& member : session->members) {
    if (is_awaited(*session->roster.position(member.id))) clients.push_back(member.id);
  }
  return clients;
}

std::uint32_t Aggregator::awaited_count() const {
  return std::visit(Overloaded{[](const Sharing& at) { return at.session->parameters.clients - at.answered; },
                               [](const Masking& at) { return at.sharing.count() - at.answered; },
                               [](const Signing& at) { return at.survivors.count() - static_cast<std::uint32_t>(at.signatures.size()); },
                               [](const Revealing& at) { return at.survivors.count() - at.answered; }, [](const auto&) { return 0U; }},
                    phase_);
}

bool Aggregator::is_awaited(const ClientId& client) const {
  const std::optional<std::uint32_t> position = position_of(client);
  return position && is_awaited(*position);
}

bool Aggregator::is_awaited(std::uint32_t position) const {
  return std::visit(Overloaded{[&](const Sharing& at) { return at.sealed[position].empty(); },
                               [&](const Masking& at) { return at.sharing.contains(position) && !at.inputs[position]; },
                               [&](const Signing& at) { return at.survivors.contains(position) && !at.signatures.contains(position); },
                               [&](const Revealing& at) { return at.survivors.contains(position) && !at.revealed[position]; }, [](const auto&) { return false; }},
                    phase_);
}

std::optional<Outgoing> Aggregator::message_for(const ClientId& client) const {
  const std::optional<std::uint32_t> position = position_of(client);
  if (!position || !is_awaited(*position)) return std::nullopt;
  return std::visit(Overloaded{[&](const Sharing& at) { return std::optional(roster_view(*at.session, *position)); },
                               [&](const Masking& at) { return std::optional(shares_for(at, *position)); },
                               [&](const Signing& at) {
                                 const std::uint32_t rank = at.survivors.rank(*position);
                                 return std::optional(Outgoing{Survivors{at.survivors.bitmap(), at.inputs.root(), at.inputs.proof(std::span(&rank, 1))}, nullptr});
                               },
                               [&](const Revealing& at) { return std::optional(Outgoing{Quorum{at.signers}, at.quorum}); },
                               [](const auto&) { return std::optional<Outgoing>(); }},
                    phase_);
}

bool Aggregator::has_answered(const ClientId& client) const {
  const std::optional<std::uint32_t> position = position_of(client);
  if (!position) return false;
  return std::visit(Overloaded{[&](const Sharing& at) { return !at.sealed[*position].empty(); }, [&](const Masking& at) { return at.inputs[*position].has_value(); },
                               [&](const Signing& at) { return at.signatures.contains(*position); },
                               [&](const Revealing& at) { return at.revealed[*position].has_value(); }, [](const auto&) { return false; }},
                    phase_);
}

Outgoing Aggregator::roster_view(const Session& session, std::uint32_t position) const {
  RosterView view{.clients = session.parameters.clients,
                  .root = session.roster.root(),
                  .beacon = session.beacon.value,
                  .beacon_signature = session.beacon.signature,
                  .position = position,
                  .neighbours = {},
                  .proof = {}};
  std::vector<std::uint32_t> shown = {position};
  for (const Neighbour& neighbour : session.graph.neighbours(position)) {
    const Member& member = session.members[neighbour.position];
    view.neighbours.push_back({neighbour.position, member.identity, member.certificate, member.keys, member.signature});
    shown.push_back(neighbour.position);
  }
  std::ranges::sort(shown);
  view.proof = session.roster.proof(shown);
  return {std::move(view), nullptr};
}

Outgoing Aggregator::shares_for(const Masking& at, std::uint32_t position) const {
  DeliverShares message;
  message.sharing = at.sharing.bitmap();
  for (const Neighbour& neighbour : at.session->graph.neighbours(position)) {
    if (!at.sharing.contains(neighbour.position)) continue;
    const std::uint32_t coordinate = *at.session->graph.coordinate(neighbour.position, position);
    const ByteSpan sealed = ByteSpan(at.sealed[neighbour.position]).subspan((coordinate - 1) * kSealedShareBytes, kSealedShareBytes);
    message.sealed.insert(message.sealed.end(), sealed.begin(), sealed.end());
  }
  return {std::move(message), nullptr};
}

std::vector<ClientId> Aggregator::contributors() const {
  const auto of = [](const Session& session, const PositionSet& survivors) {
    std::vector<ClientId> ids;
    for (const std::uint32_t position : survivors.positions()) ids.push_back(session.members[position].id);
    return ids;
  };
  return std::visit(Overloaded{[&](const Signing& at) { return of(*at.session, at.survivors); }, [&](const Revealing& at) { return of(*at.session, at.survivors); },
                               [&](const Closed& at) { return of(*at.session, at.survivors); }, [](const auto&) { return std::vector<ClientId>(); }},
                    phase_);
}

std::unique_ptr<Unmasking> Aggregator::take_unmasking() {
  auto* at = std::get_if<Closed>(&phase_);
  FEDSPEND_CHECK(at != nullptr && at->unmasking != nullptr, "a closed session, once");
  return std::move(at->unmasking);
}

}  // namespace fedspend
