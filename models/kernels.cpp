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

// Registers for vectors: 32 with AVX-512 and on arm64, 16 elsewhere.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_ARCH_ARM_A64
constexpr bool kManyRegisters = true;
#else
constexpr bool kManyRegisters = false;
#endif
constexpr std::size_t kInnerBlock = 128;  // of B: 128 rows of three vectors stay in the first-level cache

// kRows x kVectors results stay in registers while the inner index runs. kTransposed: A's rows lie side by side.
template <bool kTransposed, std::size_t kRows, std::size_t kVectors>
HWY_INLINE void multiply_tile(const Product& p, Into into, std::size_t row, std::size_t column, std::size_t begin, std::size_t end) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t row_stride = kTransposed ? 1 : p.a_row_stride, inner_stride = kTransposed ? p.a_inner_stride : 1;
  Vector sum[kRows][kVectors];
  for (std::size_t i = 0; i < kRows; ++i) {
    const float* from = p.c + (row + i) * p.c_stride + column;
    if (into == Into::start) from = p.start + p.start_row[row + i] * p.start_stride + column;
    for (std::size_t j = 0; j < kVectors; ++j) sum[i][j] = into == Into::overwrite ? hn::Zero(d) : hn::LoadU(d, from + j * lanes);
  }
  const float* a = p.a + row * row_stride + begin * inner_stride;
  const float* b = p.b + begin * p.b_stride + column;
  for (std::size_t k = begin; k < end; ++k, a += inner_stride, b += p.b_stride) {
    Vector right[kVectors];
    for (std::size_t j = 0; j < kVectors; ++j) right[j] = hn::LoadU(d, b + j * lanes);
    for (std::size_t i = 0; i < kRows; ++i) {
      const Vector left = hn::Set(d, a[i * row_stride]);
      for (std::size_t j = 0; j < kVectors; ++j) sum[i][j] = hn::MulAdd(left, right[j], sum[i][j]);
    }
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < kVectors; ++j) hn::StoreU(sum[i][j], d, p.c + (row + i) * p.c_stride + column + j * lanes);
  }
}

struct Inner {
  std::size_t begin, end;
};

template <bool kTransposed, std::size_t kRows, std::size_t kVectors>
HWY_INLINE void multiply_rows(const Product& p, Into into, Inner inner, std::size_t column) {
  std::size_t row = 0;
  for (; row + kRows <= p.rows; row += kRows) multiply_tile<kTransposed, kRows, kVectors>(p, into, row, column, inner.begin, inner.end);
  if constexpr (kRows > 4) {
    for (; row + 4 <= p.rows; row += 4) multiply_tile<kTransposed, 4, kVectors>(p, into, row, column, inner.begin, inner.end);
  }
  if constexpr (kRows > 2) {
    for (; row + 2 <= p.rows; row += 2) multiply_tile<kTransposed, 2, kVectors>(p, into, row, column, inner.begin, inner.end);
  }
  if constexpr (kRows > 1) {
    if (row < p.rows) multiply_tile<kTransposed, 1, kVectors>(p, into, row, column, inner.begin, inner.end);
  }
}

// A multiply-add takes four cycles and two start in each, so eight sums or more must be under way: many rows of few vectors, or few
// rows of many.
template <bool kTransposed>
void multiply_block(const Product& p, Into into, Inner inner) {
  constexpr std::size_t kTall = kManyRegisters ? 8 : 4, kWide = kManyRegisters ? 6 : 4;
  const std::size_t lanes = hn::Lanes(Floats()), end = p.columns;
  std::size_t column = 0;
  if (p.rows < 4) {
    for (; column + kWide * lanes <= end; column += kWide * lanes) multiply_rows<kTransposed, 2, kWide>(p, into, inner, column);
  }
  for (; column + 3 * lanes <= end && column + 4 * lanes != end; column += 3 * lanes) {
    multiply_rows<kTransposed, kTall, 3>(p, into, inner, column);
  }
  for (; column + 2 * lanes <= end; column += 2 * lanes) multiply_rows<kTransposed, kTall, 2>(p, into, inner, column);
  for (; column < end; column += lanes) multiply_rows<kTransposed, 8, 1>(p, into, inner, column);
}

void multiply(const Product& p, Into into) {
  for (std::size_t begin = 0; begin < p.inner || begin == 0; begin += kInnerBlock) {
    const Inner inner{begin, std::min(begin + kInnerBlock, p.inner)};
    const Into block_into = begin == 0 ? into : Into::add;
    if (p.a_row_stride == 1) {
      multiply_block<true>(p, block_into, inner);
    } else {
      multiply_block<false>(p, block_into, inner);
    }
  }
}

