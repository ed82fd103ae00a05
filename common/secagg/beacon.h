#pragma once
// The public randomness from which a session's masking graph is drawn once the roster's root is fixed (SECAGG.md, case 33), for both
// ends. Two kinds:
//   the roster's own   value = H("beacon", root), signature all zero. Does not prevent grinding.
//   external           signature = Ed25519 of H("beacon-input", assignment id, root) by the beacon's key, value = H("external-beacon",
//                      signature)
// The beacon's key belongs to a party apart from the coordinator, and devices pin it. The coordinator cannot know a value before that
// party has signed, cannot have two values for one root (Ed25519 is deterministic, and nobody without the key makes a second signature
// that verify() accepts), and not the value of two roots of one attempt (the party's ledger: coordinator/beacon_signer.h). What it can
// do is to begin another attempt, in which every honest device must advertise again. Who holds the key can choose the graph, and who
// holds it together with the coordinator grinds as before. Thread-safe functions; who implements Beacon says its own rule.

#include "common/crypto/hash.h"
#include "common/crypto/identity.h"
#include "common/ids.h"
#include "common/result.h"
#include "common/secagg/graph.h"

namespace fedspend {

struct BeaconDraw {
  Hash256 value{};
  Signature signature{};  // all zero: the roster's own
  bool operator==(const BeaconDraw&) const = default;
};

class Beacon {
 public:
  virtual ~Beacon() = default;
  // Asked again for the same two, it gives the same or an error.
  virtual Result<BeaconDraw> draw(const SessionId& assignment, const Hash256& roster_root) = 0;
};

// What a plan with beacon = "roster" means.
class RosterBeacon final : public Beacon {
 public:
  Result<BeaconDraw> draw(const SessionId&, const Hash256& roster_root) override { return BeaconDraw{.value = default_beacon(roster_root)}; }
};

// What the external beacon signs, and its signature.
Hash256 beacon_input(const SessionId& assignment, const Hash256& roster_root);
Signature sign_beacon(const IdentityKey& key, const SessionId& assignment, const Hash256& roster_root);
// The draw that this signature is; unauthorized: `key` has not made it for this assignment and root.
Result<BeaconDraw> open_beacon(const IdentityPublicKey& key, const SessionId& assignment, const Hash256& roster_root, const Signature& signature);

}  // namespace fedspend
