#pragma once
// An external beacon in one process, for tests: its key, and what it was asked. The program of a deployment is coordinator/beacon_signer.h.
// One thread.

#include <optional>
#include <utility>
#include <vector>

#include "common/crypto/random.h"
#include "common/secagg/beacon.h"

namespace fedspend::testing {

inline IdentityKey beacon_key(std::uint64_t seed = 0) {
  SeededRandom random(Hasher("test-beacon").u64(seed).finish());
  return IdentityKey::generate(random);
}

class SigningBeacon final : public Beacon {
 public:
  explicit SigningBeacon(std::uint64_t seed = 0) : key_(beacon_key(seed)) {}

  Result<BeaconDraw> draw(const SessionId& assignment, const Hash256& roster_root) override {
    asked.emplace_back(assignment, roster_root);
    if (fails) return fail(ErrorCode::unavailable, "the beacon does not answer");
    return open_beacon(key_.public_key(), assignment, roster_root, sign_beacon(key_, assignment, roster_root));
  }
  const IdentityKey& key() const { return key_; }

  std::vector<std::pair<SessionId, Hash256>> asked;
  bool fails = false;

 private:
  IdentityKey key_;
};

}  // namespace fedspend::testing
