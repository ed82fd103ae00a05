#include "coordinator/server_optimizer.h"

#include "common/check.h"

namespace fedspend::coordinator {
namespace {

class FedAvg final : public ServerOptimizer {
 public:
  explicit FedAvg(double learning_rate) : learning_rate_(static_cast<float>(learning_rate)) {}

  void apply(std::span<float> weights, std::span<const float> mean_update) override {
    FEDSPEND_CHECK(weights.size() == mean_update.size(), "an update of the model's length");
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += learning_rate_ * mean_update[i];
  }

 private:
  float learning_rate_;
};

}  // namespace

Result<std::unique_ptr<ServerOptimizer>> make_server_optimizer(const ServerSpec& spec) {
  if (spec.optimizer == "fedavg") return std::make_unique<FedAvg>(spec.learning_rate);
  return fail(ErrorCode::invalid_argument, "plan: server.optimizer is " + spec.optimizer, "the server optimizer of this version is fedavg");
}

}  // namespace fedspend::coordinator
