#include "common/secagg/participant.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/overloaded.h"
#include "common/protocol/codec.h"
#include "common/secagg/beacon.h"
#include "common/secagg/masks.h"
#include "common/secagg/merkle_tree.h"
#include "common/secagg/quorum.h"
#include "common/secagg/shamir.h"

namespace fedspend {
namespace {

static_assert(kSealedShareBytes == kSealedSharesBytes);

tl::unexpected<Error> refused(std::string what) { return fail(ErrorCode::refused, std::move(what)); }
tl::unexpected<Error> out_of_turn(std::string_view what) { return fail(ErrorCode::conflict, std::string(what) + " that was not waited for"); }

}  // namespace

Participant::Participant(SessionTerms terms, const IdentityPublicKey& identity, RandomSource& random, Credentials& credentials,
                         std::optional<IdentityPublicKey> beacon_key)
    : terms_(std::move(terms)), identity_(identity), id_(client_id_of(identity)), random_(random), credentials_(credentials), beacon_key_(beacon_key),
      phase_(Advertised{{SecretScalar::random(random), SecretScalar::random(random)}, AgreementKey::generate(random)}) {
  const auto& own = std::get<Advertised>(phase_);
  const Result<RistrettoPoint> point = RistrettoPoint::base_times(own.secrets.mask_secret);
  FEDSPEND_CHECK(point.has_value(), "a random scalar is not 0");
  keys_ = {.agreement = own.agreement.public_key().bytes(),
           .mask = point->bytes(),
           .commitment = self_mask_commitment(own.secrets.self_secret, id_, terms_.task, terms_.round)};
}

const SessionId& Participant::session() const {
  static const SessionId none{};
  return std::visit(Overloaded{[](const Advertised&) -> const SessionId& { return none; }, [](const Signed& at) -> const SessionId& { return at.masked.session.id; },
                               [](const Unmasked& at) -> const SessionId& { return at.id; }, [](const auto& at) -> const SessionId& { return at.session.id; }},
                    phase_);
}

const SessionParameters& Participant::parameters() const {
  static const SessionParameters none{};
  return std::visit(Overloaded{[](const Advertised&) -> const SessionParameters& { return none; },
                               [](const Signed& at) -> const SessionParameters& { return at.masked.session.parameters; },
                               [](const Unmasked& at) -> const SessionParameters& { return at.parameters; },
                               [](const auto& at) -> const SessionParameters& { return at.session.parameters; }},
                    phase_);
}

std::uint32_t Participant::unopened() const {
  const auto count = [](const Session& session, const PositionSet& sharing, const std::vector<Held>& held) {
    std::uint32_t missing = 0;
    for (std::size_t i = 0; i < held.size(); ++i) missing += sharing.contains(session.neighbours[i].position) && !held[i].shares ? 1U : 0U;
    return missing;
  };
  return std::visit(Overloaded{[&](const Keyed& at) { return count(at.session, at.sharing, at.held); },
                               [&](const Masked& at) { return count(at.session, at.sharing, at.held); },
                               [&](const Signed& at) { return count(at.masked.session, at.masked.sharing, at.masked.held); },
                               [](const auto&) { return 0U; }},
                    phase_);
}

Result<ShareKeys> Participant::on_roster(const RosterView& roster, const SessionId& session, std::uint64_t now_s) {
  auto* advertised = std::get_if<Advertised>(&phase_);
  if (advertised == nullptr) return out_of_turn("a roster");
  FEDSPEND_ASSIGN(Session checked, check_roster(roster, session, now_s, advertised->agreement));
  ShareKeys message = deal(checked, advertised->secrets);
  Secrets secrets = std::move(advertised->secrets);
  phase_ = Shared{std::move(secrets), std::move(checked)};
  return message;
}

// From the cheap to the dear: the parameters, the beacon, the session id, the graph, the proof, then two signatures for each neighbour.
Result<Participant::Session> Participant::check_roster(const RosterView& roster, const SessionId& session, std::uint64_t now_s, const AgreementKey& agreement) const {
  FEDSPEND_ASSIGN(const SessionParameters parameters, derive_parameters(terms_, roster.clients));
  FEDSPEND_TRY(check_beacon(roster));
  if (session != secure_session_id(terms_, parameters, roster.root, roster.beacon)) return refused("roster: the session id is not that of its contents");
  if (roster.position >= parameters.clients) return refused("roster: a position beyond its end");
  if (roster.neighbours.size() != parameters.degree)
    return refused("roster: " + std::to_string(roster.neighbours.size()) + " neighbours, not " + std::to_string(parameters.degree));
  const MaskingGraph graph = MaskingGraph::draw(parameters.clients, parameters.degree, roster.root, roster.beacon);
  const std::vector<Neighbour> expected = graph.neighbours(roster.position);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (roster.neighbours[i].position != expected[i].position) return refused("roster: a client that is not a neighbour");
  }
  FEDSPEND_TRY(check_distinct(roster));
  FEDSPEND_TRY(check_proof(roster));
  FEDSPEND_TRY(check_neighbour_keys(roster, now_s));

