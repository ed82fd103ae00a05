#include "models/kernels.h"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "tests/models/instruction_sets.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  SeededRandom random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.below(20'001)) / 10'000 - 1;
  return values;
}

// The worst relative error of `kernel` against `exact` over floats spread evenly from low to high.
template <class Exact>
double worst_error(void (*kernel)(float*, std::size_t), Exact exact, double low, double high) {
  constexpr std::size_t kCount = 1 << 18;
  std::vector<float> in(kCount), out;
  for (std::size_t i = 0; i < kCount; ++i) in[i] = static_cast<float>(low + (high - low) * static_cast<double>(i) / kCount);
  out = in;
  kernel(out.data(), kCount);
  double worst = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    const double expected = exact(static_cast<double>(in[i]));
    if (expected == 0) continue;
    worst = std::max(worst, std::abs(static_cast<double>(out[i]) - expected) / std::abs(expected));
  }
  return worst;
}

}  // namespace

TEST_CASE("exp, sigmoid, tanh and the logarithm are right to 1e-6 on every instruction set") {
  for (const std::string& isa : instruction_sets()) {
    CAPTURE(isa);
    REQUIRE(pin_isa(isa));
    CHECK(std::string(active_isa()) == isa);
    CHECK(worst_error(kernels::exponential, [](double x) { return std::exp(x); }, -87, 88) < 1e-6);
    CHECK(worst_error(kernels::exponential, [](double x) { return std::exp(x); }, -1, 1) < 3e-7);
    CHECK(worst_error(kernels::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -80, 80) < 1e-6);
    CHECK(worst_error(kernels::tanh, [](double x) { return std::tanh(x); }, -20, 20) < 1e-6);
    CHECK(worst_error(kernels::tanh, [](double x) { return std::tanh(x); }, -1e-3, 1e-3) < 3e-7);
    CHECK(worst_error(kernels::logarithm, [](double x) { return std::log(x); }, 2, 2000) < 1e-6);
    CHECK(worst_error(kernels::logarithm, [](double x) { return std::log(x); }, 1e-6, 0.5) < 1e-6);
    // Close to 1 the logarithm is close to 0, and the absolute error counts.
    CHECK(worst_error(kernels::logarithm, [](double x) { return std::log(x); }, 1.25, 2) < 1e-6);
  }
  CHECK(pin_isa("best"));
}

TEST_CASE("exp, sigmoid and tanh stay finite where the argument is huge") {
  std::vector<float> values(16, 0.0f);
  values[0] = 1e30f;
  values[1] = -1e30f;
  values[2] = 3e38f;
  auto e = values, s = values, t = values;
  kernels::exponential(e.data(), 16);
  kernels::sigmoid(s.data(), 16);
  kernels::tanh(t.data(), 16);
  CHECK(std::isfinite(e[0]));
  CHECK(e[1] == 0.0f);
  CHECK(s[0] == 1.0f);
  CHECK(s[1] < 1e-37f);
  CHECK(t[0] == 1.0f);
  CHECK(t[1] == -1.0f);
  CHECK(t[3] == 0.0f);
}

TEST_CASE("a product agrees with the sum in double, whatever the shape and the instruction set") {
  for (const std::string& isa : instruction_sets()) {
    REQUIRE(pin_isa(isa));
    for (const std::size_t rows : {1u, 3u, 4u, 9u}) {
      for (const std::size_t columns : {16u, 48u, 64u, 160u}) {
        const std::size_t inner = 13;
        const std::vector<float> a = random_floats(rows * inner, 1), b = random_floats(inner * columns, 2);
        std::vector<float> c = random_floats(rows * columns, 3);
        const std::vector<float> before = c;
        const kernels::Product product{.rows = rows, .inner = inner, .columns = columns, .a = a.data(), .a_row_stride = 1,
                                       .a_inner_stride = rows, .b = b.data(), .b_stride = columns, .c = c.data(), .c_stride = columns};
        const auto check = [&](bool added) {
          for (std::size_t i = 0; i < rows; ++i) {
            for (std::size_t j = 0; j < columns; ++j) {
              double sum = added ? static_cast<double>(before[i * columns + j]) : 0.0;
              for (std::size_t k = 0; k < inner; ++k) sum += static_cast<double>(a[k * rows + i]) * static_cast<double>(b[k * columns + j]);
              REQUIRE(std::abs(static_cast<double>(c[i * columns + j]) - sum) < 1e-5);
            }
          }
        };
        kernels::multiply(product, kernels::Into::add);
        check(true);
        kernels::multiply(product, kernels::Into::overwrite);
        check(false);
      }
    }
  }
  CHECK(pin_isa("best"));
}

