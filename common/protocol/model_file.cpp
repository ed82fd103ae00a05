#include "common/protocol/model_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "common/check.h"
#include "common/crypto/hash.h"
#include "common/protocol/messages.h"
#include "common/protocol/plain_text.h"

namespace fedspend {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic{'F', 'S', 'M', 'O', 'D', 'E', 'L', '1'};
constexpr std::size_t kHashBytes = 32;
// Magic, demonstration, name length, plan hash, round, count: all but the name, the weights and the hash.
constexpr std::size_t kFixedBytes = kMagic.size() + 1 + 1 + 32 + 8 + 4;
constexpr std::size_t kMaxWeights = std::size_t{1} << 24;

tl::unexpected<Error> broken(std::string what) {
  return fail(ErrorCode::malformed, "model file: " + std::move(what), "take the file again from where it was published");
}

Hash256 digest_of(ByteSpan contents) {
  Hasher hasher("model-file");
  return hasher.field(contents).finish();
}

// Writes at the front of what is still to be filled.
void put(MutableByteSpan& rest, ByteSpan bytes) {
  std::ranges::copy(bytes, rest.begin());
  rest = rest.subspan(bytes.size());
}

// Reads what decode_model_file has found to be there.
ByteSpan take(ByteSpan& rest, std::size_t count) {
  const ByteSpan taken = rest.first(count);
  rest = rest.subspan(count);
  return taken;
}

}  // namespace

Bytes weights_to_bytes(std::span<const float> weights) {
  Bytes bytes(4 * weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i)
    store_u32(MutableByteSpan(bytes).subspan(4 * i), std::bit_cast<std::uint32_t>(weights[i]));
  return bytes;
}

Result<std::vector<float>> weights_from_bytes(ByteSpan bytes, std::size_t count) {
  if (bytes.size() / 4 != count || bytes.size() % 4 != 0)
    return fail(ErrorCode::malformed, "weights: " + std::to_string(bytes.size()) + " bytes for " + std::to_string(count) + " values of 4 bytes");
  std::vector<float> weights(count);
  for (std::size_t i = 0; i < count; ++i) {
    weights[i] = std::bit_cast<float>(load_u32(bytes.subspan(4 * i)));
    if (!std::isfinite(weights[i])) return fail(ErrorCode::malformed, "weights: value " + std::to_string(i) + " is not finite");
  }
  return weights;
}

Bytes encode_model_file(const ModelFile& model) {
  FEDSPEND_CHECK(model.model_name.size() <= kMaxTextBytes && is_plain_text(model.model_name), "a short plain model name");
  FEDSPEND_CHECK(model.weights.size() <= kMaxWeights, "a count of weights within the limit");
  FEDSPEND_CHECK(std::ranges::all_of(model.weights, [](float w) { return std::isfinite(w); }), "finite weights");
  Bytes bytes(kFixedBytes + model.model_name.size() + 4 * model.weights.size() + kHashBytes);
  MutableByteSpan rest = bytes;
  put(rest, kMagic);
  put(rest, std::array<std::uint8_t, 2>{model.demonstration ? std::uint8_t{1} : std::uint8_t{0}, static_cast<std::uint8_t>(model.model_name.size())});
  put(rest, as_bytes(model.model_name));
  put(rest, model.plan_hash.bytes);
  std::array<std::uint8_t, 12> round_and_count{};
  store_u64(round_and_count, model.round);
  store_u32(MutableByteSpan(round_and_count).subspan(8), static_cast<std::uint32_t>(model.weights.size()));
  put(rest, round_and_count);
  put(rest, weights_to_bytes(model.weights));
  put(rest, digest_of(ByteSpan(bytes).first(bytes.size() - kHashBytes)));
  return bytes;
}

Result<ModelFile> decode_model_file(ByteSpan bytes) {
  if (bytes.size() < kFixedBytes + kHashBytes) return broken("only " + std::to_string(bytes.size()) + " bytes");
  if (!std::ranges::equal(bytes.first(kMagic.size()), kMagic)) return broken("it does not begin with FSMODEL1");
  const std::size_t name_bytes = bytes[kMagic.size() + 1];
  if (bytes[kMagic.size()] > 1 || name_bytes > kMaxTextBytes) return broken("its header is not one");
  if (bytes.size() < kFixedBytes + name_bytes + kHashBytes) return broken("it ends inside its header");

  const ByteSpan contents = bytes.first(bytes.size() - kHashBytes);
  ByteSpan rest = contents;
  ModelFile model;
  model.demonstration = take(rest, kMagic.size() + 1)[kMagic.size()] == 1;
  take(rest, 1);
  model.model_name = as_text(take(rest, name_bytes));
  std::ranges::copy(take(rest, 32), model.plan_hash.bytes.begin());
  model.round = load_u64(take(rest, 8));
  const std::size_t count = load_u32(take(rest, 4));
  if (count > kMaxWeights) return broken("more than " + std::to_string(kMaxWeights) + " weights");
  if (rest.size() != 4 * count)
    return broken(std::to_string(rest.size()) + " bytes of weights where " + std::to_string(4 * count) + " are announced: it is torn, or more follows");
  if (!std::ranges::equal(digest_of(contents), bytes.last(kHashBytes))) return broken("its hash does not match: it was altered");
  if (!is_plain_text(model.model_name)) return broken("the name of the model is not plain text");
  FEDSPEND_ASSIGN(model.weights, weights_from_bytes(rest, count));
  return model;
}

}  // namespace fedspend