  Session checked{.id = session, .parameters = parameters, .roster_root = roster.root, .position = roster.position, .neighbours = {}};
  for (const NeighbourKeys& neighbour : roster.neighbours) {
    const ClientId peer = client_id_of(neighbour.identity);
    FEDSPEND_ASSIGN(const AgreementPublicKey peer_agreement, AgreementPublicKey::parse(neighbour.keys.agreement));
    FEDSPEND_ASSIGN(const RistrettoPoint peer_mask, RistrettoPoint::parse(neighbour.keys.mask));
    const std::optional<std::uint32_t> coordinate = graph.coordinate(neighbour.position, roster.position);
    FEDSPEND_CHECK(coordinate.has_value(), "neighbours are each other's neighbours");
    checked.neighbours.push_back({neighbour.position, {peer, peer_mask}, ShareChannel(session, id_, agreement, peer, peer_agreement), *coordinate});
  }
  return checked;
}

// The graph may not be the coordinator's choice (case 33).
Status Participant::check_beacon(const RosterView& roster) const {
  if (!terms_.external_beacon) {
    if (roster.beacon_signature != Signature{}) return refused("roster: a signed beacon, and the plan has the roster's own");
    if (roster.beacon != default_beacon(roster.root)) return refused("roster: the beacon is not that of its root");
    return {};
  }
  if (!beacon_key_) return refused("roster: an external beacon, and this device pins no key to check it by");
  const Result<BeaconDraw> draw = open_beacon(*beacon_key_, terms_.assignment, roster.root, roster.beacon_signature);
  if (!draw) return fail(draw.error().code, "roster: " + draw.error().message);
  if (roster.beacon != draw->value) return refused("roster: the beacon is not that of its signature");
  return {};
}

// No identity and no key twice among this client and its neighbours (case 5), and their order that of the sorted roster.
Status Participant::check_distinct(const RosterView& roster) const {
  std::vector<std::pair<ClientId, std::uint32_t>> places = {{id_, roster.position}};
  std::vector<std::array<std::uint8_t, 32>> keys = {keys_.agreement, keys_.mask, keys_.commitment};
  for (const NeighbourKeys& neighbour : roster.neighbours) {
    places.emplace_back(client_id_of(neighbour.identity), neighbour.position);
    keys.insert(keys.end(), {neighbour.keys.agreement, neighbour.keys.mask, neighbour.keys.commitment});
  }
  std::ranges::sort(places);
  for (std::size_t i = 1; i < places.size(); ++i) {
    if (places[i].first == places[i - 1].first) return refused("roster: an identity is there twice");
    if (places[i].second <= places[i - 1].second) return refused("roster: it is not sorted");
  }
  std::ranges::sort(keys);
  if (std::ranges::adjacent_find(keys) != keys.end()) return refused("roster: a key is there twice");
  return {};
}

Status Participant::check_proof(const RosterView& roster) const {
  std::vector<PlacedLeaf> leaves = {{roster.position, roster_leaf(identity_, hash_of_round_keys(keys_))}};
  for (const NeighbourKeys& neighbour : roster.neighbours)
    leaves.push_back({neighbour.position, roster_leaf(neighbour.identity, hash_of_round_keys(neighbour.keys))});
  std::ranges::sort(leaves, {}, &PlacedLeaf::index);
  return verify_leaves(roster.root, roster.clients, leaves, roster.proof);
}

