#pragma once
// One round of secure aggregation in one process, for its cost: the very machines of device and coordinator (common/secagg), with every
// message encoded, signed, opened and checked as on the wire, and vectors whose sum is known. Clients that drop out do so after
// they have shared keys and before their masked input, which is where it costs the server most.
// The signers are checked in full by some of the clients, whose time is what is reported; the others share what has been verified.

#include <cstdint>

#include "common/executor.h"
#include "common/result.h"
#include "common/secagg/parameters.h"

namespace fedspend::simulations {

struct SecureRoundOptions {
  std::uint32_t clients = 100;
  std::uint64_t dimension = 100'000;
  std::uint32_t dropout_ppm = 0;            // who drops out in this run: floor(dropout n)
  std::uint32_t tolerated_ppm = 100'000;    // delta of the parameters; at least dropout_ppm
  std::uint32_t corrupt_ppm = 100'000;      // gamma
  unsigned value_bits = 16;                 // of a client's values; the ring has ceil(log2 n) more, 32 at most
  Threat threat = Threat::semi_malicious;
  std::uint32_t security_bits = 40;
  std::uint64_t seed = 1;                   // of keys, vectors and of who drops out
  std::uint32_t full_quorum_checks = 8;     // clients that check the quorum alone, without what others have verified; at least 1
};

struct SecureRoundCosts {
  std::uint32_t degree = 0;
  std::uint32_t threshold = 0;
  std::uint32_t quorum = 0;
  unsigned ring_bits = 0;
  std::uint32_t dropped = 0;
  std::uint32_t survivors = 0;
  double client_ms = 0;              // mean processor time of a survivor in the whole round, without the quorum check
  double quorum_check_ms = 0;        // the same of the check, on one thread
  double server_ms = 0;              // wall time of the server's own work from the last masked input to the sum
  double server_arrival_ms = 0;      // its work on what arrived until then, wall time
  double server_unmasking_ms = 0;    // of server_ms: reconstruction and masks
  double mask_floor_ms = 0;          // libsodium's ChaCha20 alone, the same masks on the same threads
  double client_mask_floor_ms = 0;   // the same for one client's masks, one thread
  std::uint64_t masks = 0;           // that the server took off
  double bytes_up_per_client = 0;    // of a survivor, all frames
  double bytes_down_per_client = 0;
  double expansion = 0;              // bytes up over dimension * value_bits / 8
  std::uint64_t peak_memory_bytes = 0;  // of the whole process, all clients included
};

// refused or invalid_argument: parameters that do not exist. internal: the sum was wrong, which no round may be.
Result<SecureRoundCosts> run_secure_round(const SecureRoundOptions& options, Executor& executor);

}  // namespace fedspend::simulations
