#include "coordinator/server_optimizer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/check.h"
#include "common/protocol/server_optimizers.h"

namespace fedspend::coordinator {
namespace {

class Scheduled : public ServerOptimizer {
 public:
  Scheduled(const ServerSpec& spec, std::uint32_t rounds) : spec_(spec), rounds_(rounds) {}

  std::size_t state_length(std::size_t parameter_count) const override { return state_parts() * parameter_count; }
  std::vector<float> initial_state(std::size_t parameter_count) const override { return std::vector<float>(state_length(parameter_count)); }
  Status check_state(std::span<const float> state, std::size_t parameter_count) const override {
    if (state.size() != state_length(parameter_count))
      return fail(ErrorCode::invalid_argument,
                  "the state of the server optimizer \"" + spec_.optimizer + "\" has " + std::to_string(state.size()) + " values, not " + std::to_string(state_length(parameter_count)),
                  "give the state that was stored with the model");
    if (!std::all_of(state.begin(), state.end(), [](float value) { return std::isfinite(value); }))
      return fail(ErrorCode::invalid_argument, "the state of the server optimizer has values that are not finite", "restore it from a backup");
    return {};
  }

 protected:
  virtual std::size_t state_parts() const = 0;
  double rate(RoundId round) const { return spec_.learning_rate * learning_rate_factor(spec_.schedule, round, rounds_); }
  void check_lengths(std::span<const float> weights, std::span<const float> state, std::span<const float> mean_update) const {
    FEDSPEND_CHECK(weights.size() == mean_update.size(), "an update of the model's length");
    FEDSPEND_CHECK(state.size() == state_length(weights.size()), "a state of the optimizer's length");
  }
  const ServerSpec& spec() const { return spec_; }

 private:
  ServerSpec spec_;
  std::uint32_t rounds_;
};

class FedAvg final : public Scheduled {
 public:
  using Scheduled::Scheduled;

  void apply(RoundId round, std::span<float> weights, std::span<float> state, std::span<const float> mean_update) const override {
    check_lengths(weights, state, mean_update);
    const auto step = static_cast<float>(rate(round));
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += step * mean_update[i];
  }

 private:
  std::size_t state_parts() const override { return 0; }
};

class FedAvgM final : public Scheduled {
 public:
  using Scheduled::Scheduled;

  void apply(RoundId round, std::span<float> weights, std::span<float> state, std::span<const float> mean_update) const override {
    check_lengths(weights, state, mean_update);
    const double momentum = spec().momentum;
    const auto step = static_cast<float>(rate(round));  // the very step of FedAvg, which this is where the momentum is 0
    for (std::size_t i = 0; i < weights.size(); ++i) {
      state[i] = static_cast<float>(momentum * double{state[i]} + double{mean_update[i]});
      weights[i] += step * state[i];
    }
  }

 private:
  std::size_t state_parts() const override { return 1; }
};

// How the second moment moves on; v and square = D^2 are not below zero, nor is what is returned.
double adagrad(double v, double square, double) { return v + square; }
double adam(double v, double square, double beta2) { return beta2 * v + (1 - beta2) * square; }
double yogi(double v, double square, double beta2) {
  const double change = (1 - beta2) * square;
  if (v > square) return v - change;
  return v < square ? v + change : v;
}

template <double (*SecondMoment)(double, double, double)>
class Adaptive final : public Scheduled {
 public:
  using Scheduled::Scheduled;

  std::vector<float> initial_state(std::size_t parameter_count) const override {
    std::vector<float> state = Scheduled::initial_state(parameter_count);
    std::fill(state.begin() + static_cast<std::ptrdiff_t>(parameter_count), state.end(), static_cast<float>(spec().tau * spec().tau));
    return state;
  }
  Status check_state(std::span<const float> state, std::size_t parameter_count) const override {
    FEDSPEND_TRY(Scheduled::check_state(state, parameter_count));
    const std::span<const float> second = state.subspan(parameter_count);
    if (std::any_of(second.begin(), second.end(), [](float value) { return value < 0; }))
      return fail(ErrorCode::invalid_argument, "the state of the server optimizer has second moments below zero", "restore it from a backup");
    return {};
  }
  void apply(RoundId round, std::span<float> weights, std::span<float> state, std::span<const float> mean_update) const override {
    check_lengths(weights, state, mean_update);
    const std::span<float> first = state.first(weights.size()), second = state.subspan(weights.size());
    const double beta1 = spec().beta1, beta2 = spec().beta2, tau = spec().tau, step = rate(round);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double mean = mean_update[i];
      first[i] = static_cast<float>(beta1 * double{first[i]} + (1 - beta1) * mean);
      second[i] = static_cast<float>(SecondMoment(second[i], mean * mean, beta2));
      // With the moments as they are stored, so that a restart goes on from the very numbers that this round used.
      weights[i] = static_cast<float>(double{weights[i]} + step * double{first[i]} / (std::sqrt(double{second[i]}) + tau));
    }
  }

 private:
  std::size_t state_parts() const override { return 2; }
};

Status check_key(const ServerSpec& spec, const char* key, double value, bool has_key, bool in_range) {
  const std::string name = "plan: server." + std::string(key);
  if (!has_key && value != 0) return fail(ErrorCode::invalid_argument, name + ": the optimizer \"" + spec.optimizer + "\" has no such key", "remove it");
  if (has_key && !in_range) return fail(ErrorCode::invalid_argument, name + ": " + std::to_string(value) + " is out of range", "see common/protocol/PROTOCOL.md");
  return {};
}

}  // namespace

Result<std::unique_ptr<ServerOptimizer>> make_server_optimizer(const ServerSpec& spec, std::uint32_t rounds) {
  const ServerOptimizerKeys* keys = find_server_optimizer(spec.optimizer);
  if (keys == nullptr)
    return fail(ErrorCode::invalid_argument, "plan: server.optimizer: there is no \"" + spec.optimizer + "\"", "one of " + server_optimizer_names());
  const auto share = [](double value) { return value >= 0 && value < 1; };
  FEDSPEND_TRY(check_key(spec, "learning_rate", spec.learning_rate, true, spec.learning_rate > 0 && std::isfinite(spec.learning_rate)));
  FEDSPEND_TRY(check_key(spec, "momentum", spec.momentum, keys->momentum.has_value(), share(spec.momentum)));
  FEDSPEND_TRY(check_key(spec, "beta1", spec.beta1, keys->beta1.has_value(), share(spec.beta1)));
  FEDSPEND_TRY(check_key(spec, "beta2", spec.beta2, keys->beta2.has_value(), share(spec.beta2)));
  FEDSPEND_TRY(check_key(spec, "tau", spec.tau, keys->tau.has_value(), spec.tau > 0 && std::isfinite(spec.tau)));
  if (spec.optimizer == "fedavg") return std::make_unique<FedAvg>(spec, rounds);
  if (spec.optimizer == "fedavgm") return std::make_unique<FedAvgM>(spec, rounds);
  if (spec.optimizer == "fedadam") return std::make_unique<Adaptive<adam>>(spec, rounds);
  if (spec.optimizer == "fedyogi") return std::make_unique<Adaptive<yogi>>(spec, rounds);
  FEDSPEND_CHECK(spec.optimizer == "fedadagrad", "an optimizer for every name in common/protocol/server_optimizers.h");
  return std::make_unique<Adaptive<adagrad>>(spec, rounds);
}

}  // namespace fedspend::coordinator