// Four by four, in vectors of four.
void transpose(const float* from, std::size_t rows, std::size_t columns, std::size_t stride, float* to, std::size_t to_stride) {
  std::size_t whole_rows = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::CappedTag<float, 4> d;
  const hn::RepartitionToWide<decltype(d)> wide;
  const std::size_t whole_columns = columns / 4 * 4;
  whole_rows = rows / 4 * 4;
  for (std::size_t i = 0; i < whole_rows; i += 4) {
    for (std::size_t j = 0; j < whole_columns; j += 4) {
      const float* block = from + i * stride + j;
      const auto r0 = hn::LoadU(d, block), r1 = hn::LoadU(d, block + stride);
      const auto r2 = hn::LoadU(d, block + 2 * stride), r3 = hn::LoadU(d, block + 3 * stride);
      const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, r0, r1)), high01 = hn::BitCast(wide, hn::InterleaveUpper(d, r0, r1));
      const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, r2, r3)), high23 = hn::BitCast(wide, hn::InterleaveUpper(d, r2, r3));
      float* out = to + j * to_stride + i;
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, low01, low23)), d, out);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23)), d, out + to_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, high01, high23)), d, out + 2 * to_stride);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23)), d, out + 3 * to_stride);
    }
    for (std::size_t j = whole_columns; j < columns; ++j) {
      for (std::size_t k = i; k < i + 4; ++k) to[j * to_stride + k] = from[k * stride + j];
    }
  }
#endif
  for (std::size_t i = whole_rows; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) to[j * to_stride + i] = from[i * stride + j];
  }
}

void add_rows(const float* from, std::size_t rows, std::size_t columns, std::size_t stride, const std::uint32_t* to_row, float* to,
              std::size_t to_stride) {
  const Floats d;
  for (std::size_t i = 0; i < rows; ++i) {
    const float* row = from + i * stride;
    float* sum = to + to_row[i] * to_stride;
    for (std::size_t j = 0; j < columns; j += hn::Lanes(d)) hn::StoreU(hn::Add(hn::LoadU(d, sum + j), hn::LoadU(d, row + j)), d, sum + j);
  }
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

// x P(x^2) / Q(x^2) = tanh(x) with a relative error below 2.2e-8 up to |x| = 9, beyond which tanh is 1 to a float: a minimax fit of
// degrees 4 and 4 (Remez by reweighted least squares). No coefficient is negative, so nothing cancels.
constexpr float kTanhAbove[] = {0.999999981075f, 0.133810315477f, 0.00349557925906f, 2.06083653481e-5f, 1.33527072133e-8f};
constexpr float kTanhBelow[] = {1.0f, 0.46714347933f, 0.0258769887707f, 0.000328559486983f, 7.77595610442e-7f};

struct Fraction {
  Vector above, below;
};

// tanh(x), or tanh(x / 2) / 2 = sigmoid(x) - 1/2, as a fraction, so that several can share a division.
template <bool kHalf>
HWY_INLINE Fraction tanh_fraction(Floats d, Vector x) {
  constexpr float kLimit = kHalf ? 18.0f : 9.0f, kScale = kHalf ? 0.25f : 1.0f;
  constexpr float kPower[] = {1.0f, kScale, kScale * kScale, kScale * kScale * kScale, kScale * kScale * kScale * kScale};
  const Vector clamped = hn::Min(hn::Max(x, hn::Set(d, -kLimit)), hn::Set(d, kLimit));
  const Vector q = hn::Mul(clamped, clamped);
  Vector above = hn::Set(d, kTanhAbove[4] * kPower[4] * kScale), below = hn::Set(d, kTanhBelow[4] * kPower[4]);
  for (std::size_t i = 4; i-- > 0;) {
    above = hn::MulAdd(above, q, hn::Set(d, kTanhAbove[i] * kPower[i] * kScale));
    below = hn::MulAdd(below, q, hn::Set(d, kTanhBelow[i] * kPower[i]));
  }
  return {hn::Mul(clamped, above), below};
}

void gru_forward(const GruStep& s) {
  const Floats d;
  const std::size_t w = s.width;
  const Vector one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f);
  for (std::size_t row = 0; row < s.rows; ++row) {
    const float *input = s.input + row * 3 * w, *recurrent = s.recurrent + row * 3 * w, *before = s.before + row * w;
    float *gates = s.gates + row * 3 * w, *after = s.after + row * s.after_stride;
    for (std::size_t i = 0; i < w; i += hn::Lanes(d)) {
      const Fraction reset = tanh_fraction<true>(d, hn::Add(hn::LoadU(d, input + i), hn::LoadU(d, recurrent + i)));
      const Fraction update = tanh_fraction<true>(d, hn::Add(hn::LoadU(d, input + w + i), hn::LoadU(d, recurrent + w + i)));
      const Vector inverse = hn::Div(one, hn::Mul(reset.below, update.below));  // one division for both gates
      const Vector r = hn::MulAdd(hn::Mul(reset.above, update.below), inverse, half);
      const Vector z = hn::MulAdd(hn::Mul(update.above, reset.below), inverse, half);
      const Fraction candidate = tanh_fraction<false>(d, hn::MulAdd(r, hn::LoadU(d, recurrent + 2 * w + i), hn::LoadU(d, input + 2 * w + i)));
      const Vector n = hn::Div(candidate.above, candidate.below);
      const Vector h = hn::MulAdd(z, hn::Sub(hn::LoadU(d, before + i), n), n);
      hn::StoreU(r, d, gates + i);
      hn::StoreU(z, d, gates + w + i);
      hn::StoreU(n, d, gates + 2 * w + i);
      hn::StoreU(h, d, after + i);
      if (row < s.next_rows) hn::StoreU(h, d, s.next_before + row * w + i);
    }
  }
}

