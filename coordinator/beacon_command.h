#pragma once
// An external beacon as a program of the deployment: it is run as `PROGRAM ROOT` (the roster's root, 64 hexadecimal digits) after the
// root is fixed, and prints 64 hexadecimal digits of public randomness that nobody could know before, in whatever way it has them: a
// public randomness beacon's next pulse, a file that somebody else writes. The round waits for it. What it prints is public; that it
// could not be chosen is the deployment's affair (SECAGG.md, case 33). One thread per object.

#include <string>

#include "common/clock.h"
#include "common/secagg/aggregator.h"

namespace fedspend::coordinator {

class BeaconCommand final : public Beacon {
 public:
  explicit BeaconCommand(std::string program, Millis timeout = Millis(30'000)) : program_(std::move(program)), timeout_(timeout) {}
  // unavailable: it cannot be run or fails; timeout: it is ended; malformed: it prints something else. The round is then aborted.
  Result<Hash256> draw(const Hash256& roster_root) override;

 private:
  std::string program_;
  Millis timeout_;
};

}  // namespace fedspend::coordinator
