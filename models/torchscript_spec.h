#pragma once
// What a plan says of a TorchScript model (model.name = "torchscript"), without libtorch: the sizes that windows and features are
// cut by, the draft of such a model, and the check that a file is the one that the plan fixes. The contract of the file itself:
// models/torch/README.md. Thread-safe (no state).

#include <cstddef>
#include <span>
#include <string>

#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::models {

inline constexpr std::size_t kMaxModelFileBytes = std::size_t{128} << 20;  // twice the largest model that a plan can hold

struct TorchScriptSizes {
  std::size_t categories = 0;         // of the plan's vocabulary, "other" not counted
  std::size_t merchant_buckets = 512; // merchant_hash mod this
  std::size_t sequence_length = 16;   // steps of a window: T
  std::size_t past_rows = 128;        // rows of the own past that are counted

  // model.sizes must hold exactly the last three; invalid_argument names the key that is missing, unknown or out of range.
  static Result<TorchScriptSizes> from(const ModelSpec& model);
};

// The model that `fedspend-sim plan --model torchscript` drafts for a vocabulary, but for the parameter count.
ModelSpec default_torchscript(std::span<const std::string> categories, std::string file_name, ByteSpan file);

// limit for a file that is too large, conflict for one whose hash is not the plan's.
Status check_model_file(const ModelSpec& model, ByteSpan file);

}  // namespace fedspend::models