TEST_CASE("a row of a product has the same bits alone and among others") {
  const std::size_t inner = 37, columns = 112;
  const std::vector<float> a = random_floats(7 * inner, 4), b = random_floats(inner * columns, 5);
  std::vector<float> together(7 * columns), alone(columns);
  kernels::multiply({.rows = 7, .inner = inner, .columns = columns, .a = a.data(), .a_row_stride = inner, .b = b.data(),
                     .b_stride = columns, .c = together.data(), .c_stride = columns}, kernels::Into::overwrite);
  for (std::size_t row = 0; row < 7; ++row) {
    kernels::multiply({.rows = 1, .inner = inner, .columns = columns, .a = a.data() + row * inner, .a_row_stride = inner, .b = b.data(),
                       .b_stride = columns, .c = alone.data(), .c_stride = columns}, kernels::Into::overwrite);
    CHECK(std::memcmp(alone.data(), together.data() + row * columns, columns * sizeof(float)) == 0);
  }
}

TEST_CASE("softmax sums to one, keeps its padding at zero and survives huge logits") {
  std::vector<float> values(32, 5.0f);
  const std::vector<float> logits = random_floats(20, 6);
  std::copy(logits.begin(), logits.end(), values.begin());
  values[3] = 1000.0f;
  values[4] = 1000.0f;
  float log_sum = 0;
  kernels::softmax(values.data(), 20, 1, 32, &log_sum);
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  CHECK(sum == doctest::Approx(1.0));
  CHECK(values[3] == doctest::Approx(0.5));
  CHECK(log_sum == doctest::Approx(1000 + std::log(2.0)));
  for (std::size_t i = 20; i < 32; ++i) CHECK(values[i] == 0.0f);
}

TEST_CASE("a gradient step and a sum of squares are those of their formulas") {
  std::vector<float> weights(16, 1.0f), velocity(16, 2.0f), gradient(16, 4.0f), round_weights(16, 0.5f);
  kernels::GradientStep step{.count = 16, .weights = weights.data(), .gradient = gradient.data(), .velocity = velocity.data(),
                             .learning_rate = 0.5f, .momentum = 0.25f, .scale = 0.5f};
  kernels::gradient_step(step);
  CHECK(velocity[15] == 2.5f);
  CHECK(weights[15] == -0.25f);
  step.round_weights = round_weights.data();
  step.proximal_mu = 2;
  kernels::gradient_step(step);  // 2 + 2 (-0.25 - 0.5) = 0.5, and 0.25 of the velocity
  CHECK(velocity[15] == 1.125f);
  CHECK(weights[15] == -0.8125f);
  step.velocity = nullptr;
  kernels::gradient_step(step);  // 2 + 2 (-0.8125 - 0.5) = -0.625
  CHECK(velocity[15] == 1.125f);
  CHECK(weights[15] == -0.5f);
  CHECK(kernels::sum_of_squares(gradient.data(), 16) == 256.0);
}

TEST_CASE("a product of any shape starts from zero, from what is there or from the rows it is given, on every instruction set") {
  for (const std::string& isa : instruction_sets()) {
    CAPTURE(isa);
    REQUIRE(pin_isa(isa));
    for (const std::size_t rows : {1u, 2u, 3u, 5u, 8u, 15u, 16u}) {
      for (const std::size_t columns : {16u, 32u, 64u, 96u, 160u}) {
        for (const std::size_t inner : {0u, 1u, 300u}) {  // 300: more than one block
          const std::vector<float> a = random_floats(rows * inner + 1, 1), b = random_floats(inner * columns + 1, 2), start = random_floats(3 * columns, 4);
          std::vector<std::uint32_t> start_row(rows);
          for (std::size_t i = 0; i < rows; ++i) start_row[i] = static_cast<std::uint32_t>(i % 3);
          for (const kernels::Into into : {kernels::Into::overwrite, kernels::Into::add, kernels::Into::start}) {
            std::vector<float> c = random_floats(rows * columns, 3);
            const std::vector<float> before = c;
            kernels::multiply({.rows = rows, .inner = inner, .columns = columns, .a = a.data(), .a_row_stride = inner, .b = b.data(),
                               .b_stride = columns, .c = c.data(), .c_stride = columns, .start = start.data(),
                               .start_row = start_row.data(), .start_stride = columns}, into);
            double worst = 0;
            for (std::size_t i = 0; i < rows; ++i) {
              for (std::size_t j = 0; j < columns; ++j) {
                double sum = into == kernels::Into::add ? static_cast<double>(before[i * columns + j])
                             : into == kernels::Into::start ? static_cast<double>(start[i % 3 * columns + j]) : 0.0;
                for (std::size_t k = 0; k < inner; ++k) sum += static_cast<double>(a[i * inner + k]) * static_cast<double>(b[k * columns + j]);
                worst = std::max(worst, std::abs(static_cast<double>(c[i * columns + j]) - sum));
              }
            }
            REQUIRE(worst < 3e-5);
          }
        }
      }
    }
  }
  CHECK(pin_isa("best"));
}

