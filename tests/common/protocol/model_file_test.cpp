#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "common/crypto/hash.h"
#include "common/protocol/model_file.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

constexpr std::size_t kNameLengthAt = 9;
constexpr std::size_t kDemonstrationAt = 8;
constexpr std::size_t kCountAt = 10 + 13 + 32 + 8;  // the sample's name has 13 bytes

// The sample file with its contents changed and the hash made right again: what a careless or hostile writer would leave.
template <class Change>
Bytes rehashed(Change change) {
  Bytes file = vector_of("model_file");
  file.resize(file.size() - 32);
  change(file);
  Hasher hasher("model-file");
  const Hash256 hash = hasher.field(file).finish();
  file.insert(file.end(), hash.begin(), hash.end());
  return file;
}

Error error_of(ByteSpan file) {
  const auto model = decode_model_file(file);
  REQUIRE(!model);
  CHECK(model.error().code == ErrorCode::malformed);
  return model.error();
}

TEST_CASE("a model file gives back what was written, signs of zero and subnormals included") {
  const ModelFile model{.model_name = "next_category",
                        .plan_hash = {},
                        .round = std::numeric_limits<std::uint64_t>::max(),
                        .demonstration = false,
                        .weights = {0.0f, -0.0f, std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max(), -1.5f}};
  const auto read = decode_model_file(encode_model_file(model));
  REQUIRE(read);
  CHECK(read->model_name == model.model_name);
  CHECK(read->plan_hash == model.plan_hash);
  CHECK(read->round == model.round);
  CHECK(read->demonstration == model.demonstration);
  CHECK(weights_to_bytes(read->weights) == weights_to_bytes(model.weights));
  CHECK(decode_model_file(vector_of("model_file"))->demonstration);
}

TEST_CASE("a model without weights and without a name has a file") {
  const auto read = decode_model_file(encode_model_file(ModelFile{}));
  REQUIRE(read);
  CHECK(read->weights.empty());
}

TEST_CASE("a model file torn at any length is refused") {
  const Bytes file = vector_of("model_file");
  for (std::size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    error_of(ByteSpan(file).first(size));
  }
}

TEST_CASE("a model file with anything behind it is refused") {
  Bytes file = vector_of("model_file");
  file.push_back(0);
  error_of(file);
}

TEST_CASE("a model file with any one bit flipped is refused") {
  const Bytes good = vector_of("model_file");
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes file = good;
    file[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    CAPTURE(bit);
    error_of(file);
  }
}

TEST_CASE("a weight that is not finite is refused though the hash is right") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    const Bytes file = rehashed([&](Bytes& bytes) { store_u32(MutableByteSpan(bytes).last(4), std::bit_cast<std::uint32_t>(bad)); });
    CHECK(error_of(file).message == "weights: value 2 is not finite");
  }
}

TEST_CASE("a header that is none is refused though the hash is right") {
  CHECK(decode_model_file(rehashed([](Bytes&) {})));
  CHECK(error_of(rehashed([](Bytes& bytes) { bytes[kDemonstrationAt] = 2; })).message == "model file: its header is not one");
  CHECK(error_of(rehashed([](Bytes& bytes) { bytes[kNameLengthAt] = 65; })).message == "model file: its header is not one");
  CHECK(error_of(rehashed([](Bytes& bytes) { bytes[kNameLengthAt] = 64; })).message == "model file: it ends inside its header");
  CHECK(error_of(rehashed([](Bytes& bytes) { bytes[10] = '\n'; })).message == "model file: the name of the model is not plain text");
}

TEST_CASE("case 17: a count that is not the weights that follow is refused before anything is allocated for it") {
  const auto with = [](std::uint32_t count) { return rehashed([&](Bytes& bytes) { store_u32(MutableByteSpan(bytes).subspan(kCountAt), count); }); };
  for (const std::uint32_t count : {0u, 2u, 4u, 1u << 24})
    CHECK(error_of(with(count)).message == "model file: 12 bytes of weights where " + std::to_string(4 * std::uint64_t{count}) +
                                               " are announced: it is torn, or more follows");
  for (const std::uint32_t count : {(1u << 24) + 1, 0x40000003u, 0xffffffffu}) CHECK(error_of(with(count)).message == "model file: more than 16777216 weights");
}

TEST_CASE("weights as bytes must be exactly as many as the plan says, and finite") {
  const Bytes bytes = weights_to_bytes(kSampleWeights);
  CHECK(to_hex(bytes) == "0000803f000000bf0000803e");
  CHECK(weights_from_bytes(bytes, 3).value() == kSampleWeights);
  CHECK(!weights_from_bytes(bytes, 2));
  CHECK(!weights_from_bytes(bytes, 4));
  CHECK(!weights_from_bytes(ByteSpan(bytes).first(11), 3));
  CHECK(!weights_from_bytes(ByteSpan(bytes).first(11), 2));
  CHECK(!weights_from_bytes(bytes, std::numeric_limits<std::size_t>::max() / 2));
  Bytes with_nan = bytes;
  store_u32(with_nan, 0x7fc00000u);
  CHECK(weights_from_bytes(with_nan, 3).error().message == "weights: value 0 is not finite");
}

}  // namespace
}  // namespace fedspend::testing
