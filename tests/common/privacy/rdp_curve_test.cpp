#include "common/privacy/rdp_curve.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/privacy/directed_rounding.h"
#include "common/privacy/gaussian_rdp.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

using tests::aborts;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// All 64 bits, whatever the size that rapidcheck begins with.
std::uint64_t any_bits() { return *rc::gen::resize(1'000, rc::gen::arbitrary<std::uint64_t>()); }

// Any curve: magnitudes from subnormal to beyond doubles.
RdpCurve any_curve() {
  std::vector<double> values(rdp_orders().size());
  for (double& value : values) {
    const int exponent = *rc::gen::inRange(-1074, 1026);
    value = std::ldexp(static_cast<double>(any_bits() >> 11), exponent - 52);
  }
  return *RdpCurve::of(std::move(values));
}

}  // namespace

TEST_CASE("the orders are those of version 1, ascending, with the whole ones to 64") {
  const auto orders = rdp_orders();
  REQUIRE(orders.size() == 200);
  CHECK(orders.front() == 1.25);
  CHECK(orders.back() == 512);
  for (std::size_t i = 1; i < orders.size(); ++i) CHECK(orders[i - 1] < orders[i]);
  for (double whole = 2; whole <= 64; ++whole) CHECK(std::ranges::count(orders, whole) == 1);
  for (const double published : {1.3, 3.9, 10.9, 128.0, 256.0}) CHECK(std::ranges::count(orders, published) == 1);
}

TEST_CASE("the conversion gives the published epsilon") {
  // google/differential-privacy, rdp_privacy_accountant_test.
  std::vector<double> orders, values;
  for (int order = 2; order <= 32; ++order) {
    orders.push_back(order);
    values.push_back(1.1);
  }
  const RdpEpsilon found = rdp_epsilon(orders, values, 1e-5);
  CHECK(found.epsilon == doctest::Approx(1.32783806176).epsilon(1e-11));
  CHECK(found.epsilon >= 1.327838061755);
}

TEST_CASE("an epsilon is never below 0, and nothing released costs nothing") {
  CHECK(rdp_epsilon(RdpCurve{}, 1e-12).epsilon == 0);
  // At order 2: 0 + log(1/2) - log(2 delta) is negative for delta above 1/4.
  CHECK(rdp_epsilon_at(2, 0, 0.3) == 0);
  CHECK(rdp_epsilon_at(2, 1e-9, 0.3) == 0);
  CHECK(rdp_epsilon_at(2, 0.1, 0.3) == 0);  // .1 - log 2 - log .6
  CHECK(rc::check("epsilon of any curve is a number of at least 0", [] {
    const RdpCurve curve = any_curve();
    const double delta = std::pow(10.0, -*rc::gen::inRange(1, 300));
    const double epsilon = rdp_epsilon(curve, delta).epsilon;
    RC_ASSERT(epsilon >= 0);
  }));
}

TEST_CASE("a divergence too small for delta needs no epsilon") {
  // Bretagnolle and Huber: total variation is at most sqrt(1 - exp(-KL)).
  CHECK(rdp_epsilon_at(2, 0.99e-10, 1e-5) == 0);
  CHECK(rdp_epsilon_at(2, 1.01e-10, 1e-5) > 0);
}

TEST_CASE("a smaller delta never gives a smaller epsilon") {
  CHECK(rc::check("monotone in delta", [] {
    const RdpCurve curve = any_curve();
    const double delta = std::pow(10.0, -0.1 * *rc::gen::inRange(1, 3000));
    const double less = delta * 0.01 * *rc::gen::inRange(1, 100);
    RC_ASSERT(rdp_epsilon(curve, less).epsilon >= rdp_epsilon(curve, delta).epsilon);
  }));
}

TEST_CASE("sums and multiples are never below the true ones, and above by roundings alone") {
  CHECK(rc::check("directed rounding", [] {
    const RdpCurve a = any_curve(), b = any_curve();
    const std::uint64_t count = any_bits() >> *rc::gen::inRange(0, 64);
    const RdpCurve sum = a + b, product = a.times(count);
    for (std::size_t i = 0; i < rdp_orders().size(); ++i) {
      const long double x = a.values()[i], y = b.values()[i];
      RC_ASSERT(static_cast<long double>(sum.values()[i]) >= x + y);
      RC_ASSERT((std::isinf(sum.values()[i]) || static_cast<long double>(sum.values()[i]) <= (x + y) * (1 + 0x1p-51L)));
      const long double exact = x * static_cast<long double>(count);
      RC_ASSERT(static_cast<long double>(product.values()[i]) >= exact);
      RC_ASSERT((std::isinf(product.values()[i]) || static_cast<long double>(product.values()[i]) <= exact * (1 + 0x1p-50L) + 0x1p-1073L));
    }
  }));
}

TEST_CASE("a count that no double holds counts as the next one above") {
  const RdpCurve one = *RdpCurve::of(std::vector<double>(200, 1.0));
  const std::uint64_t count = (std::uint64_t{1} << 60) + 1;
  CHECK(one.times(count).values()[0] > 0x1p60);
}

TEST_CASE("what a plain sum would lose is kept: a tiny charge many times over a large one") {
  RdpCurve spent = *RdpCurve::of(std::vector<double>(200, 1.0));
  const RdpCurve tiny = *RdpCurve::of(std::vector<double>(200, 0x1p-60));
  REQUIRE(1.0 + 0x1p-60 == 1.0);
  for (int i = 0; i < 1000; ++i) spent += tiny;
  CHECK(spent.values()[0] >= 1.0 + 1000 * 0x1p-60);
  CHECK(spent.values()[0] > 1.0);
}

TEST_CASE("k charges one by one are the k-fold curve, but for roundings") {
  const RdpCurve once = gaussian_rdp_curve(1.3);
  RdpCurve spent;
  for (int i = 0; i < 1000; ++i) spent += once;
  const RdpCurve product = once.times(1000);
  for (std::size_t i = 0; i < 200; ++i) CHECK(spent.values()[i] == doctest::Approx(product.values()[i]).epsilon(1e-12));
  CHECK(once.times(0) == RdpCurve{});
  CHECK(once.times(1) == once);
}

TEST_CASE("a curve comes back from its bytes to the bit, infinity included") {
  CHECK(rc::check("round trip", [] {
    const RdpCurve curve = any_curve();
    const Bytes bytes = curve.serialise();
    RC_ASSERT(bytes.size() == 8U + 8U * 200U);
    const auto back = RdpCurve::parse(bytes);
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == curve);
  }));
  std::vector<double> values(200, kInfinity);
  CHECK(*RdpCurve::parse(RdpCurve::of(values)->serialise()) == *RdpCurve::of(values));
}