Status Participant::check_neighbour_keys(const RosterView& roster, std::uint64_t now_s) const {
  for (const NeighbourKeys& neighbour : roster.neighbours) {
    FEDSPEND_TRY(credentials_.check_certificate(neighbour.identity, neighbour.certificate, now_s));
    const Bytes body = encode_body(AdvertiseKeys{neighbour.keys});
    const Hash256 digest = signed_digest(MessageType::advertise_keys, terms_.assignment, client_id_of(neighbour.identity), body);
    if (!credentials_.check_signature(neighbour.identity, digest, neighbour.signature))
      return fail(ErrorCode::unauthorized, "roster: a neighbour has not signed its keys for this task, round, model, plan and attempt");
  }
  return {};
}

ShareKeys Participant::deal(const Session& session, const Secrets& secrets) {
  const SessionParameters& parameters = session.parameters;
  const ScalarRows mask_shares = deal_shares(secrets.mask_secret, parameters.threshold, parameters.degree, random_);
  const ScalarRows self_shares = deal_shares(secrets.self_secret, parameters.threshold, parameters.degree, random_);
  ShareKeys message;
  message.sealed.reserve(parameters.degree * kSealedShareBytes);
  for (std::uint32_t i = 0; i < parameters.degree; ++i) {
    const Bytes sealed = session.neighbours[i].channel->seal(i + 1, mask_shares.expose(i), self_shares.expose(i), random_);
    message.sealed.insert(message.sealed.end(), sealed.begin(), sealed.end());
  }
  return message;
}

Status Participant::on_shares(const DeliverShares& shares) {
  auto* shared = std::get_if<Shared>(&phase_);
  if (shared == nullptr) return out_of_turn("shares");
  const Session& session = shared->session;
  FEDSPEND_ASSIGN(PositionSet sharing, PositionSet::parse(session.parameters.clients, shares.sharing));
  if (!sharing.contains(session.position)) return refused("shares: this client is said to have dropped out");
  if (sharing.count() < terms_.min_clients) return refused("shares: " + std::to_string(sharing.count()) + " clients are left, below the least");
  std::uint32_t alive = 0;
  for (const Neighbouring& neighbour : session.neighbours) alive += sharing.contains(neighbour.position) ? 1U : 0U;
  if (alive < session.parameters.threshold) return refused("shares: " + std::to_string(alive) + " neighbours are left, below the threshold");
  if (shares.sealed.size() != alive * kSealedShareBytes)
    return fail(ErrorCode::malformed, "shares: " + std::to_string(shares.sealed.size()) + " bytes for " + std::to_string(alive) + " neighbours");
  std::vector<Held> held;
  ByteSpan rest(shares.sealed);
  for (const Neighbouring& neighbour : session.neighbours) {
    held.emplace_back();
    if (!sharing.contains(neighbour.position)) continue;
    if (Result<SharePair> opened = neighbour.channel->open(neighbour.coordinate_of_own, rest.first(kSealedShareBytes))) held.back().shares = std::move(*opened);
    rest = rest.subspan(kSealedShareBytes);
  }
  Secrets secrets = std::move(shared->secrets);
  Session moved = std::move(shared->session);
  for (Neighbouring& neighbour : moved.neighbours) neighbour.channel.reset();
  phase_ = Keyed{std::move(secrets), std::move(moved), std::move(sharing), std::move(held)};
  return {};
}

Result<MaskedVector> Participant::mask(RingVector update) {
  auto* keyed = std::get_if<Keyed>(&phase_);
  if (keyed == nullptr) return out_of_turn("an update");
  FEDSPEND_CHECK(update.size() == terms_.length && update.bits() == terms_.bits, "an update of the session's length and width");
  const Session& session = keyed->session;
  FEDSPEND_ASSIGN(const RistrettoPoint own_point, RistrettoPoint::parse(keys_.mask));
  const PairEnd own{id_, own_point};
  std::vector<Mask> masks;
  masks.reserve(session.neighbours.size() + 1);
  masks.push_back(self_mask(keyed->secrets.self_secret, id_, session.id));
  for (const Neighbouring& neighbour : session.neighbours) {
    if (!keyed->sharing.contains(neighbour.position)) continue;
    FEDSPEND_ASSIGN(Mask mask, pair_mask(keyed->secrets.mask_secret, own, neighbour.end, session.id));
    masks.push_back(std::move(mask));
  }
  apply_masks(masks, terms_.bits, 0, update.mutable_values());
  MaskedVector masked;
  masked.packed = std::make_shared<const Bytes>(update.pack());
  masked.message = {.bulk_hash = hash_of_update(*masked.packed), .count = static_cast<std::uint32_t>(update.size()), .bits = static_cast<std::uint8_t>(terms_.bits)};
  Masked next{std::move(keyed->session), std::move(keyed->sharing), std::move(keyed->held), masked.message.bulk_hash};
  phase_ = std::move(next);
  return masked;
}

