#pragma once
// From a trained update to the integers mod 2^b that leave the device, masked or packed (DESIGN.md, One round, as data):
//   without distributed noise   clip -> round to the nearest integer
//   distributed                 clip -> rotate -> round at random -> + noise share (common/privacy/distributed_encoder.h)
// Pure.

#include <span>
#include <vector>

#include "common/bytes.h"
#include "common/numeric/ring_vector.h"
#include "common/protocol/plan.h"
#include "common/random_source.h"
#include "common/result.h"
#include "common/secagg/participant.h"

namespace fedspend::client {

// Without distributed noise: `update` is clipped in place. An update that is not finite counts as zero (case 30).
Result<RingVector> encode_update(const Plan& plan, std::vector<float>& update);
// The same, packed as an open sum takes it: packed_size(parameter count, bits) bytes.
Result<Bytes> pack_update(const Plan& plan, std::vector<float>& update);

// As the session asks for it: with its noise, or as above. From the roster on. `random` is libsodium's but in tests and simulations.
Result<RingVector> encode_update(const Plan& plan, const Participant& session, std::vector<float>& update, RandomSource& random);

}  // namespace fedspend::client
