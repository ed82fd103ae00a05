#include "models/torchscript_spec.h"

#include <algorithm>
#include <array>

namespace fedspend::models {
namespace {

struct SizeRule {
  const char* name;
  std::size_t TorchScriptSizes::*member;
  std::int64_t lowest, highest;
};

// The same ranges as next_category's.
constexpr std::array kSizeRules = {
    SizeRule{"merchant_buckets", &TorchScriptSizes::merchant_buckets, 1, 1 << 20},
    SizeRule{"sequence_length", &TorchScriptSizes::sequence_length, 1, 4096},
    SizeRule{"past_rows", &TorchScriptSizes::past_rows, 1, 4096},
};

}  // namespace

Result<TorchScriptSizes> TorchScriptSizes::from(const ModelSpec& model) {
  TorchScriptSizes sizes;
  if (model.categories.empty() || model.categories.size() >= 0xfffe)
    return fail(ErrorCode::invalid_argument, "model.categories has " + std::to_string(model.categories.size()) + " entries", "a torchscript model needs 1 to 65533 categories");
  sizes.categories = model.categories.size();
  for (const SizeRule& rule : kSizeRules) {
    const auto found = model.sizes.find(rule.name);
    if (found == model.sizes.end())
      return fail(ErrorCode::invalid_argument, std::string("model.sizes.") + rule.name + " is missing", "a torchscript model needs sequence_length, merchant_buckets and past_rows");
    if (found->second < rule.lowest || found->second > rule.highest)
      return fail(ErrorCode::invalid_argument, std::string("model.sizes.") + rule.name + " is " + std::to_string(found->second),
                  "it must lie from " + std::to_string(rule.lowest) + " to " + std::to_string(rule.highest));
    sizes.*(rule.member) = static_cast<std::size_t>(found->second);
  }
  for (const auto& [name, value] : model.sizes) {
    if (std::any_of(kSizeRules.begin(), kSizeRules.end(), [&key = name](const SizeRule& rule) { return key == rule.name; })) continue;
    return fail(ErrorCode::invalid_argument, "model.sizes." + name + " is not a size of a torchscript model",
                "it has sequence_length, merchant_buckets and past_rows; all others are in the file");
  }
  return sizes;
}

ModelSpec default_torchscript(std::span<const std::string> categories, std::string file_name, ByteSpan file) {
  const TorchScriptSizes sizes;
  ModelSpec model;
  model.name = kTorchScriptModel;
  for (const SizeRule& rule : kSizeRules) model.sizes.emplace(rule.name, static_cast<std::int64_t>(sizes.*(rule.member)));
  model.categories.assign(categories.begin(), categories.end());
  model.file = std::move(file_name);
  model.file_hash = hash_of_model_file(file);
  return model;
}

Status check_model_file(const ModelSpec& model, ByteSpan file) {
  if (file.size() > kMaxModelFileBytes)
    return fail(ErrorCode::limit, model.file + ": " + std::to_string(file.size()) + " bytes, at most " + std::to_string(kMaxModelFileBytes), "a plan's model has at most 2^24 parameters");
  if (hash_of_model_file(file) != model.file_hash)
    return fail(ErrorCode::conflict, model.file + ": its bytes are not those that the plan names in model.file_hash",
                "lay the file that the plan was made for beside it, or draft the plan anew");
  return {};
}

}  // namespace fedspend::models
