#include "common/privacy/distributed_encoder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "common/numeric/norm.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

SessionId session_of(std::uint8_t number) {
  SessionId id;
  id.bytes.fill(number);
  return id;
}

DistributedEncoder encoder_of(const DistributedGaussianGoal& goal, const std::optional<ClipIndicator>& indicator = std::nullopt) {
  const auto parameters = choose_distributed_gaussian(goal);
  REQUIRE(parameters.has_value());
  auto encoder = DistributedEncoder::create(*parameters, indicator);
  REQUIRE(encoder.has_value());
  return *encoder;
}

// A vector of this L2 norm, in every coordinate a value between -1 and 1 times the same.
std::vector<float> update_of_norm(double norm, std::size_t length, RandomSource& random) {
  std::vector<float> update(length);
  for (float& value : update) value = static_cast<float>(random.below(2001)) / 1000 - 1;
  const double factor = norm / norm_l2(update);
  for (float& value : update) value = static_cast<float>(value * factor);
  return update;
}

struct Decoded {
  std::vector<float> mean, true_mean;
};

// Every client of the roster encodes an update of norm 0.9 c; sum and true mean over n.
Decoded round_trip(const DistributedEncoder& encoder, std::uint64_t seed) {
  const DistributedGaussianGoal& goal = encoder.parameters().goal;
  SeededRandom random(seed);
  const auto length = static_cast<std::size_t>(goal.length);
  RingVector sum(encoder.ring_size(), goal.bits);
  std::vector<double> total(length);
  for (std::uint32_t client = 0; client < goal.clients; ++client) {
    std::vector<float> update = update_of_norm(goal.clip_norm_l2 * 0.9, length, random);
    for (std::size_t i = 0; i < length; ++i) total[i] += update[i];
    const auto encoded = encoder.encode(update, session_of(1), random);
    REQUIRE(encoded.has_value());
    sum.add(*encoded);
  }
  Decoded decoded;
  decoded.mean = encoder.decode_mean(sum, session_of(1), goal.clients).value();
  for (const double value : total) decoded.true_mean.push_back(static_cast<float>(value / goal.clients));
  return decoded;
}

double mean_square_error(const Decoded& decoded) {
  REQUIRE(decoded.mean.size() == decoded.true_mean.size());
  double sum = 0;
  for (std::size_t i = 0; i < decoded.mean.size(); ++i) {
    const double error = double{decoded.mean[i]} - decoded.true_mean[i];
    sum += error * error;
  }
  return sum / static_cast<double>(decoded.mean.size());
}

// Of one coordinate of the decoded mean. A value rounds with variance f (1 - f), which is 1/6 on average over its fraction f.
double predicted_square_error(const DistributedGaussian& p, double rounding_variance) {
  const double share = static_cast<double>(p.share_variance.numerator) / static_cast<double>(p.share_variance.denominator);
  return p.goal.clients * (share + rounding_variance) / std::pow(p.scale * p.goal.clients, 2);
}

// The mean of `length` squares of normal errors: six standard deviations of sqrt(2 / length) each, false alarm below 1e-8 for the
// four of them, and 0.003 for what the rounding variance may be off by.
TEST_CASE("the decoded mean is as far from the true one as the noise of all shares and the rounding say") {
  for (const std::size_t length : {3000UL, 8192UL}) {
    for (const double z : {0.3, 3.0}) {
      const DistributedEncoder encoder =
          encoder_of({.clients = 60, .length = length, .clip_norm_l2 = 2.5, .noise_multiplier = z, .bits = 20, .honest_shares = 41});
      const double ratio = mean_square_error(round_trip(encoder, length)) / predicted_square_error(encoder.parameters(), 1.0 / 6);
      CAPTURE(length);
      CAPTURE(z);
      CHECK(std::abs(ratio - 1) <= 6 * std::sqrt(2 / static_cast<double>(length)) + 0.003);
    }
  }
}

