#pragma once
// From a trained update to the bytes that leave the device: clip -> round to integers mod 2^b -> pack. Secure aggregation and
// distributed privacy put their steps between rounding and packing (DESIGN.md, One round, as data). Pure.

#include <span>
#include <vector>

#include "common/bytes.h"
#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::client {

// `update` is clipped in place. An update that is not finite counts as zero. The packed vector has packed_size(parameter count, bits) bytes.
Result<Bytes> encode_update(const Plan& plan, std::vector<float>& update);

}  // namespace fedspend::client
