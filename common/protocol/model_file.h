#pragma once
// A model on disk: a small header and float32 little-endian weights, with a hash at the end, so that a torn or altered file is
// seen. The coordinator and the device treat weights as opaque; only models/ knows what they mean. Layout: WIRE.md.

#include <cstdint>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"

namespace fedspend {

struct ModelFile {
  std::string model_name;     // at most 64 bytes
  PlanHash plan_hash;
  std::uint64_t round = 0;    // rounds applied; 0: initial
  bool demonstration = false; // made without secure aggregation or without privacy
  std::vector<float> weights; // all finite
};

Bytes encode_model_file(const ModelFile& model);
Result<ModelFile> decode_model_file(ByteSpan bytes);

// The weights as they travel and are hashed.
Bytes weights_to_bytes(std::span<const float> weights);
// Exactly 4 * count bytes, all finite; malformed otherwise.
Result<std::vector<float>> weights_from_bytes(ByteSpan bytes, std::size_t count);

}  // namespace fedspend
