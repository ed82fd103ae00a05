#pragma once
// What a coordinator that keeps no rule can make of what clients have signed: a roster of any members in any order, shown under any number
// of clients, with every hash and proof computed as the protocol has it, and quorums of any signers. An Aggregator would make none
// of it, so the tests of what a client refuses need it. Thread-safe once made.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/protocol/messages.h"
#include "common/secagg/graph.h"
#include "common/secagg/merkle_tree.h"
#include "common/secagg/quorum.h"
#include "common/secagg/session_terms.h"
#include "tests/common/secagg/secure_session.h"

namespace fedspend::testing {

struct ForgedMember {
  IdentityPublicKey identity;
  Bytes certificate;
  RoundKeys keys;
  Signature signature{};  // of AdvertiseKeys
};
// What the clients of a session have advertised, in the order of their ids.
std::vector<ForgedMember> advertised_by(SecureSession& session);
// Keys as `client` would have signed them for this assignment.
void sign_keys(ForgedMember& member, const IdentityKey& identity, const SessionId& assignment);

class ForgedRoster {
 public:
  ForgedRoster(const SessionTerms& terms, std::vector<ForgedMember> members, std::optional<BeaconDraw> beacon = std::nullopt);

  RosterView view(std::uint32_t position) const;
  Delivery view_for(std::size_t client, std::uint32_t position) const;
  const SessionId& session() const { return session_; }
  const SessionParameters& parameters() const { return parameters_; }
  const MerkleTree& tree() const { return tree_; }
  const MaskingGraph& graph() const { return graph_; }
  const ForgedMember& member(std::uint32_t position) const { return members_[position]; }

 private:
  std::vector<ForgedMember> members_;
  SessionParameters parameters_;
  MerkleTree tree_;
  BeaconDraw beacon_;
  MaskingGraph graph_;
  SessionId session_;
};

}  // namespace fedspend::testing
