#include "common/numeric/walsh_hadamard.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/check.h"

namespace fedspend {
namespace {

// Four floats: what SSE2 and NEON, the baselines of the 64-bit processors, hold in a register.
using Four = float __attribute__((vector_size(16)));

constexpr std::size_t kWidth = 4;
// The stages inside a block run while it lies in the first-level cache; those across blocks run on tiles of kTileColumns
// columns that are gathered into a buffer, because rows a power of two apart fall into the same few cache sets.
constexpr unsigned kBlockLog = 12;        // 16 KiB
constexpr unsigned kTileLog = 8;          // at most 2^8 rows a tile
constexpr std::size_t kTileColumns = 32;  // two cache lines; the tile is 32 KiB

inline Four load(const float* from) {
  Four value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline void store(float* to, Four value) { std::memcpy(to, &value, sizeof value); }

inline void butterfly(Four& a, Four& b) {
  const Four sum = a + b;
  b = a - b;
  a = sum;
}

inline void transpose(Four& a, Four& b, Four& c, Four& d) {
  const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

inline void two_stages(Four& a, Four& b, Four& c, Four& d) {
  butterfly(a, b);
  butterfly(c, d);
  butterfly(a, c);
  butterfly(b, d);
}

// Scaling and the stages 1, 2, 4, 8 of `count` values, a multiple of 16.
void first_stages(float* x, std::size_t count, float factor) {
  for (float* end = x + count; x != end; x += 16) {
    Four a = load(x) * factor, b = load(x + 4) * factor, c = load(x + 8) * factor, d = load(x + 12) * factor;
    transpose(a, b, c, d);
    two_stages(a, b, c, d);
    transpose(a, b, c, d);
    two_stages(a, b, c, d);
    store(x, a);
    store(x + 4, b);
    store(x + 8, c);
    store(x + 12, d);
  }
}

// kLog stages over 2^kLog rows of `columns` values each, a multiple of four, from `in` to `out`, which may be the same.
template <unsigned kLog>
void row_stages(const float* in, std::size_t in_stride, float* out, std::size_t out_stride, std::size_t columns) {
  constexpr std::size_t kRows = std::size_t{1} << kLog;
  for (std::size_t column = 0; column < columns; column += kWidth) {
    Four rows[kRows];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) rows[r] = load(in + r * in_stride + column);
#pragma GCC unroll 8
    for (std::size_t h = 1; h < kRows; h *= 2) {
#pragma GCC unroll 8
      for (std::size_t r = 0; r < kRows; ++r)
        if ((r & h) == 0) butterfly(rows[r], rows[r + h]);
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < kRows; ++r) store(out + r * out_stride + column, rows[r]);
  }
}

void row_stages(unsigned log, const float* in, std::size_t in_stride, float* out, std::size_t out_stride, std::size_t columns) {
  if (log == 1) row_stages<1>(in, in_stride, out, out_stride, columns);
  if (log == 2) row_stages<2>(in, in_stride, out, out_stride, columns);
  if (log == 3) row_stages<3>(in, in_stride, out, out_stride, columns);
}

// The stages h = 2^from ... 2^(to - 1) of 2^to values, in place, by threes.
void stages_in_place(float* x, unsigned from, unsigned to) {
  const std::size_t count = std::size_t{1} << to;
  for (unsigned at = from; at < to;) {
    const unsigned log = std::min(3U, to - at);
    const std::size_t h = std::size_t{1} << at;
    for (std::size_t base = 0; base < count; base += h << log) row_stages(log, x + base, h, x + base, h, h);
    at += log;
  }
}

// The same for 2^log rows that lie `stride` apart, on kTileColumns of their columns: the first three stages read the rows into
// `tile`, the last write them back. log > 3.
void tile_stages(float* x, std::size_t stride, unsigned log, float* tile) {
  const std::size_t rows = std::size_t{1} << log;
  for (std::size_t r = 0; r < rows; r += 8) row_stages<3>(x + r * stride, stride, tile + r * kTileColumns, kTileColumns, kTileColumns);
  constexpr unsigned kColumnsLog = std::countr_zero(kTileColumns);
  unsigned at = 3;
  for (; log - at > 3; at += 3) {
    const std::size_t h = std::size_t{1} << (at + kColumnsLog);
    for (std::size_t base = 0; base < rows * kTileColumns; base += 8 * h) row_stages<3>(tile + base, h, tile + base, h, h);
  }
  const std::size_t apart = std::size_t{1} << at;
  for (std::size_t r = 0; r < apart; ++r)
    row_stages(log - at, tile + r * kTileColumns, apart * kTileColumns, x + r * stride, apart * stride, kTileColumns);
}

// The stages h = 2^from ... 2^(from + log - 1) of `count` values, where a row is 2^from values.
void stages_across_blocks(float* x, std::size_t count, unsigned from, unsigned log) {
  alignas(64) std::array<float, kTileColumns << kTileLog> tile;
  const std::size_t h = std::size_t{1} << from;
  for (std::size_t base = 0; base < count; base += h << log) {
    if (log <= 3) {
      row_stages(log, x + base, h, x + base, h, h);
      continue;
    }
    for (std::size_t column = 0; column < h; column += kTileColumns) tile_stages(x + base + column, h, log, tile.data());
  }
}

// 2^(-m/2) to the nearest float; for even m exact.
float normalisation(unsigned m) {
  const float half_power = m % 2 == 0 ? 1.0F : 0x1.6a09e6p-1F;
  return half_power / static_cast<float>(std::uint64_t{1} << (m / 2));
}

// The same steps for fewer values than first_stages takes at once.
void small(std::span<float> x, float factor) {
  for (float& value : x) value *= factor;
  for (std::size_t h = 1; h < x.size(); h *= 2) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if ((i & h) != 0) continue;
      const float a = x[i], b = x[i + h];
      x[i] = a + b;
      x[i + h] = a - b;
    }
  }
}

}  // namespace

void walsh_hadamard(std::span<float> values) {
  FEDSPEND_CHECK(std::has_single_bit(values.size()), "a power of two of values");
  const unsigned m = static_cast<unsigned>(std::countr_zero(values.size()));
  const float factor = normalisation(m);
  if (values.size() < 16) return small(values, factor);
  const unsigned block_log = std::min(m, kBlockLog);
  for (std::size_t base = 0; base < values.size(); base += std::size_t{1} << block_log) {
    first_stages(values.data() + base, std::size_t{1} << block_log, factor);
    stages_in_place(values.data() + base, 4, block_log);
  }
  for (unsigned at = block_log; at < m;) {
    const unsigned log = std::min(kTileLog, m - at);
    stages_across_blocks(values.data(), values.size(), at, log);
    at += log;
  }
}

}  // namespace fedspend
