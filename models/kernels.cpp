#include "models/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <string>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fedspend::models::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kPad>;
using Vector = hn::Vec<Floats>;

// kRows x kVectors results stay in registers while the inner index runs.
template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void multiply_tile(const Product& p, Into into, std::size_t row, std::size_t column) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  Vector sum[kRows][kVectors];
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < kVectors; ++j) {
      sum[i][j] = into == Into::add ? hn::LoadU(d, p.c + (row + i) * p.c_stride + column + j * lanes) : hn::Zero(d);
    }
  }
  const float* a = p.a + row * p.a_row_stride;
  const float* b = p.b + column;
  for (std::size_t k = 0; k < p.inner; ++k, a += p.a_inner_stride, b += p.b_stride) {
    Vector right[kVectors];
    for (std::size_t j = 0; j < kVectors; ++j) right[j] = hn::LoadU(d, b + j * lanes);
    for (std::size_t i = 0; i < kRows; ++i) {
      const Vector left = hn::Set(d, a[i * p.a_row_stride]);
      for (std::size_t j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(left, right[j], sum[i][j]);
    }
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < kVectors; ++j) hn::StoreU(sum[i][j], d, p.c + (row + i) * p.c_stride + column + j * lanes);
  }
}

template <std::size_t kVectors>
HWY_INLINE void multiply_columns(const Product& p, Into into, std::size_t column) {
  std::size_t row = 0;
  for (; row + 4 <= p.rows; row += 4) multiply_tile<4, kVectors>(p, into, row, column);
  for (; row < p.rows; ++row) multiply_tile<1, kVectors>(p, into, row, column);
}

void multiply(const Product& p, Into into) {
  const std::size_t lanes = hn::Lanes(Floats());
  std::size_t column = 0;
  for (; column + 3 * lanes <= p.columns; column += 3 * lanes) multiply_columns<3>(p, into, column);
  for (; column + lanes <= p.columns; column += lanes) multiply_columns<1>(p, into, column);
}

// exp(x) = 2^k exp(f), k = round(x / ln 2), |f| <= ln(2) / 2; ln 2 in two parts (Cody and Waite), exp(f) by its Taylor series to
// f^7, whose remainder is below 1e-8 there.
HWY_INLINE Vector exp_of(Floats d, Vector x) {
  const hn::RebindToSigned<Floats> di;
  const Vector clamped = hn::Min(hn::Max(x, hn::Set(d, -87.3f)), hn::Set(d, 88.0f));
  const Vector k = hn::Round(hn::Mul(clamped, hn::Set(d, 1.44269504f)));
  Vector f = hn::NegMulAdd(k, hn::Set(d, 0.693359375f), clamped);
  f = hn::NegMulAdd(k, hn::Set(d, -2.12194440e-4f), f);
  Vector series = hn::Set(d, 1.0f / 5040.0f);
  for (const float coefficient : {1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f, 1.0f, 1.0f}) {
    series = hn::MulAdd(series, f, hn::Set(d, coefficient));
  }
  const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, k), hn::Set(di, 127)));
  const Vector result = hn::Mul(series, hn::BitCast(d, exponent));
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, -87.3f)), hn::Zero(d), result);
}

HWY_INLINE Vector sigmoid_of(Floats d, Vector x) {
  const Vector one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exp_of(d, hn::Neg(x))));
}

// Near zero 1 - exp(-2|x|) would cancel: there the continued fraction tanh(x) = x / (1 + q/(3 + q/(5 + q/(7 + q/9)))), q = x^2,
// (Lambert 1768), whose error below 0.5 is under 1e-9.
HWY_INLINE Vector tanh_of(Floats d, Vector x) {
  const Vector one = hn::Set(d, 1.0f);
  const Vector e = exp_of(d, hn::Mul(hn::Abs(x), hn::Set(d, -2.0f)));
  const Vector large = hn::CopySign(hn::Div(hn::Sub(one, e), hn::Add(one, e)), x);
  const Vector q = hn::Mul(x, x);
  // The fraction multiplied out: x (945 + 105 q + q^2) / (945 + 420 q + 15 q^2).
  const Vector above = hn::MulAdd(hn::Add(q, hn::Set(d, 105.0f)), q, hn::Set(d, 945.0f));
  const Vector below = hn::MulAdd(hn::MulAdd(hn::Set(d, 15.0f), q, hn::Set(d, 420.0f)), q, hn::Set(d, 945.0f));
  const Vector small = hn::Mul(x, hn::Div(above, below));
  return hn::IfThenElse(hn::Lt(hn::Abs(x), hn::Set(d, 0.5f)), small, large);
}

