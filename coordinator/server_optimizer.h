#pragma once
// What the coordinator does with the mean update of a round. With D the mean update (trained minus given weights, so that adding it
// learns), n the learning rate of the round (learning_rate times the schedule's factor), every product and sum elementwise:
//   fedavg       w <- w + n D                                             McMahan et al. 2017, algorithm 1, every device weighing 1
//   fedavgm      u <- momentum u + D;  w <- w + n u                       Hsu et al. 2019, section 4 (there D has the other sign)
//   fedadagrad   m <- beta1 m + (1 - beta1) D;  v <- v + D^2;             w <- w + n m / (sqrt(v) + tau)
//   fedyogi      m as above;  v <- v - (1 - beta2) D^2 sign(v - D^2);     w as above
//   fedadam      m as above;  v <- beta2 v + (1 - beta2) D^2;             w as above
// The last three are Reddi et al. 2021, "Adaptive Federated Optimization", algorithm 2: no bias correction; u and m begin at 0 and
// v at tau^2, the least that the algorithm allows; sign(0) = 0.
//
// State: what is to be kept from one round to the next, as a flat vector of floats beside the weights, of these parts of
// parameter_count values each: fedavg none, fedavgm [u], the others [m | v]. The optimizer itself holds none of it: the same
// weights, state, mean and round give the same bits, on any machine (doubles in a fixed order, exact square roots, no fused
// products, each result rounded to float once). Thread-safe.

#include <memory>
#include <span>
#include <vector>

#include "common/ids.h"
#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::coordinator {

class ServerOptimizer {
 public:
  virtual ~ServerOptimizer() = default;
  virtual std::size_t state_length(std::size_t parameter_count) const = 0;
  virtual std::vector<float> initial_state(std::size_t parameter_count) const = 0;
  // Length, finite, and second moments not below zero. invalid_argument.
  virtual Status check_state(std::span<const float> state, std::size_t parameter_count) const = 0;
  // In place. Weights and mean update have the plan's parameter count, the state has state_length of it; `round` is the one that
  // the mean is of, from 1. Weights may become infinite: who publishes looks. A state that passed check_state stays finite and right,
  // since a mean is far below what a float's square can hold (aggregation.clip_norm_l2 times the devices asked: 1e12 at most).
  virtual void apply(RoundId round, std::span<float> weights, std::span<float> state, std::span<const float> mean_update) const = 0;
};

// `rounds`: the plan's, for its schedule. invalid_argument, with the key's name: an optimizer that does not exist, a value that it
// cannot use, a key that it does not have and that is not 0.
Result<std::unique_ptr<ServerOptimizer>> make_server_optimizer(const ServerSpec& spec, std::uint32_t rounds);

}  // namespace fedspend::coordinator
