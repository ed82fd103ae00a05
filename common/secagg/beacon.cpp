#include "common/secagg/beacon.h"

namespace fedspend {

Hash256 beacon_input(const SessionId& assignment, const Hash256& roster_root) {
  return Hasher("beacon-input").field(assignment.bytes).field(roster_root).finish();
}

Signature sign_beacon(const IdentityKey& key, const SessionId& assignment, const Hash256& roster_root) { return key.sign(beacon_input(assignment, roster_root)); }

Result<BeaconDraw> open_beacon(const IdentityPublicKey& key, const SessionId& assignment, const Hash256& roster_root, const Signature& signature) {
  if (!verify(key, beacon_input(assignment, roster_root), signature))
    return fail(ErrorCode::unauthorized, "the external beacon has not signed this value for this attempt and roster");
  return BeaconDraw{.value = Hasher("external-beacon").field(signature).finish(), .signature = signature};
}

}  // namespace fedspend
