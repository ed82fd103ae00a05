#include "common/privacy/calibration.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "common/privacy/analytic_gaussian.h"
#include "common/privacy/gaussian_rdp.h"
#include "common/privacy/sampled_gaussian_rdp.h"
#include "tests/common/aborts.h"

namespace fedspend {

TEST_CASE("the noise found is within the budget, and a little less is not") {
  CHECK(rc::check("smallest", [] {
    const auto steps = static_cast<std::uint64_t>(*rc::gen::inRange(1, 10'000));
    const double delta = std::pow(10.0, -*rc::gen::inRange(2, 12)), wanted = std::exp(*rc::gen::inRange(-400, 400) / 100.0);
    int calls = 0;
    const auto epsilon_of = [&](double z) -> Result<double> {
      ++calls;
      return gaussian_rdp_epsilon(z, steps, delta).epsilon;
    };
    const auto found = smallest_noise_multiplier(epsilon_of, wanted);
    RC_ASSERT(found.has_value());
    RC_ASSERT(found->epsilon <= wanted);
    RC_ASSERT(found->epsilon == gaussian_rdp_epsilon(found->noise_multiplier, steps, delta).epsilon);
    RC_ASSERT(gaussian_rdp_epsilon(found->noise_multiplier * (1 - 4e-6), steps, delta).epsilon > wanted);
    RC_ASSERT(calls <= 60);
  }));
}

TEST_CASE("known noise comes back from its epsilon") {
  // PRIVACY.md: z = 4.530877117 has epsilon 1 by RDP, z = 1 has 4.88655 exactly; opacus: sigma 1.5.
  const auto rdp = [](double z) -> Result<double> { return gaussian_rdp_epsilon(z, 1, 1e-6).epsilon; };
  CHECK(smallest_noise_multiplier(rdp, 1)->noise_multiplier == doctest::Approx(4.530877117).epsilon(2e-6));
  const auto exact = [](double z) -> Result<double> { return analytic_gaussian_epsilon(1 / z, 1e-6); };
  CHECK(smallest_noise_multiplier(exact, 4.88655)->noise_multiplier == doctest::Approx(1).epsilon(4e-6));
  const auto sampled = [](double z) -> Result<double> { return rdp_epsilon(sampled_gaussian_rdp_curve(z, 0.04).times(2250), 1e-5).epsilon; };
  CHECK(smallest_noise_multiplier(sampled, 7.32911117143)->noise_multiplier == doctest::Approx(1.5).epsilon(2e-6));
}

TEST_CASE("steps, plateaus and zeros of an accountant do not stop the search") {
  const auto stairs = [](double z) -> Result<double> { return z < 3.25 ? 10.0 : 0.0; };
  CHECK(smallest_noise_multiplier(stairs, 1)->noise_multiplier == doctest::Approx(3.25).epsilon(2e-6));
  CHECK(stairs(smallest_noise_multiplier(stairs, 1)->noise_multiplier) == 0.0);
  const auto infinite = [](double z) -> Result<double> { return z < 0.7 ? std::numeric_limits<double>::infinity() : 1 / z; };
  CHECK(smallest_noise_multiplier(infinite, 2)->noise_multiplier == doctest::Approx(0.7).epsilon(2e-6));
}

TEST_CASE("with a quick accountant beside the exact one the answer is the exact one's word, as close, and the exact one is asked a few times") {
  CHECK(rc::check("two accountants", [] {
    const auto steps = static_cast<std::uint64_t>(*rc::gen::inRange(1, 10'000));
    const double delta = std::pow(10.0, -*rc::gen::inRange(2, 12)), wanted = std::exp(*rc::gen::inRange(-200, 300) / 100.0);
    // The quick one is above the exact one, or below: what it says is never taken.
    const double off = 1 + *rc::gen::inRange(-1000, 1000) * 1e-6, bend = *rc::gen::inRange(-100, 100) * 1e-6;
    int calls = 0;
    const auto exact = [&](double z) -> Result<double> {
      ++calls;
      return gaussian_rdp_epsilon(z, steps, delta).epsilon;
    };
    const auto quick = [&](double z) -> Result<double> { return gaussian_rdp_epsilon(z, steps, delta).epsilon * off * std::pow(z, bend); };
    const auto found = smallest_noise_multiplier(std::array<EpsilonOf, 2>{quick, exact}, wanted);
    RC_ASSERT((found.has_value()));
    RC_ASSERT((found->epsilon <= wanted));
    RC_ASSERT((found->epsilon == gaussian_rdp_epsilon(found->noise_multiplier, steps, delta).epsilon));
    RC_ASSERT((gaussian_rdp_epsilon(found->noise_multiplier * (1 - 2e-5), steps, delta).epsilon > wanted));
    RC_ASSERT((calls <= 5));
  }));
}

TEST_CASE("of three accountants, the first a tenth off and the second a hundredth, the exact one is asked two or three times") {
  for (double wanted = 0.02; wanted < 20; wanted *= 1.07) {
    int calls = 0;
    const auto exact = [&](double z) -> Result<double> { return ++calls, gaussian_rdp_epsilon(z, 10'000, 1e-6).epsilon; };
    const auto off_by = [](double part) { return [part](double z) -> Result<double> { return gaussian_rdp_epsilon(z, 10'000, 1e-6).epsilon * (1 + part * std::pow(z, 0.1)); }; };
    const auto found = smallest_noise_multiplier(std::array<EpsilonOf, 3>{off_by(0.1), off_by(0.01), exact}, wanted);
    REQUIRE(found.has_value());
    CHECK(found->epsilon <= wanted);
    CHECK(found->epsilon == *exact(found->noise_multiplier));
    CHECK(*exact(found->noise_multiplier * (1 - 2e-5)) > wanted);
    CHECK(calls <= 3 + 2);  // two here
  }
}

TEST_CASE("a quick accountant that is far off, fails, or has no slope, costs time and not the budget") {
  const auto exact = [](double z) -> Result<double> { return z < 0.7 ? std::numeric_limits<double>::infinity() : 1 / (z * z); };
  const auto far = [](double z) -> Result<double> { return 0.25 / z; };
  const auto flat = [](double z) -> Result<double> { return z < 0.5 ? 10.0 : 0.0; };
  const auto failing = [](double) -> Result<double> { return fail(ErrorCode::refused, "no"); };
  const auto steep = [](double z) -> Result<double> { return z < 2 ? 5 : 5e-9 / z; };
  for (const double wanted : {0.01, 0.3, 1.0, 1.9}) {
    const double smallest = std::max(1 / std::sqrt(wanted), 0.7);
    for (const auto& quick : std::initializer_list<std::function<Result<double>(double)>>{far, flat, failing, steep}) {
      const auto found = smallest_noise_multiplier(std::array<EpsilonOf, 2>{quick, exact}, wanted);
      REQUIRE(found.has_value());
      CHECK(found->epsilon <= wanted);
      CHECK(found->epsilon == *exact(found->noise_multiplier));
      CHECK(found->noise_multiplier >= smallest * (1 - 1e-12));
      CHECK(found->noise_multiplier <= smallest * (1 + 2e-5));
    }
  }
  CHECK(smallest_noise_multiplier(std::array<EpsilonOf, 2>{far, failing}, 1).error().message == "no");
}

TEST_CASE("an accountant whose own grid moves its answers a little is tried again") {
  for (double wanted = 0.1; wanted < 10; wanted *= 1.003) {
    const auto shaky = [](double z) -> Result<double> { return (1 + 2e-6 * std::sin(1e9 * z)) / z; };
    const auto found = smallest_noise_multiplier(shaky, wanted);
    REQUIRE(found.has_value());
    CHECK(found->epsilon <= wanted);
    CHECK(found->epsilon == *shaky(found->noise_multiplier));
    CHECK(found->noise_multiplier <= (1 + 1e-5) / wanted);
  }
}

TEST_CASE("where any noise is enough the least is given") {
  const auto nothing = [](double) -> Result<double> { return 0.0; };
  CHECK(smallest_noise_multiplier(nothing, 1)->noise_multiplier == kLeastNoiseMultiplier);
}

TEST_CASE("where no noise is enough it is refused, with the reason") {
  const auto never = [](double) -> Result<double> { return 5.0; };
  const auto refused = smallest_noise_multiplier(never, 1);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK(refused.error().message.find("epsilon of 5") != std::string::npos);
  const auto failing = [](double) -> Result<double> { return fail(ErrorCode::limit, "too wide"); };
  const auto failed = smallest_noise_multiplier(failing, 1);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().message == "too wide");
}

TEST_CASE("where no noise is enough, of two accountants each is asked once, at the most noise, and the exact one says what that gives") {
  int quick_asked = 0, exact_asked = 0;
  const auto quick = [&](double z) -> Result<double> { return ++quick_asked, 5.5 + 1 / z; };
  const auto exact = [&](double z) -> Result<double> { return ++exact_asked, 5 + 1 / z; };
  const auto refused = smallest_noise_multiplier(std::array<EpsilonOf, 2>{quick, exact}, 1);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::refused);
  CHECK_MESSAGE(refused.error().message.find("epsilon of 5.001,") != std::string::npos, refused.error().message);  // 5 and a little, rounded up
  CHECK(quick_asked == 1);
  CHECK(exact_asked == 1);
  // Where the quick one alone says no, the exact one is searched.
  const auto found = smallest_noise_multiplier(std::array<EpsilonOf, 2>{quick, exact}, 5.25);
  REQUIRE(found.has_value());
  CHECK(found->noise_multiplier == doctest::Approx(4).epsilon(2e-6));
}

TEST_CASE("a mechanism that refuses narrow noise gets the least that it takes") {
  const auto narrow = [](double z) -> Result<double> {
    if (z < 2.5) return fail(ErrorCode::invalid_argument, "too narrow");
    return 1 / z;
  };
  CHECK(smallest_noise_multiplier(narrow, 10)->noise_multiplier == doctest::Approx(2.5).epsilon(2e-6));
  CHECK(smallest_noise_multiplier(narrow, 0.1)->noise_multiplier == doctest::Approx(10).epsilon(2e-6));
}

TEST_CASE("a budget of nothing is a programmer's mistake") {
  const auto any = [](double) -> Result<double> { return 1.0; };
  CHECK(tests::aborts([&] { (void)smallest_noise_multiplier(any, 0); }));
  CHECK(tests::aborts([&] { (void)smallest_noise_multiplier(any, std::nan("")); }));
}

}  // namespace fedspend
