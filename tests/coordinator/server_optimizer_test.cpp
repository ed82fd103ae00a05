#include "coordinator/server_optimizer.h"

#include <vector>

#include <doctest/doctest.h>

namespace fedspend::coordinator {
namespace {

TEST_CASE("FedAvg adds the learning rate times the mean, to the bit") {
  for (const double rate : {1.0, 0.5, 0.1, 3.0}) {
    const auto optimizer = make_server_optimizer({.optimizer = "fedavg", .learning_rate = rate});
    REQUIRE(optimizer);
    std::vector<float> weights{1.0F, -2.0F, 0.1F, 0.0F};
    const std::vector<float> mean{0.5F, 0.3F, -0.7F, 1e-30F};
    (*optimizer)->apply(weights, mean);
    const auto lr = static_cast<float>(rate);
    CHECK(weights == std::vector<float>{1.0F + lr * 0.5F, -2.0F + lr * 0.3F, 0.1F + lr * -0.7F, lr * 1e-30F});
  }
}

TEST_CASE("FedAvg keeps no state from one round to the next") {
  const auto optimizer = make_server_optimizer({});
  REQUIRE(optimizer);
  std::vector<float> weights{0.0F};
  for (int i = 0; i < 3; ++i) (*optimizer)->apply(weights, std::vector<float>{0.25F});
  CHECK(weights.front() == 0.75F);
}

TEST_CASE("an optimizer that does not exist is an error that names it and what there is") {
  const auto optimizer = make_server_optimizer({.optimizer = "fedadam", .learning_rate = 1});
  REQUIRE_FALSE(optimizer);
  CHECK(optimizer.error().code == ErrorCode::invalid_argument);
  CHECK(optimizer.error().message.find("fedadam") != std::string::npos);
  CHECK(optimizer.error().hint.find("fedavg") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::coordinator