TEST_CASE("the stored form is what it was") {
  const Bytes bytes = RdpCurve::of(std::vector<double>(200, 1.5))->serialise();
  CHECK(to_hex(ByteSpan(bytes).first(24)) == "01000000c8000000000000000000f83f000000000000f83f");
}

TEST_CASE("stored bytes that are not a curve are refused") {
  const Bytes good = gaussian_rdp_curve(1).serialise();
  const auto refused = [](const Bytes& bytes) {
    const auto parsed = RdpCurve::parse(bytes);
    return !parsed.has_value() && parsed.error().code == ErrorCode::malformed;
  };
  CHECK_FALSE(refused(good));
  CHECK(refused({}));
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{8}, good.size() - 8, good.size() - 1}) CHECK(refused(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))));
  Bytes longer = good;
  longer.push_back(0);
  CHECK(refused(longer));
  for (const std::size_t at : {std::size_t{0}, std::size_t{4}}) {
    Bytes other = good;
    other[at] ^= 2;
    CHECK(refused(other));
  }
  for (const std::uint64_t bits : {0x7ff8000000000000ULL, 0xfff0000000000000ULL, 0x8000000000000000ULL, 0xbff0000000000000ULL}) {
    Bytes other = good;
    store_u64(MutableByteSpan(other).subspan(8 + 8 * 77), bits);
    CAPTURE(bits);
    CHECK(refused(other));
  }
}

TEST_CASE("a curve is made of values of at least 0, one for each order") {
  CHECK_FALSE(RdpCurve::of({}).has_value());
  CHECK_FALSE(RdpCurve::of(std::vector<double>(199, 0)).has_value());
  CHECK_FALSE(RdpCurve::of(std::vector<double>(200, -1e-300)).has_value());
  CHECK_FALSE(RdpCurve::of(std::vector<double>(200, std::nan(""))).has_value());
  CHECK(*RdpCurve::of(std::vector<double>(200, -0.0)) == RdpCurve{});
  CHECK(RdpCurve::of(std::vector<double>(200, -0.0))->serialise() == RdpCurve{}.serialise());
}

TEST_CASE("a delta outside (0, 1) is a programmer's mistake") {
  for (const double delta : {0.0, 1.0, -1e-5, 1.5, std::nan("")}) CHECK(aborts([&] { rdp_epsilon(RdpCurve{}, delta); }));
  CHECK(aborts([] { rdp_epsilon_at(1, 1, 1e-5); }));
  CHECK(aborts([] { rdp_epsilon_at(2, std::nan(""), 1e-5); }));
}

}  // namespace fedspend
