#include "coordinator/server_optimizer.h"

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "common/protocol/server_optimizers.h"

namespace fedspend::coordinator {
namespace {

constexpr std::uint32_t kRounds = 100;

ServerSpec spec_of(const std::string& optimizer, double rate = 0.5) {
  const ServerOptimizerKeys* keys = find_server_optimizer(optimizer);
  REQUIRE(keys != nullptr);
  return {.optimizer = optimizer, .learning_rate = rate, .momentum = keys->momentum.value_or(0), .beta1 = keys->beta1.value_or(0), .beta2 = keys->beta2.value_or(0),
          .tau = keys->tau.value_or(0)};
}

// An optimizer with the weights and the state that it is given one mean update after another for.
struct Training {
  std::unique_ptr<ServerOptimizer> optimizer;
  std::vector<float> weights;
  std::vector<float> state;
  std::uint64_t rounds_done = 0;

  Training(const ServerSpec& spec, std::vector<float> initial) : optimizer(*make_server_optimizer(spec, kRounds)), weights(std::move(initial)) {
    state = optimizer->initial_state(weights.size());
  }
  void round(const std::vector<float>& mean) { optimizer->apply(RoundId{++rounds_done}, weights, state, mean); }
};

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

std::vector<std::vector<float>> random_means(std::size_t rounds, std::size_t length) {
  SeededRandom random(5);
  std::vector<std::vector<float>> means(rounds, std::vector<float>(length));
  for (auto& mean : means)
    for (float& value : mean) value = (static_cast<float>(random.below(2'001)) - 1'000) / 4'000;
  return means;
}

TEST_CASE("FedAvg adds the learning rate times the mean, to the bit") {
  for (const double rate : {1.0, 0.5, 0.1, 3.0}) {
    Training training(spec_of("fedavg", rate), {1.0F, -2.0F, 0.1F, 0.0F});
    training.round({0.5F, 0.3F, -0.7F, 1e-30F});
    const auto lr = static_cast<float>(rate);
    CHECK(training.weights == std::vector<float>{1.0F + lr * 0.5F, -2.0F + lr * 0.3F, 0.1F + lr * -0.7F, lr * 1e-30F});
  }
}

TEST_CASE("FedAvg keeps no state from one round to the next") {
  Training training(spec_of("fedavg", 1.0), {0.0F});
  CHECK(training.state.empty());
  for (int i = 0; i < 3; ++i) training.round({0.25F});
  CHECK(training.weights.front() == 0.75F);
}

// By hand, in numbers that floats hold exactly. Mean updates 1, 1, -2; rate 1/2.
TEST_CASE("FedAvg with momentum, by hand: u is 1, 3/2, -5/4 with momentum 1/2") {
  ServerSpec spec = spec_of("fedavgm");
  spec.momentum = 0.5;
  Training training(spec, {10.0F});
  const float means[] = {1, 1, -2}, momentum[] = {1.0F, 1.5F, -1.25F}, weights[] = {10.5F, 11.25F, 10.625F};
  for (std::size_t i = 0; i < 3; ++i) {
    training.round({means[i]});
    CHECK(training.state == std::vector<float>{momentum[i]});
    CHECK(training.weights == std::vector<float>{weights[i]});
  }
}

// beta1 = 1/2, beta2 = 3/4, tau = 1/2, so v begins at 1/4; mean updates 2, then 0.
TEST_CASE("FedAdam, by hand: m is 1, 1/2 and v is 19/16, 57/64, with no bias correction") {
  Training training({.optimizer = "fedadam", .learning_rate = 0.5, .beta1 = 0.5, .beta2 = 0.75, .tau = 0.5}, {0.0F});
  CHECK(training.state == std::vector<float>{0.0F, 0.25F});
  training.round({2.0F});
  CHECK(training.state == std::vector<float>{1.0F, 1.1875F});
  const double first = 0.5 * 1.0 / (std::sqrt(1.1875) + 0.5);
  CHECK(training.weights.front() == static_cast<float>(first));
  training.round({0.0F});
  CHECK(training.state == std::vector<float>{0.5F, 0.890625F});
  CHECK(training.weights.front() == static_cast<float>(double{static_cast<float>(first)} + 0.5 * 0.5 / (std::sqrt(0.890625) + 0.5)));
}

// The same, but v changes by a quarter of the square, up or down: 1/4 + 1 = 5/4; 5/4 - 0; and 5/4 - (1/4)(1/4) where the square is 1/4.
TEST_CASE("FedYogi, by hand: v moves by (1 - beta2) D^2 towards D^2 and not at all where it is there") {
  Training training({.optimizer = "fedyogi", .learning_rate = 0.5, .beta1 = 0.5, .beta2 = 0.75, .tau = 0.5}, {0.0F, 0.0F});
  training.round({2.0F, 0.5F});
  CHECK(training.state == std::vector<float>{1.0F, 0.25F, 1.25F, 0.25F});
  CHECK(training.weights[0] == static_cast<float>(0.5 / (std::sqrt(1.25) + 0.5)));
  CHECK(training.weights[1] == static_cast<float>(0.5 * 0.25 / (0.5 + 0.5)));
  training.round({0.0F, 0.0F});
  CHECK(training.state == std::vector<float>{0.5F, 0.125F, 1.25F, 0.25F});
  training.round({-0.5F, 0.0F});
  CHECK(training.state == std::vector<float>{0.0F, 0.0625F, 1.1875F, 0.25F});
}

TEST_CASE("FedAdagrad, by hand: v is the sum of the squares, and m the mean itself without beta1") {
  Training training({.optimizer = "fedadagrad", .learning_rate = 0.5, .tau = 0.5}, {0.0F});
  training.round({2.0F});
  CHECK(training.state == std::vector<float>{2.0F, 4.25F});
  const double first = 0.5 * 2 / (std::sqrt(4.25) + 0.5);
  CHECK(training.weights.front() == static_cast<float>(first));
  training.round({-1.0F});
  CHECK(training.state == std::vector<float>{-1.0F, 5.25F});
  CHECK(training.weights.front() == static_cast<float>(double{static_cast<float>(first)} - 0.5 * 1 / (std::sqrt(5.25) + 0.5)));
}

// Closed forms for one and the same mean in every round: geometric series.
TEST_CASE("under a constant mean the moments are the closed forms of their series") {
  constexpr double mean = 0.125;
  for (const ServerOptimizerKeys& keys : server_optimizers()) {
    const std::string name(keys.name);
    CAPTURE(name);
    const ServerSpec spec = spec_of(name);
    Training training(spec, {0.0F});
    double weight = 0;
    for (int t = 1; t <= 60; ++t) {
      training.round({static_cast<float>(mean)});
      const double n = t, start = spec.tau * spec.tau;
      const double first = mean * (1 - std::pow(spec.beta1, n));
      double second = 0;
      if (name == "fedadam") second = std::pow(spec.beta2, n) * start + mean * mean * (1 - std::pow(spec.beta2, n));
      if (name == "fedyogi") second = start + n * (1 - spec.beta2) * mean * mean;  // below the square for so many rounds
      if (name == "fedadagrad") second = start + n * mean * mean;
      if (name == "fedavg") weight += 0.5 * mean;
      else if (name == "fedavgm") weight += 0.5 * mean * (1 - std::pow(spec.momentum, n)) / (1 - spec.momentum);
      else weight += 0.5 * first / (std::sqrt(second) + spec.tau);
      CHECK(training.weights.front() == doctest::Approx(weight).epsilon(2e-6));
    }
  }
}

TEST_CASE("FedAvg with a momentum of zero is FedAvg, to the bit") {
  ServerSpec without = spec_of("fedavgm", 0.7);
  without.momentum = 0;
  Training plain(spec_of("fedavg", 0.7), std::vector<float>(50, 0.1F));
  Training momentum(without, std::vector<float>(50, 0.1F));
  for (const auto& mean : random_means(40, 50)) {
    plain.round(mean);
    momentum.round(mean);
    CHECK(bits_of(momentum.weights) == bits_of(plain.weights));
  }
}

TEST_CASE("while nothing comes FedAdam forgets its second moment and FedYogi keeps it") {
  Training a(spec_of("fedadam"), {0.0F}), y(spec_of("fedyogi"), {0.0F});
  for (int i = 0; i < 30; ++i) {
    a.round({1.0F});
    y.round({1.0F});
  }
  const float adam_before = a.state[1], yogi_before = y.state[1];
  for (int i = 0; i < 30; ++i) {
    a.round({0.0F});
    y.round({0.0F});
  }
  CHECK(a.state[1] < 0.8F * adam_before);
  CHECK(y.state[1] == yogi_before);
}

TEST_CASE("a mean of zeros moves no weight of a fresh optimizer") {
  for (const ServerOptimizerKeys& keys : server_optimizers()) {
    CAPTURE(std::string(keys.name));
    Training training(spec_of(std::string(keys.name)), {1.5F, -0.25F});
    training.round({0.0F, 0.0F});
    CHECK(training.weights == std::vector<float>{1.5F, -0.25F});
  }
}

TEST_CASE("every weight is for itself: what happens to one does not depend on the others") {
  for (const ServerOptimizerKeys& keys : server_optimizers()) {
    CAPTURE(std::string(keys.name));
    const ServerSpec spec = spec_of(std::string(keys.name));
    Training all(spec, std::vector<float>(7, 0.3F)), one(spec, {0.3F});
    for (const auto& mean : random_means(20, 7)) {
      all.round(mean);
      one.round({mean[4]});
    }
    CHECK(bits_of({all.weights[4]}) == bits_of(one.weights));
  }
}

TEST_CASE("going on from weights and state gives the same bits as never having stopped") {
  const auto means = random_means(30, 20);
  for (const ServerOptimizerKeys& keys : server_optimizers()) {
    CAPTURE(std::string(keys.name));
    ServerSpec spec = spec_of(std::string(keys.name));
    spec.schedule = {.kind = ScheduleKind::cosine, .warmup_rounds = 5, .floor = 0.1};
    Training whole(spec, std::vector<float>(20, 0.2F)), before(spec, std::vector<float>(20, 0.2F));
    for (std::size_t i = 0; i < 30; ++i) {
      whole.round(means[i]);
      if (i < 13) before.round(means[i]);
    }
    Training after(spec, before.weights);
    REQUIRE(after.optimizer->check_state(before.state, 20));
    after.state = before.state;
    after.rounds_done = 13;
    for (std::size_t i = 13; i < 30; ++i) after.round(means[i]);
    CHECK(bits_of(after.weights) == bits_of(whole.weights));
    CHECK(bits_of(after.state) == bits_of(whole.state));
  }
}

TEST_CASE("the step of a round is the learning rate times the schedule's factor") {
  ServerSpec spec = spec_of("fedavg", 0.5);
  spec.schedule = {.kind = ScheduleKind::step, .warmup_rounds = 1, .decay = 0.5, .period_rounds = 1};
  Training training(spec, {0.0F});
  const float weights[] = {0.25F, 0.75F, 1.0F, 1.125F};  // factors 1/2, 1, 1/2, 1/4
  for (const float weight : weights) {
    training.round({1.0F});
    CHECK(training.weights.front() == weight);
  }
}

TEST_CASE("the state has the stated length and layout, and another one is refused") {
  const std::map<std::string, std::size_t> parts = {{"fedavg", 0}, {"fedavgm", 1}, {"fedadam", 2}, {"fedyogi", 2}, {"fedadagrad", 2}};
  CHECK(parts.size() == server_optimizers().size());
  for (const auto& [name, count] : parts) {
    CAPTURE(name);
    const auto optimizer = *make_server_optimizer(spec_of(name), kRounds);
    CHECK(optimizer->state_length(11) == count * 11);
    std::vector<float> state = optimizer->initial_state(11);
    CHECK(state.size() == count * 11);
    CHECK(optimizer->check_state(state, 11));
    CHECK_FALSE(optimizer->check_state(std::vector<float>(count * 11 + 1), 11));
    if (count == 0) continue;
    for (std::size_t i = 0; i < 11; ++i) CHECK(state[i] == 0.0F);
    for (std::size_t i = 11; i < state.size(); ++i) CHECK(state[i] == static_cast<float>(1e-3 * 1e-3));
    state[5] = -1;
    CHECK(optimizer->check_state(state, 11));  // a first moment may be
    state.back() = -1;
    CHECK(optimizer->check_state(state, 11).has_value() == (count == 1));
    state.back() = std::numeric_limits<float>::quiet_NaN();
    CHECK(optimizer->check_state(state, 11).error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("an optimizer that does not exist, a key that it does not have and a value that it cannot use are errors that name them") {
  const auto message = [](const ServerSpec& spec) {
    const auto optimizer = make_server_optimizer(spec, kRounds);
    REQUIRE_FALSE(optimizer);
    CHECK(optimizer.error().code == ErrorCode::invalid_argument);
    return optimizer.error().message + " " + optimizer.error().hint;
  };
  CHECK(message({.optimizer = "adam"}).find("\"adam\"") != std::string::npos);
  CHECK(message({.optimizer = "adam"}).find("fedadam") != std::string::npos);
  CHECK(message({.optimizer = "fedavg", .momentum = 0.5}).find("server.momentum") != std::string::npos);
  CHECK(message({.optimizer = "fedavgm", .momentum = 0.5, .tau = 1}).find("server.tau") != std::string::npos);
  CHECK(message({.optimizer = "fedavgm", .momentum = 1}).find("server.momentum") != std::string::npos);
  CHECK(message({.optimizer = "fedadam", .beta1 = 0.9, .beta2 = 0.99}).find("server.tau") != std::string::npos);
  CHECK(message({.optimizer = "fedadam", .beta1 = -0.1, .tau = 1}).find("server.beta1") != std::string::npos);
  CHECK(message({.optimizer = "fedadagrad", .beta2 = 0.9, .tau = 1}).find("server.beta2") != std::string::npos);
  CHECK(message({.optimizer = "fedavg", .learning_rate = 0}).find("server.learning_rate") != std::string::npos);
}

// Bits, so that a machine or a compiler that computes otherwise is found out. (What they should be near: the closed forms above.)
TEST_CASE("the weights after thirty rounds have the same bits on every machine") {
  std::uint64_t digest = 14'695'981'039'346'656'037ULL;  // FNV-1a over the bits
  for (const ServerOptimizerKeys& keys : server_optimizers()) {
    ServerSpec spec = spec_of(std::string(keys.name), 0.3);
    spec.schedule = {.kind = ScheduleKind::inverse_sqrt, .warmup_rounds = 3, .period_rounds = 9};
    Training training(spec, std::vector<float>(20, 0.1F));
    for (const auto& mean : random_means(30, 20)) training.round(mean);
    for (const std::uint32_t bits : bits_of(training.weights))
      for (unsigned byte = 0; byte < 4; ++byte) digest = (digest ^ ((bits >> (8 * byte)) & 0xff)) * 1'099'511'628'211ULL;
  }
  CHECK(digest == 17'973'514'265'070'127'066ULL);
}

}  // namespace
}  // namespace fedspend::coordinator
