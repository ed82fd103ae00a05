#include "client/update_pipeline.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "common/numeric/norm.h"
#include "common/numeric/quantizer.h"
#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

std::vector<float> decoded(const Plan& plan, const Bytes& packed) {
  const auto ring = RingVector::unpack(packed, testing::kParameters, plan.aggregation.bits);
  REQUIRE(ring);
  const auto quantizer =
      Quantizer::create({.clip_norm_l2 = plan.aggregation.clip_norm_l2, .bits = plan.aggregation.bits, .max_clients = plan.devices_asked()});
  REQUIRE(quantizer);
  return quantizer->decode_mean(*ring, 1);
}

TEST_CASE("an update inside the clip norm arrives as it is, up to half a step") {
  const Plan plan = testing::sample_plan();
  std::vector<float> update(testing::kParameters, 0.1F);
  update[3] = -0.2F;
  const std::vector<float> before = update;
  const Result<Bytes> packed = pack_update(plan, update);
  REQUIRE(packed);
  CHECK(update == before);
  const std::vector<float> after = decoded(plan, *packed);
  // floor((2^20 - 1) / 4) steps for 1.0
  for (std::size_t i = 0; i < after.size(); ++i) CHECK(std::abs(after[i] - before[i]) <= 0.5 / 262'143 + 1e-7);
}

TEST_CASE("a huge update is clipped to the norm of the plan (hostile case 30)") {
  const Plan plan = testing::sample_plan();
  for (const float value : {1.0F, -1e6F, 1e30F, std::numeric_limits<float>::max()}) {
    std::vector<float> update(testing::kParameters, value);
    const Result<Bytes> packed = pack_update(plan, update);
    REQUIRE(packed);
    CHECK(norm_l2(update) <= 1.0);
    CHECK(norm_l2(update) >= 0.9999);
    CHECK(norm_l2(decoded(plan, *packed)) == doctest::Approx(1.0).epsilon(1e-4));
  }
}

TEST_CASE("NaN or infinity anywhere is a zero update of the full length (hostile case 30)") {
  const Plan plan = testing::sample_plan();
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    for (const std::size_t place : {std::size_t{0}, testing::kParameters - 1}) {
      std::vector<float> update(testing::kParameters, 0.1F);
      update[place] = bad;
      const Result<Bytes> packed = pack_update(plan, update);
      REQUIRE(packed);
      CHECK(*packed == Bytes(packed_size(testing::kParameters, 21), 0));
    }
  }
}

TEST_CASE("the packed update has the length of its plan, whatever is in it") {
  Plan plan = testing::sample_plan();
  for (const unsigned bits : {8U, 21U, 24U, 32U}) {
    plan.aggregation.bits = bits;
    std::vector<float> update(testing::kParameters, -0.1F);
    const Result<Bytes> packed = pack_update(plan, update);
    REQUIRE(packed);
    CHECK(packed->size() == (testing::kParameters * bits + 7) / 8);
    CHECK(RingVector::unpack(*packed, testing::kParameters, bits));
  }
}

TEST_CASE("an update that is not of the plan's length does not leave the device") {
  for (const std::size_t count : {std::size_t{0}, testing::kParameters - 1, testing::kParameters + 1}) {
    std::vector<float> update(count, 0.1F);
    const Result<Bytes> packed = pack_update(testing::sample_plan(), update);
    REQUIRE_FALSE(packed);
    CHECK(packed.error().code == ErrorCode::internal);
  }
}

TEST_CASE("a plan whose sum could wrap encodes nothing") {
  Plan plan = testing::sample_plan();
  plan.aggregation.bits = 3;  // 4 devices of one step each: 4 > 2^2 - 1
  std::vector<float> update(testing::kParameters, 0.1F);
  CHECK_FALSE(pack_update(plan, update));
}

}  // namespace
}  // namespace fedspend::client