Result<SignSurvivors> Participant::choose(const Masked& masked, const Survivors& survivors, PositionSet& set) const {
  const Session& session = masked.session;
  const SessionParameters& parameters = session.parameters;
  FEDSPEND_ASSIGN(set, PositionSet::parse(parameters.clients, survivors.survivors));
  if (!set.is_subset_of(masked.sharing)) return refused("survivors: a client that has shared no keys");
  if (!set.contains(session.position)) return refused("survivors: this client is said to have dropped out");
  const std::uint32_t count = set.count();
  if (count < terms_.min_clients || count < parameters.quorum) return refused("survivors: " + std::to_string(count) + ", too few");
  std::uint32_t alive = 0;
  for (const Neighbouring& neighbour : session.neighbours) alive += set.contains(neighbour.position) ? 1U : 0U;
  if (alive < parameters.threshold) return refused("survivors: " + std::to_string(alive) + " neighbours are left, below the threshold");
  const PlacedLeaf own{set.rank(session.position), merkle_leaf_hash(masked.input_hash)};
  FEDSPEND_TRY(verify_leaves(survivors.inputs_root, count, std::span(&own, 1), survivors.proof));
  return SignSurvivors{survivor_choice(session.id, masked.sharing, set, survivors.inputs_root)};
}

Result<SignSurvivors> Participant::on_survivors(const Survivors& survivors) {
  PositionSet set;
  if (const auto* signed_before = std::get_if<Signed>(&phase_)) {
    FEDSPEND_ASSIGN(const SignSurvivors again, choose(signed_before->masked, survivors, set));
    if (again.choice != signed_before->choice) return fail(ErrorCode::conflict, "survivors: another set than the one that was signed");
    return again;
  }
  auto* masked = std::get_if<Masked>(&phase_);
  if (masked == nullptr) return out_of_turn("a survivor set");
  FEDSPEND_ASSIGN(const SignSurvivors message, choose(*masked, survivors, set));
  Masked moved = std::move(*masked);
  phase_ = Signed{std::move(moved), std::move(set), message.choice};
  return message;
}

Result<Unmask> Participant::on_quorum(const Quorum& quorum, ByteSpan bulk, std::uint64_t now_s, Executor& executor) {
  auto* at = std::get_if<Signed>(&phase_);
  if (at == nullptr) return out_of_turn("a quorum");
  const Session& session = at->masked.session;
  const QuorumExpectation expected{.session = session.id,
                                   .roster_root = session.roster_root,
                                   .clients = session.parameters.clients,
                                   .quorum = session.parameters.quorum,
                                   .choice = at->choice,
                                   .survivors = at->survivors};
  FEDSPEND_TRY(check_quorum(expected, quorum.signers, bulk, now_s, credentials_, executor));
  PositionSet opened(session.parameters.degree);
  Unmask message;
  for (std::uint32_t i = 0; i < session.parameters.degree; ++i) {
    const std::optional<SharePair>& shares = at->masked.held[i].shares;
    if (!shares) continue;
    // Exactly one of the two, by the set that a quorum has signed (case 12).
    const bool survives = at->survivors.contains(session.neighbours[i].position);
    const auto share = (survives ? shares->self_share : shares->mask_share).expose();
    opened.insert(i);
    message.shares.insert(message.shares.end(), share.begin(), share.end());
  }
  message.opened = opened.bitmap();
  const Unmasked done{session.id, session.parameters};
  phase_ = done;
  return message;
}

}  // namespace fedspend
