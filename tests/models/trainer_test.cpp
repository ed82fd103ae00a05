#include "models/trainer.h"

#include <doctest/doctest.h>

#include "common/crypto/hash.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

Error refusal(const ModelSpec& model) {
  const auto made = make_trainer(model);
  REQUIRE(!made);
  CHECK(made.error().code == ErrorCode::invalid_argument);
  CHECK(!made.error().hint.empty());
  return made.error();
}

}  // namespace

TEST_CASE("a model that is not known is refused by name") {
  ModelSpec model = small_model(3);
  model.name = "next_cat";
  CHECK(refusal(model).message.find("next_cat") != std::string::npos);
}

TEST_CASE("an unknown, a missing and an absurd size are refused by name") {
  ModelSpec model = small_model(3);
  model.sizes["hiden"] = 3;
  CHECK(refusal(model).message.find("hiden") != std::string::npos);
  model = small_model(3);
  model.sizes.erase("hidden");
  CHECK(refusal(model).message.find("hidden") != std::string::npos);
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40}) {
    model = small_model(3);
    model.sizes["embedding"] = value;
    CHECK(refusal(model).message.find("embedding") != std::string::npos);
  }
}

TEST_CASE("a plan without categories is refused") { refusal(small_model(0)); }

TEST_CASE("a parameter count that is not the model's is refused, and none is not checked") {
  ModelSpec model = small_model(3);
  const std::size_t count = (*make_trainer(model))->parameter_count();
  model.parameter_count = count;
  CHECK(make_trainer(model));
  model.parameter_count = count + 1;
  CHECK(refusal(model).message.find(std::to_string(count)) != std::string::npos);
}

TEST_CASE("the training seed is the first bytes of its hash, and differs by plan, round and attempt") {
  PlanHash plan;
  plan.bytes[0] = 1;
  const Bytes attempt(16, 7);
  const Hash256 hash = Hasher("training-seed").field(plan.bytes).u64(3).field(attempt).finish();
  CHECK(training_seed(plan, RoundId{3}, attempt) == load_u64(hash));
  CHECK(training_seed(plan, RoundId{3}, attempt) != training_seed(plan, RoundId{4}, attempt));
  CHECK(training_seed(PlanHash{}, RoundId{3}, attempt) != training_seed(plan, RoundId{3}, attempt));
  CHECK(training_seed(plan, RoundId{3}, Bytes(16, 8)) != training_seed(plan, RoundId{3}, attempt));
}