void gru_backward(const GruStepGradient& s) {
  const Floats d;
  const std::size_t w = s.width;
  const Vector one = hn::Set(d, 1.0f);
  for (std::size_t row = 0; row < s.rows; ++row) {
    const float *gates = s.gates + row * 3 * w, *recurrent = s.recurrent + row * 3 * w;
    float *d_input = s.d_input + row * 3 * w, *d_recurrent = s.d_recurrent + row * 3 * w;
    for (std::size_t i = 0; i < w; i += hn::Lanes(d)) {
      const Vector r = hn::LoadU(d, gates + i);
      const Vector z = hn::LoadU(d, gates + w + i);
      const Vector n = hn::LoadU(d, gates + 2 * w + i);
      const Vector dh = hn::LoadU(d, s.d_after + row * w + i);
      const Vector dz = hn::Mul(dh, hn::Sub(hn::LoadU(d, s.before + row * w + i), n));
      const Vector dn = hn::Mul(dh, hn::Sub(one, z));
      const Vector dn_in = hn::Mul(dn, hn::NegMulAdd(n, n, one));
      const Vector dz_in = hn::Mul(dz, hn::Mul(z, hn::Sub(one, z)));
      const Vector dr = hn::Mul(dn_in, hn::LoadU(d, recurrent + 2 * w + i));
      const Vector dr_in = hn::Mul(dr, hn::Mul(r, hn::Sub(one, r)));
      hn::StoreU(dr_in, d, d_input + i);
      hn::StoreU(dz_in, d, d_input + w + i);
      hn::StoreU(dn_in, d, d_input + 2 * w + i);
      hn::StoreU(dr_in, d, d_recurrent + i);
      hn::StoreU(dz_in, d, d_recurrent + w + i);
      hn::StoreU(hn::Mul(dn_in, r), d, d_recurrent + 2 * w + i);
      if (s.d_before == nullptr) continue;
      float* d_before = s.d_before + row * w + i;
      hn::StoreU(hn::MulAdd(dh, z, hn::LoadU(d, d_before)), d, d_before);
    }
  }
}

struct LogSum {
  float top, sum;  // log(sum) + top
};

HWY_INLINE LogSum softmax_row(float* values, std::size_t count) {
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
  return {hn::GetLane(top), sum};
}

void gradient_step(const GradientStep& s) {
  const Floats d;
  const Vector rate = hn::Set(d, s.learning_rate), scale = hn::Set(d, s.scale);
  const Vector momentum = hn::Set(d, s.momentum), mu = hn::Set(d, s.proximal_mu);
  for (std::size_t i = 0; i < s.count; i += hn::Lanes(d)) {
    const Vector weight = hn::LoadU(d, s.weights + i);
    Vector v = hn::Mul(scale, hn::LoadU(d, s.gradient + i));
    if (s.round_weights != nullptr) v = hn::MulAdd(mu, hn::Sub(weight, hn::LoadU(d, s.round_weights + i)), v);
    if (s.velocity != nullptr) {
      v = hn::MulAdd(momentum, hn::LoadU(d, s.velocity + i), v);
      hn::StoreU(v, d, s.velocity + i);
    }
    hn::StoreU(hn::NegMulAdd(rate, v, weight), d, s.weights + i);
  }
}

// Two sums take turns: one alone would wait for itself.
double sum_of_squares(const float* values, std::size_t count) {
  const hn::CappedTag<double, kPad / 2> dd;
  const hn::Rebind<float, decltype(dd)> df;
  const std::size_t lanes = hn::Lanes(dd);
  auto even = hn::Zero(dd), odd = hn::Zero(dd);
  for (std::size_t i = 0; i < count; i += 2 * lanes) {
    const auto first = hn::PromoteTo(dd, hn::LoadU(df, values + i)), second = hn::PromoteTo(dd, hn::LoadU(df, values + i + lanes));
    even = hn::MulAdd(first, first, even);
    odd = hn::MulAdd(second, second, odd);
  }
  return hn::GetLane(hn::SumOfLanes(dd, hn::Add(even, odd)));
}

