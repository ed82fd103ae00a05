#include "client/content_cache.h"

#include <doctest/doctest.h>

#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

HeldModel model(float first) {
  auto weights = std::make_shared<const std::vector<float>>(testing::sample_weights(first));
  return {weights, testing::model_hash_of(*weights)};
}

HeldPlan plan(std::uint32_t rounds) {
  Plan made = testing::sample_plan();
  made.federation.rounds = rounds;
  const SignedPlan signed_bytes = testing::signed_plan(made);
  return {std::make_shared<const Plan>(made), signed_bytes, hash_of_plan(signed_bytes.bytes)};
}

TEST_CASE("an empty cache holds nothing, not even under the zero hash that means none") {
  MemoryCache cache;
  CHECK_FALSE(cache.find_plan(PlanHash{}));
  CHECK_FALSE(cache.find_model(ModelHash{}));
  CHECK_FALSE(cache.find_model(model(1).hash));
}

TEST_CASE("what is kept is found again, the same object and not a copy") {
  MemoryCache cache;
  const HeldModel kept = model(1);
  const HeldPlan kept_plan = plan(1);
  cache.keep(kept);
  cache.keep(kept_plan);
  REQUIRE(cache.find_model(kept.hash));
  CHECK(cache.find_model(kept.hash)->weights == kept.weights);
  REQUIRE(cache.find_plan(kept_plan.hash));
  CHECK(cache.find_plan(kept_plan.hash)->plan == kept_plan.plan);
  CHECK(cache.find_plan(kept_plan.hash)->signed_plan.bytes == kept_plan.signed_plan.bytes);
  CHECK_FALSE(cache.find_model(model(2).hash));
}

TEST_CASE("beyond its capacity a cache forgets the oldest, of plans and of models apart") {
  MemoryCache cache(2);
  for (const float first : {1.0F, 2.0F, 3.0F}) cache.keep(model(first));
  cache.keep(plan(1));
  CHECK_FALSE(cache.find_model(model(1).hash));
  CHECK(cache.find_model(model(2).hash));
  CHECK(cache.find_model(model(3).hash));
  CHECK(cache.find_plan(plan(1).hash));
}

TEST_CASE("keeping the same again makes no room for itself") {
  MemoryCache cache(2);
  cache.keep(model(1));
  cache.keep(model(2));
  cache.keep(model(2));
  cache.keep(model(2));
  CHECK(cache.find_model(model(1).hash));
}

TEST_CASE("what a device trains on outlives its place in the cache") {
  MemoryCache cache(1);
  cache.keep(model(1));
  const SharedWeights weights = cache.find_model(model(1).hash)->weights;
  cache.keep(model(2));
  CHECK_FALSE(cache.find_model(model(1).hash));
  CHECK(*weights == testing::sample_weights(1));
}

}  // namespace
}  // namespace fedspend::client
