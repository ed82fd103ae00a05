#include "tests/common/secagg/forged_roster.h"

#include <algorithm>
#include <utility>

#include "common/protocol/codec.h"

namespace fedspend::testing {
namespace {

MerkleTree tree_of(const std::vector<ForgedMember>& members) {
  std::vector<Hash256> leaves;
  for (const ForgedMember& member : members) leaves.push_back(roster_leaf(member.identity, hash_of_round_keys(member.keys)));
  return MerkleTree(std::move(leaves));
}

}  // namespace

std::vector<ForgedMember> advertised_by(SecureSession& session) {
  std::vector<ForgedMember> members;
  for (std::size_t i = 0; i < session.size(); ++i) {
    const SessionClient& client = session.client(i);
    members.push_back({.identity = client.identity.public_key(), .certificate = client.certificate, .keys = client.participant->advertise_keys().keys});
    sign_keys(members.back(), client.identity, client.participant->terms().assignment);
  }
  return members;
}

void sign_keys(ForgedMember& member, const IdentityKey& identity, const SessionId& assignment) {
  member.signature = identity.sign(
      signed_digest(MessageType::advertise_keys, assignment, client_id_of(identity.public_key()), encode_body(AdvertiseKeys{member.keys})));
}

ForgedRoster::ForgedRoster(const SessionTerms& terms, std::vector<ForgedMember> members, std::optional<BeaconDraw> beacon)
    : members_(std::move(members)), parameters_(*derive_parameters(terms, static_cast<std::uint32_t>(members_.size()))), tree_(tree_of(members_)),
      beacon_(beacon.value_or(BeaconDraw{.value = default_beacon(tree_.root())})),
      graph_(MaskingGraph::draw(parameters_.clients, parameters_.degree, tree_.root(), beacon_.value)),
      session_(secure_session_id(terms, parameters_, tree_.root(), beacon_.value)) {}

RosterView ForgedRoster::view(std::uint32_t position) const {
  RosterView view{.clients = parameters_.clients,
                  .root = tree_.root(),
                  .beacon = beacon_.value,
                  .beacon_signature = beacon_.signature,
                  .position = position,
                  .neighbours = {},
                  .proof = {}};
  std::vector<std::uint32_t> shown = {position};
  for (const Neighbour& neighbour : graph_.neighbours(position)) {
    const ForgedMember& member = members_[neighbour.position];
    NeighbourKeys keys{.position = neighbour.position, .identity = member.identity, .keys = member.keys, .signature = member.signature};
    std::ranges::copy(member.certificate, keys.certificate.begin());
    view.neighbours.push_back(keys);
    shown.push_back(neighbour.position);
  }
  std::ranges::sort(shown);
  view.proof = tree_.proof(shown);
  return view;
}

Delivery ForgedRoster::view_for(std::size_t client, std::uint32_t position) const {
  return {.client = client, .message = view(position), .session = session_};
}

}  // namespace fedspend::testing
