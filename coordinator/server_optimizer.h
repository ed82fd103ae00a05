#pragma once
// What the coordinator does with the mean update of a round. FedAvg: w <- w + lr * mean (McMahan et al. 2017, algorithm 1, with
// every device weighing 1). One object per federation; state, where an optimizer has any, lies in the object. One thread.

#include <memory>
#include <span>

#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::coordinator {

class ServerOptimizer {
 public:
  virtual ~ServerOptimizer() = default;
  // In place; both spans have the plan's parameter count.
  virtual void apply(std::span<float> weights, std::span<const float> mean_update) = 0;
};

Result<std::unique_ptr<ServerOptimizer>> make_server_optimizer(const ServerSpec& spec);

}  // namespace fedspend::coordinator