double multiply_adds_in_registers(std::size_t rounds, float* result) {
  constexpr std::size_t kAcross = kManyRegisters ? 6 : 3;
  const Floats d;
  const Vector left = hn::Set(d, result[0]), right = hn::Set(d, result[1]);
  Vector sum[4][kAcross];
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < kAcross; ++j) sum[i][j] = hn::Set(d, static_cast<float>(i * kAcross + j));  // all different, or they are computed once
  }
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < kAcross; ++j) sum[i][j] = hn::MulAdd(left, right, sum[i][j]);
    }
  }
  Vector all = hn::Zero(d);
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < kAcross; ++j) all = hn::Add(all, sum[i][j]);
  }
  result[2] = hn::GetLane(hn::SumOfLanes(d, all));
  return 2.0 * static_cast<double>(4 * kAcross * hn::Lanes(d)) * static_cast<double>(rounds);
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

void softmax(float* values, std::size_t count, std::size_t rows, std::size_t stride, float* log_sums) {
  for (std::size_t begin = 0; begin < rows; begin += kPad) {  // the logarithms are taken together
    const std::size_t end = std::min(begin + kPad, rows);
    float sums[kPad], tops[kPad];
    std::fill_n(sums, kPad, 1.0f);
    for (std::size_t row = begin; row < end; ++row) {
      const LogSum made = softmax_row(values + row * stride, count);
      tops[row - begin] = made.top;
      sums[row - begin] = made.sum;
    }
    logarithm(sums, kPad);
    for (std::size_t row = begin; row < end; ++row) log_sums[row] = tops[row - begin] + sums[row - begin];
  }
}

}  // namespace fedspend::models::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedspend::models {
namespace kernels {

HWY_EXPORT(multiply);
HWY_EXPORT(transpose);
HWY_EXPORT(add_rows);
HWY_EXPORT(gru_forward);
HWY_EXPORT(gru_backward);
HWY_EXPORT(softmax);
HWY_EXPORT(gradient_step);
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(exponential);
HWY_EXPORT(sigmoid);
HWY_EXPORT(tanh);
HWY_EXPORT(logarithm);
HWY_EXPORT(multiply_adds_in_registers);

void multiply(const Product& product, Into into) { HWY_DYNAMIC_DISPATCH(multiply)(product, into); }
void transpose(const float* from, std::size_t rows, std::size_t columns, std::size_t stride, float* to, std::size_t to_stride) {
  HWY_DYNAMIC_DISPATCH(transpose)(from, rows, columns, stride, to, to_stride);
}
void add_rows(const float* from, std::size_t rows, std::size_t columns, std::size_t stride, const std::uint32_t* to_row, float* to,
              std::size_t to_stride) {
  HWY_DYNAMIC_DISPATCH(add_rows)(from, rows, columns, stride, to_row, to, to_stride);
}
void gru_forward(const GruStep& step) { HWY_DYNAMIC_DISPATCH(gru_forward)(step); }
void gru_backward(const GruStepGradient& step) { HWY_DYNAMIC_DISPATCH(gru_backward)(step); }
void softmax(float* values, std::size_t count, std::size_t rows, std::size_t stride, float* log_sums) {
  HWY_DYNAMIC_DISPATCH(softmax)(values, count, rows, stride, log_sums);
}
void gradient_step(const GradientStep& step) { HWY_DYNAMIC_DISPATCH(gradient_step)(step); }
double sum_of_squares(const float* values, std::size_t count) { return HWY_DYNAMIC_DISPATCH(sum_of_squares)(values, count); }
void exponential(float* values, std::size_t count) { HWY_DYNAMIC_DISPATCH(exponential)(values, count); }
void sigmoid(float* values, std::size_t count) { HWY_DYNAMIC_DISPATCH(sigmoid)(values, count); }
void tanh(float* values, std::size_t count) { HWY_DYNAMIC_DISPATCH(tanh)(values, count); }
double multiply_adds_in_registers(std::size_t rounds, float* result) {
  return HWY_DYNAMIC_DISPATCH(multiply_adds_in_registers)(rounds, result);
}
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
#ifdef HWY_COMPILE_ONLY_STATIC
std::int64_t usable_targets() { return HWY_STATIC_TARGET; }

void use_targets(std::int64_t) {}  // there is one
#else
std::int64_t usable_targets() { return hwy::SupportedTargets() & HWY_TARGETS; }

void use_targets(std::int64_t targets) {  // 0: all that the processor has
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().DeInit();  // the next call of a kernel chooses anew
}
#endif

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
