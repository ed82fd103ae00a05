#pragma once
// The external beacon as the coordinator sees it: a program of the deployment, run as `PROGRAM AID ROOT` (the attempt's assignment id and
// the roster's root, 64 hexadecimal digits each) after the root is fixed, which has the beacon sign them and prints the signature, 128
// hexadecimal digits: a line of ssh to where `fedspend-admin beacon-sign` has the key, say. The round waits for it. What it prints is
// checked under the beacon's key, as every device will, so that a wrong key is one clear abort here (common/secagg/beacon.h; SECAGG.md,
// case 33). It runs in a process group of its own, with nothing on its standard input; no answer in time is the end of that group. One
// thread per object.

#include <string>

#include "common/clock.h"
#include "common/secagg/beacon.h"

namespace fedspend::coordinator {

class BeaconCommand final : public Beacon {
 public:
  BeaconCommand(std::string program, const IdentityPublicKey& key, Millis timeout = Millis(30'000)) : program_(std::move(program)), key_(key), timeout_(timeout) {}
  // unavailable: it cannot be run or fails; timeout: it is ended; malformed: it prints something else; unauthorized: a signature that is
  // not the beacon's of this attempt and root. The round is then aborted.
  Result<BeaconDraw> draw(const SessionId& assignment, const Hash256& roster_root) override;

 private:
  std::string program_;
  IdentityPublicKey key_;
  Millis timeout_;
};

}  // namespace fedspend::coordinator