TEST_CASE("a transpose has every value in its place, and rows are added up where they belong") {
  for (const std::string& isa : instruction_sets()) {
    REQUIRE(pin_isa(isa));
    for (const std::size_t rows : {1u, 4u, 7u, 17u}) {
      for (const std::size_t columns : {3u, 4u, 22u}) {
        const std::vector<float> from = random_floats(rows * 32, 1);
        std::vector<float> to(columns * 32, 9.0f);
        kernels::transpose(from.data(), rows, columns, 32, to.data(), 32);
        for (std::size_t j = 0; j < columns; ++j) {
          for (std::size_t i = 0; i < 32; ++i) REQUIRE(to[j * 32 + i] == (i < rows ? from[i * 32 + j] : 9.0f));
        }
      }
    }
    const std::vector<float> from = random_floats(3 * 32, 2);
    std::vector<float> to(2 * 32, 1.0f);
    const std::uint32_t to_row[] = {1, 0, 1};
    kernels::add_rows(from.data(), 3, 32, 32, to_row, to.data(), 32);
    for (std::size_t j = 0; j < 32; ++j) {
      CHECK(to[j] == 1.0f + from[32 + j]);
      CHECK(to[32 + j] == 1.0f + from[j] + from[64 + j]);
    }
  }
  CHECK(pin_isa("best"));
}

TEST_CASE("a GRU step agrees with its formulas in double, in every row, for small and huge sums") {
  constexpr std::size_t kWidth = 16, kRows = 3;
  for (const std::string& isa : instruction_sets()) {
    CAPTURE(isa);
    REQUIRE(pin_isa(isa));
    for (const float scale : {0.01f, 3.0f, 60.0f}) {
      std::vector<float> input = random_floats(kRows * 3 * kWidth, 1), recurrent = random_floats(kRows * 3 * kWidth, 2);
      for (float& value : input) value *= scale;
      for (float& value : recurrent) value *= scale;
      const std::vector<float> before = random_floats(kRows * kWidth, 3);
      std::vector<float> gates(kRows * 3 * kWidth), after(kRows * 20), next(kRows * kWidth, 7.0f);
      kernels::gru_forward({.rows = kRows, .width = kWidth, .input = input.data(), .recurrent = recurrent.data(), .before = before.data(),
                            .gates = gates.data(), .after = after.data(), .after_stride = 20, .next_before = next.data(), .next_rows = 2});
      const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
      for (std::size_t row = 0; row < kRows; ++row) {
        for (std::size_t i = 0; i < kWidth; ++i) {
          const auto at = [&](const std::vector<float>& values, std::size_t gate) { return static_cast<double>(values[row * 3 * kWidth + gate * kWidth + i]); };
          const double r = sigmoid(at(input, 0) + at(recurrent, 0)), z = sigmoid(at(input, 1) + at(recurrent, 1));
          const double n = std::tanh(at(input, 2) + r * at(recurrent, 2));
          CHECK(std::abs(at(gates, 0) - r) < 3e-7);
          CHECK(std::abs(at(gates, 1) - z) < 3e-7);
          CHECK(std::abs(at(gates, 2) - n) < 2e-6 * std::max(1.0f, scale));  // what r is off by, times the sum
          const float h = after[row * 20 + i];
          CHECK(std::abs(static_cast<double>(h) - (n + z * (static_cast<double>(before[row * kWidth + i]) - n))) < 2e-6 * std::max(1.0f, scale));
          CHECK(next[row * kWidth + i] == (row < 2 ? h : 7.0f));
        }
      }
    }
  }
  CHECK(pin_isa("best"));
}