void gru_forward(const GruStep& s) {
  const Floats d;
  const std::size_t w = s.width;
  for (std::size_t i = 0; i < w; i += hn::Lanes(d)) {
    const Vector r = sigmoid_of(d, hn::Add(hn::LoadU(d, s.input + i), hn::LoadU(d, s.recurrent + i)));
    const Vector z = sigmoid_of(d, hn::Add(hn::LoadU(d, s.input + w + i), hn::LoadU(d, s.recurrent + w + i)));
    const Vector n = tanh_of(d, hn::MulAdd(r, hn::LoadU(d, s.recurrent + 2 * w + i), hn::LoadU(d, s.input + 2 * w + i)));
    hn::StoreU(r, d, s.gates + i);
    hn::StoreU(z, d, s.gates + w + i);
    hn::StoreU(n, d, s.gates + 2 * w + i);
    hn::StoreU(hn::MulAdd(z, hn::Sub(hn::LoadU(d, s.before + i), n), n), d, s.after + i);
  }
}

void gru_backward(const GruStepGradient& s) {
  const Floats d;
  const std::size_t w = s.width;
  const Vector one = hn::Set(d, 1.0f);
  for (std::size_t i = 0; i < w; i += hn::Lanes(d)) {
    const Vector r = hn::LoadU(d, s.gates + i);
    const Vector z = hn::LoadU(d, s.gates + w + i);
    const Vector n = hn::LoadU(d, s.gates + 2 * w + i);
    const Vector dh = hn::LoadU(d, s.d_after + i);
    const Vector dz = hn::Mul(dh, hn::Sub(hn::LoadU(d, s.before + i), n));
    const Vector dn = hn::Mul(dh, hn::Sub(one, z));
    const Vector dn_in = hn::Mul(dn, hn::NegMulAdd(n, n, one));
    const Vector dz_in = hn::Mul(dz, hn::Mul(z, hn::Sub(one, z)));
    const Vector dr = hn::Mul(dn_in, hn::LoadU(d, s.recurrent + 2 * w + i));
    const Vector dr_in = hn::Mul(dr, hn::Mul(r, hn::Sub(one, r)));
    hn::StoreU(dr_in, d, s.d_input + i);
    hn::StoreU(dz_in, d, s.d_input + w + i);
    hn::StoreU(dn_in, d, s.d_input + 2 * w + i);
    hn::StoreU(dr_in, d, s.d_recurrent + i);
    hn::StoreU(dz_in, d, s.d_recurrent + w + i);
    hn::StoreU(hn::Mul(dn_in, r), d, s.d_recurrent + 2 * w + i);
    hn::StoreU(hn::Mul(dh, z), d, s.d_before + i);
  }
}

float softmax(float* values, std::size_t count) {
  const Floats d;
  const std::size_t end = padded(count);
  for (std::size_t i = count; i < end; ++i) values[i] = -1e30f;
  Vector highest = hn::Set(d, -1e30f);
  for (std::size_t i = 0; i < end; i += hn::Lanes(d)) highest = hn::Max(highest, hn::LoadU(d, values + i));
  const Vector top = hn::MaxOfLanes(d, highest);
  Vector sums = hn::Zero(d);
  for (std::size_t i = 0; i < end; i += hn::Lanes(d)) {
    const Vector e = exp_of(d, hn::Sub(hn::LoadU(d, values + i), top));
    sums = hn::Add(sums, e);
    hn::StoreU(e, d, values + i);
  }
  const float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  const Vector factor = hn::Set(d, 1.0f / sum);
  for (std::size_t i = 0; i < end; i += hn::Lanes(d)) hn::StoreU(hn::Mul(hn::LoadU(d, values + i), factor), d, values + i);
  return hn::GetLane(top) + std::log(sum);
}

void momentum_step(const MomentumStep& s) {
  const Floats d;
  const Vector rate = hn::Set(d, s.learning_rate), momentum = hn::Set(d, s.momentum), scale = hn::Set(d, s.scale);
  for (std::size_t i = 0; i < s.count; i += hn::Lanes(d)) {
    const Vector v = hn::MulAdd(momentum, hn::LoadU(d, s.velocity + i), hn::Mul(scale, hn::LoadU(d, s.gradient + i)));
    hn::StoreU(v, d, s.velocity + i);
    hn::StoreU(hn::NegMulAdd(rate, v, hn::LoadU(d, s.weights + i)), d, s.weights + i);
  }
}

double sum_of_squares(const float* values, std::size_t count) {
  const hn::CappedTag<double, kPad / 2> dd;
  const hn::Rebind<float, decltype(dd)> df;
  auto sum = hn::Zero(dd);
  for (std::size_t i = 0; i < count; i += hn::Lanes(dd)) {
    const auto value = hn::PromoteTo(dd, hn::LoadU(df, values + i));
    sum = hn::MulAdd(value, value, sum);
  }
  return hn::GetLane(hn::SumOfLanes(dd, sum));
}