TEST_CASE("the noise in the mean is what z asks for, times the excess of the shares") {
  const DistributedEncoder encoder = encoder_of({.clients = 50, .length = 20'000, .clip_norm_l2 = 1, .noise_multiplier = 2, .bits = 22, .honest_shares = 30});
  const double wanted = 2.0 * encoder.parameters().noise_excess(50) / 50;
  CHECK(std::sqrt(mean_square_error(round_trip(encoder, 3))) == doctest::Approx(wanted).epsilon(0.03));  // six standard deviations of 1/sqrt(2 length)
}

TEST_CASE("with next to no noise the error is that of the quantisation") {
  // s is capped at 1e6, and a share of deviation 0.56 is left: the error is below a millionth.
  const DistributedEncoder encoder = encoder_of({.clients = 20, .length = 1000, .clip_norm_l2 = 1, .noise_multiplier = 2.5e-6, .bits = 32, .honest_shares = 20});
  REQUIRE(encoder.parameters().scale == 1e6);
  const Decoded decoded = round_trip(encoder, 4);
  CHECK(std::sqrt(mean_square_error(decoded)) <= std::sqrt(predicted_square_error(encoder.parameters(), 0.25)) * 1.2 + 3e-8);
  CHECK(std::sqrt(mean_square_error(decoded)) < 3e-7);
}

// 32768 squares: six standard deviations of sqrt(2 / d). A vector that was not zero would show: its norm is 2000 times the noise.
TEST_CASE("an update that is not finite is sent as noise alone") {
  const DistributedEncoder encoder = encoder_of({.clients = 100, .length = 32'768, .clip_norm_l2 = 1, .noise_multiplier = 0.01, .bits = 24, .honest_shares = 60});
  const Variance v = encoder.parameters().share_variance;
  const double share = static_cast<double>(v.numerator) / static_cast<double>(v.denominator);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    SeededRandom random(5);
    std::vector<float> update = update_of_norm(1, 32'768, random);
    update[77] = bad;
    const auto encoded = encoder.encode(update, session_of(1), random);
    REQUIRE(encoded.has_value());
    double squares = 0;
    for (std::size_t i = 0; i < encoded->size(); ++i) squares += std::pow(encoded->centred(i), 2);
    CHECK(std::abs(squares / 32'768 / share - 1) <= 6 * std::sqrt(2.0 / 32'768));
  }
}

TEST_CASE("a huge update counts with the clip norm, and comes back clipped") {
  const DistributedEncoder encoder = encoder_of({.clients = 4, .length = 500, .clip_norm_l2 = 3, .noise_multiplier = 1e-3, .bits = 30, .honest_shares = 4});
  SeededRandom random(6);
  std::vector<float> update = update_of_norm(1e20, 500, random);
  const auto encoded = encoder.encode(update, session_of(2), random);
  REQUIRE(encoded.has_value());
  CHECK(norm_l2(update) == doctest::Approx(3).epsilon(1e-6));
  const auto mean = encoder.decode_mean(*encoded, session_of(2), 1);
  REQUIRE(mean.has_value());
  double error = 0;
  for (std::size_t i = 0; i < 500; ++i) error += std::pow(double{(*mean)[i]} - update[i], 2);
  CHECK(std::sqrt(error) < 3 * 1e-3 * 3 * std::sqrt(500 / 4.0));
}

// At s c = 1e8 and more the bound has room for a relative 1e-8 of norm, and a float rotation adds more than that to some vectors.
TEST_CASE("no update is lost to float rounding, at the finest scale either") {
  const DistributedEncoder encoder = encoder_of({.clients = 2, .length = 1 << 14, .clip_norm_l2 = 1000, .noise_multiplier = 0.01, .bits = 32, .honest_shares = 2});
  REQUIRE(encoder.parameters().scale * 1000 > 1e8);
  SeededRandom random(7);
  for (std::uint8_t number = 0; number < 20; ++number) {
    std::vector<float> update = update_of_norm(1500, 1 << 14, random);
    const auto encoded = encoder.encode(update, session_of(number), random);
    REQUIRE(encoded.has_value());
    CHECK(norm_l2(*encoder.decode_mean(*encoded, session_of(number), 1)) > 999);
  }
}

// z = 1, n = 100: the noise of b_mean is 2 sigma_b sqrt(n / n_h) / (2 n) = .0645; six of them.
TEST_CASE("the indicator says which part of the roster was within the clip norm, outside the rotation") {
  const auto indicator = choose_clip_indicator({.clients = 100, .honest_shares = 60, .noise_multiplier = 1, .bits = 20});
  REQUIRE(indicator.has_value());
  const DistributedEncoder encoder = encoder_of({.clients = 100, .length = 10, .clip_norm_l2 = 1, .noise_multiplier = indicator->update_noise_multiplier, .bits = 20, .honest_shares = 60},
                                                *indicator);
  CHECK(encoder.ring_size() == 17);
  SeededRandom random(8);
  for (const int within : {0, 30, 100}) {
    RingVector sum(encoder.ring_size(), 20);
    for (int client = 0; client < 100; ++client) {
      std::vector<float> update = update_of_norm(client < within ? 0.5 : 2, 10, random);
      sum.add(encoder.encode(update, session_of(3), random).value());
    }
    CHECK(std::abs(encoder.decode_indicator(sum) - within / 100.0) <= 6 * 0.0645);
    CHECK(encoder.decode_mean(sum, session_of(3), 100)->size() == 10);
  }
}

// The shares of 10,000 clients add up to a deviation of n / 10 = 1000.
TEST_CASE("an update that is not finite counts neither way") {
  const auto indicator = choose_clip_indicator({.clients = 10'000, .honest_shares = 10'000, .noise_multiplier = 1, .bits = 24});
  REQUIRE(indicator.has_value());
  REQUIRE(indicator->weight == 1);  // a share has a deviation of 10
  const DistributedEncoder encoder =
      encoder_of({.clients = 10'000, .length = 1, .clip_norm_l2 = 1, .noise_multiplier = indicator->update_noise_multiplier, .bits = 24, .honest_shares = 10'000}, *indicator);
  SeededRandom random(9);
  RingVector sum(2, 24);
  for (int client = 0; client < 10'000; ++client) {
    std::vector<float> update{std::numeric_limits<float>::quiet_NaN()};
    sum.add(encoder.encode(update, session_of(4), random).value());
  }
  CHECK(std::abs(sum.centred(1)) <= 6 * 1000);  // +-1 each would be 10,000
}

// 4,000 squares of a share: six standard deviations of sqrt(2 / 4000).
TEST_CASE("the indicator has its own share of noise") {
  const auto indicator = choose_clip_indicator({.clients = 1000, .honest_shares = 600, .noise_multiplier = 1, .bits = 20});
  REQUIRE(indicator.has_value());
  const DistributedEncoder encoder =
      encoder_of({.clients = 1000, .length = 1, .clip_norm_l2 = 1, .noise_multiplier = indicator->update_noise_multiplier, .bits = 20, .honest_shares = 600}, *indicator);
  SeededRandom random(12);
  double squares = 0;
  for (int i = 0; i < 4000; ++i) {
    std::vector<float> update{std::numeric_limits<float>::quiet_NaN()};
    squares += std::pow(encoder.encode(update, session_of(4), random)->centred(1), 2);
  }
  CHECK(std::abs(squares / 4000 / (100.0 * 100 / 600) - 1) <= 6 * std::sqrt(2.0 / 4000));
}

TEST_CASE("another session has another rotation, and another draw other noise") {
  const DistributedEncoder encoder = encoder_of({.clients = 10, .length = 64, .clip_norm_l2 = 1, .noise_multiplier = 1, .bits = 20, .honest_shares = 10});
  const auto encoded = [&](std::uint8_t session, std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<float> update(64, 0.1F);
    return encoder.encode(update, session_of(session), random)->pack();
  };
  CHECK(encoded(1, 1) == encoded(1, 1));
  CHECK(encoded(1, 1) != encoded(2, 1));
  CHECK(encoded(1, 1) != encoded(1, 2));
}

// Fixed once with this code on x86-64.
TEST_CASE("the encoded vector is the same on every device that draws the same bits") {
  const auto indicator = choose_clip_indicator({.clients = 100, .honest_shares = 61, .noise_multiplier = 1, .bits = 21});
  const DistributedEncoder encoder = encoder_of({.clients = 100, .length = 5000, .clip_norm_l2 = 0.7, .noise_multiplier = indicator->update_noise_multiplier, .bits = 21, .honest_shares = 61},
                                                *indicator);
  SeededRandom random(10);
  std::vector<float> update = update_of_norm(1, 5000, random);
  CHECK(to_hex(Hasher("test").field(encoder.encode(update, session_of(5), random)->pack()).finish()) == "f926e992e3b1aba06ee0cc0bd57b023b6c43ea6a9a23d9eb05c4ce35ee2eaf87");
}

TEST_CASE("an update or a sum of the wrong size is refused") {
  const DistributedEncoder encoder = encoder_of({.clients = 10, .length = 64, .clip_norm_l2 = 1, .noise_multiplier = 1, .bits = 20, .honest_shares = 10});
  SeededRandom random(11);
  std::vector<float> shorter(63);
  const auto encoded = encoder.encode(shorter, session_of(1), random);
  REQUIRE_FALSE(encoded.has_value());
  CHECK(encoded.error().message == "distributed encoder: an update of 63 values, 64 expected");
  CHECK_FALSE(encoder.decode_mean(RingVector(65, 20), session_of(1), 1).has_value());
  CHECK_FALSE(encoder.decode_mean(RingVector(64, 21), session_of(1), 1).has_value());
  CHECK(encoder.decode_mean(RingVector(64, 20), session_of(1), 1).has_value());
  CHECK(tests::aborts([&] { (void)encoder.decode_mean(RingVector(64, 20), session_of(1), 0); }));
  CHECK(tests::aborts([&] { (void)encoder.decode_indicator(RingVector(64, 20)); }));
}

TEST_CASE("update and indicator of different rounds are refused") {
  const auto indicator = choose_clip_indicator({.clients = 100, .honest_shares = 60, .noise_multiplier = 1, .bits = 20});
  REQUIRE(indicator.has_value());
  const auto parameters = choose_distributed_gaussian({.clients = 100, .length = 64, .clip_norm_l2 = 1, .noise_multiplier = 1, .bits = 20, .honest_shares = 61});
  REQUIRE(parameters.has_value());
  CHECK_FALSE(DistributedEncoder::create(*parameters, *indicator).has_value());
}

}  // namespace
}  // namespace fedspend
