#pragma once
// Renyi differential privacy at fixed orders: what a ledger adds up, stores and turns into (epsilon, delta). RDP of adaptively composed
// mechanisms adds at every order (Mironov 2017, Proposition 1); the conversion is Canonne, Kamath, Steinke 2020, Proposition 12.
// Every operation rounds towards plus infinity, so a long sum is never below the true one.
//
// The orders are part of the stored form: version 1 has 200 of them from 1.25 to 512, among them those that the published accountants take by
// default (tenths to 10.9, whole ones to 63, 128, 256, 512), so that figures can be compared to the digit. Values, immutable but for +=;
// thread-safe as any value.

#include <cstdint>
#include <span>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend {

// 1.25; 1.3 to 10.9 by tenths; 11 to 64 by 1, to 128 by 4, to 256 by 8, to 512 by 16. Ascending.
std::span<const double> rdp_orders();

class RdpCurve {
 public:
  RdpCurve();  // nothing was released: 0 at every order
  // One value for each of rdp_orders(), each at least 0; infinity is allowed. Otherwise invalid_argument.
  static Result<RdpCurve> of(std::vector<double> values);

  std::span<const double> values() const { return values_; }
  RdpCurve& operator+=(const RdpCurve& other);
  RdpCurve times(std::uint64_t count) const;  // `count` mechanisms of this curve
  bool operator==(const RdpCurve& other) const = default;

  // Format version and count (u32 each), then the doubles' bits (u64), all little-endian. Parsing is strict: malformed for another
  // version or length, a NaN or a negative value.
  Bytes serialise() const;
  static Result<RdpCurve> parse(ByteSpan bytes);

 private:
  std::vector<double> values_;
};

inline RdpCurve operator+(RdpCurve a, const RdpCurve& b) { return a += b; }

struct RdpEpsilon {
  double epsilon = 0;  // at least 0; infinity where no order gives anything
  double order = 0;    // that it was found at; 0 where no order was needed
};

// The smallest epsilon of the (epsilon, delta)-DP that the curve proves. 0 < delta < 1.
RdpEpsilon rdp_epsilon(const RdpCurve& curve, double delta);
// The same for any orders above 1, ascending, and their values.
RdpEpsilon rdp_epsilon(std::span<const double> orders, std::span<const double> values, double delta);
// From one order alone: at least 0. order > 1, rdp >= 0.
double rdp_epsilon_at(double order, double rdp, double delta);

}  // namespace fedspend