void exponential(float* values, std::size_t count) {
  const Floats d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) hn::StoreU(exp_of(d, hn::LoadU(d, values + i)), d, values + i);
}
void sigmoid(float* values, std::size_t count) {
  const Floats d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) hn::StoreU(sigmoid_of(d, hn::LoadU(d, values + i)), d, values + i);
}
void tanh(float* values, std::size_t count) {
  const Floats d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) hn::StoreU(tanh_of(d, hn::LoadU(d, values + i)), d, values + i);
}


// x = 2^k m with m in [sqrt(1/2), sqrt(2)); log(m) = 2 artanh(s), s = (m - 1) / (m + 1), by its series to s^9 (s^11 / 11 is below
// 4e-10 there).
void logarithm(float* values, std::size_t count) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  const auto root = hn::Set(di, 0x3f3504f3);  // sqrt(1/2)
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto bits = hn::BitCast(di, hn::LoadU(d, values + i));
    const auto k = hn::ShiftRight<23>(hn::Sub(bits, root));
    const Vector m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(k)));
    const Vector s = hn::Div(hn::Sub(m, hn::Set(d, 1.0f)), hn::Add(m, hn::Set(d, 1.0f)));
    const Vector square = hn::Mul(s, s);
    Vector series = hn::Set(d, 2.0f / 9.0f);
    for (const float coefficient : {2.0f / 7.0f, 2.0f / 5.0f, 2.0f / 3.0f, 2.0f}) {
      series = hn::MulAdd(series, square, hn::Set(d, coefficient));
    }
    hn::StoreU(hn::MulAdd(hn::ConvertTo(d, k), hn::Set(d, 0.693147181f), hn::Mul(series, s)), d, values + i);
  }
}

}  // namespace fedspend::models::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedspend::models {
namespace kernels {

HWY_EXPORT(multiply);
HWY_EXPORT(gru_forward);
HWY_EXPORT(gru_backward);
HWY_EXPORT(softmax);
HWY_EXPORT(momentum_step);
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(exponential);
HWY_EXPORT(sigmoid);
HWY_EXPORT(tanh);
HWY_EXPORT(logarithm);

void multiply(const Product& product, Into into) { HWY_DYNAMIC_DISPATCH(multiply)(product, into); }
void gru_forward(const GruStep& step) { HWY_DYNAMIC_DISPATCH(gru_forward)(step); }
void gru_backward(const GruStepGradient& step) { HWY_DYNAMIC_DISPATCH(gru_backward)(step); }
float softmax(float* values, std::size_t count) { return HWY_DYNAMIC_DISPATCH(softmax)(values, count); }
void momentum_step(const MomentumStep& step) { HWY_DYNAMIC_DISPATCH(momentum_step)(step); }
double sum_of_squares(const float* values, std::size_t count) { return HWY_DYNAMIC_DISPATCH(sum_of_squares)(values, count); }
void exponential(float* values, std::size_t count) { HWY_DYNAMIC_DISPATCH(exponential)(values, count); }
void sigmoid(float* values, std::size_t count) { HWY_DYNAMIC_DISPATCH(sigmoid)(values, count); }
void tanh(float* values, std::size_t count) { HWY_DYNAMIC_DISPATCH(tanh)(values, count); }
void logarithm(float* values, std::size_t count) { HWY_DYNAMIC_DISPATCH(logarithm)(values, count); }

void Buffer::Free::operator()(float* data) const { ::operator delete(data, std::align_val_t{64}); }
void Buffer::reserve(std::size_t count) {
  if (count <= size_) return;
  data_.reset(static_cast<float*>(::operator new(count * sizeof(float), std::align_val_t{64})));
  size_ = count;
}
void Buffer::resize_zero(std::size_t count) {
  if (count > size_ || data_ == nullptr) {
    size_ = 0;
    reserve(count);
  }
  size_ = count;
  if (count > 0) std::memset(data_.get(), 0, count * sizeof(float));
}

}  // namespace kernels

namespace {

// Those of this build that may be used now. Targets are ordered: a lower bit is a better instruction set.
std::int64_t usable_targets() { return hwy::SupportedTargets() & HWY_TARGETS; }

void use_targets(std::int64_t targets) {  // 0: all that the processor has
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().DeInit();  // the next call of a kernel chooses anew
}

}  // namespace

const char* active_isa() {
  const std::int64_t targets = usable_targets();
  return hwy::TargetName(targets & -targets);
}

Status pin_isa(std::string_view name) {
  const std::int64_t before = usable_targets();
  use_targets(0);
  if (name == "best") return {};
  std::string known = "best";
  for (std::int64_t left = usable_targets(); left != 0; left &= left - 1) {
    const std::int64_t target = left & -left;
    if (name == hwy::TargetName(target)) {
      use_targets(target);
      return {};
    }
    known.append(", ").append(hwy::TargetName(target));
  }
  use_targets(before);
  return fail(ErrorCode::invalid_argument, std::string("there is no instruction set \"").append(name).append("\" here"),
              "use one of " + known);
}

}  // namespace fedspend::models
#endif
