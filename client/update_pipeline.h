#pragma once
// From a trained update to the bytes that leave the device: clip -> round to integers mod 2^b, then masks (secure aggregation) and
// packing. Distributed privacy puts its steps between clipping and rounding (DESIGN.md, One round, as data). Pure.

#include <span>
#include <vector>

#include "common/bytes.h"
#include "common/numeric/ring_vector.h"
#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::client {

// `update` is clipped in place. An update that is not finite counts as zero (case 30).
Result<RingVector> encode_update(const Plan& plan, std::vector<float>& update);
// The same, packed as an open sum takes it: packed_size(parameter count, bits) bytes.
Result<Bytes> pack_update(const Plan& plan, std::vector<float>& update);

}  // namespace fedspend::client
