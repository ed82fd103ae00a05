#include "common/privacy/rdp_curve.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "common/check.h"
#include "common/privacy/directed_rounding.h"

namespace fedspend {
namespace {

constexpr std::uint32_t kOrdersVersion = 1;
constexpr std::size_t kHeaderBytes = 8;

std::vector<double> made_orders() {
  std::vector<double> orders{1.25};
  for (int tenths = 13; tenths < 110; ++tenths) orders.push_back(tenths / 10.0);
  struct Stretch {
    int end, step;
  };
  orders.push_back(11);
  for (const Stretch& stretch : {Stretch{64, 1}, {128, 4}, {256, 8}, {512, 16}})
    while (orders.back() < stretch.end) orders.push_back(orders.back() + stretch.step);
  return orders;
}

bool are_valid(std::span<const double> values) {
  // The comparison refuses NaN, too.
  return values.size() == rdp_orders().size() && std::ranges::all_of(values, [](double value) { return value >= 0; });
}

// A double of at least `count`.
double count_up(std::uint64_t count) {
  const auto rounded = static_cast<double>(count);
  return count > (std::uint64_t{1} << 53) ? next_up(rounded) : rounded;
}

}  // namespace

std::span<const double> rdp_orders() {
  static const std::vector<double> orders = made_orders();
  return orders;
}

RdpCurve::RdpCurve() : values_(rdp_orders().size(), 0.0) {}

Result<RdpCurve> RdpCurve::of(std::vector<double> values) {
  if (!are_valid(values)) return fail(ErrorCode::invalid_argument, "an RDP curve has one value of at least 0 for each order");
  RdpCurve curve;
  // -0 passes for 0, and would be other bits in a ledger.
  for (double& value : values) value = std::abs(value);
  curve.values_ = std::move(values);
  return curve;
}

RdpCurve& RdpCurve::operator+=(const RdpCurve& other) {
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = add_up(values_[i], other.values_[i]);
  return *this;
}

RdpCurve RdpCurve::times(std::uint64_t count) const {
  RdpCurve product;
  const double factor = count_up(count);
  for (std::size_t i = 0; i < values_.size(); ++i) product.values_[i] = multiply_up(values_[i], factor);
  return product;
}

Bytes RdpCurve::serialise() const {
  Bytes bytes(kHeaderBytes + 8 * values_.size());
  MutableByteSpan out(bytes);
  store_u32(out, kOrdersVersion);
  store_u32(out.subspan(4), static_cast<std::uint32_t>(values_.size()));
  for (std::size_t i = 0; i < values_.size(); ++i) store_u64(out.subspan(kHeaderBytes + 8 * i), std::bit_cast<std::uint64_t>(values_[i]));
  return bytes;
}

Result<RdpCurve> RdpCurve::parse(ByteSpan bytes) {
  const std::size_t count = rdp_orders().size();
  if (bytes.size() != kHeaderBytes + 8 * count || load_u32(bytes) != kOrdersVersion || load_u32(bytes.subspan(4)) != count)
    return fail(ErrorCode::malformed, "a stored RDP curve is not of version 1 with " + std::to_string(count) + " orders",
                "was it written by another version?");
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = std::bit_cast<double>(load_u64(bytes.subspan(kHeaderBytes + 8 * i)));
    if (!(values[i] >= 0) || std::signbit(values[i])) return fail(ErrorCode::malformed, "a stored RDP curve holds a value that is not at least 0");
  }
  return of(std::move(values));
}

double rdp_epsilon_at(double order, double rdp, double delta) {
  FEDSPEND_CHECK(order > 1 && std::isfinite(order), "an order above 1");
  FEDSPEND_CHECK(rdp >= 0, "an RDP value of at least 0");
  FEDSPEND_CHECK(delta > 0 && delta < 1, "delta between 0 and 1");
  // An order at which the divergence is 0 makes the two distributions equal.
  if (rdp == 0) return 0;
  // Total variation is at most sqrt(1 - exp(-KL)) (Bretagnolle and Huber), and KL at most the divergence of any order above 1.
  if (-std::expm1(-rdp) * (1 + 8 * kUnitRoundoff) <= delta * delta * (1 - 8 * kUnitRoundoff) && delta > 0x1p-500) return 0;
  const double shrunk = std::log1p(-1 / order);
  const double spread = -(std::log(delta) + std::log(order)) / (order - 1);
  const double size = rdp + std::abs(shrunk) + (std::abs(std::log(delta)) + std::log(order)) / (order - 1);
  const double epsilon = rdp + shrunk + spread + 8 * kUnitRoundoff * size;
  return epsilon > 0 ? epsilon : 0;
}

RdpEpsilon rdp_epsilon(std::span<const double> orders, std::span<const double> values, double delta) {
  FEDSPEND_CHECK(orders.size() == values.size(), "a value for each order");
  RdpEpsilon best{.epsilon = std::numeric_limits<double>::infinity(), .order = 0};
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const double epsilon = rdp_epsilon_at(orders[i], values[i], delta);
    if (epsilon < best.epsilon) best = {.epsilon = epsilon, .order = orders[i]};
  }
  return best;
}

RdpEpsilon rdp_epsilon(const RdpCurve& curve, double delta) { return rdp_epsilon(rdp_orders(), curve.values(), delta); }

}  // namespace fedspend
