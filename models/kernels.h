#pragma once
// The arithmetic of the lean trainers: a matrix product, the gates of a GRU, softmax and the optimizer's step, written once with
// Highway and compiled for several instruction sets; the best one that the processor has is chosen at run time, so that one binary
// is fast everywhere. On one instruction set the same input gives the same bits, whatever the shape of the batch around it: every
// output is summed in the order of its inner index. Matrices are row-major with rows padded by zeros to kPad floats.
// Thread-safe: no state but the choice of the instruction set. Never parallel inside: parallelism is over clients.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "common/result.h"

namespace fedspend::models {

// The instruction set in use, e.g. "AVX3", "AVX2", "SSE4", "NEON".
const char* active_isa();
// Uses this one, by the name active_isa() gives, for the whole process; "best" undoes it. invalid_argument for one that this
// processor or this build lacks. Call before any trainer works on another thread.
Status pin_isa(std::string_view name);

namespace kernels {

inline constexpr std::size_t kPad = 16;  // floats; a multiple of every vector this is compiled for
constexpr std::size_t padded(std::size_t count) { return (count + kPad - 1) / kPad * kPad; }

// Floats on a 64-byte boundary, zero at first.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count) { resize_zero(count); }
  void resize_zero(std::size_t count);  // all zeros afterwards
  void reserve(std::size_t count);      // contents unspecified where it grows
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* data) const;
  };
  std::unique_ptr<float, Free> data_;
  std::size_t size_ = 0;
};

// What the sums of a product start from: zero, what C holds, or Product::start.
enum class Into { overwrite, add, start };

// C[rows x columns] = start + A[rows x inner] B[inner x columns]; columns is a multiple of kPad. A is read at
// a[row * a_row_stride + k * a_inner_stride], one of the strides being 1, so a transposed A costs nothing. B and C do not overlap.
struct Product {
  std::size_t rows = 0, inner = 0, columns = 0;
  const float* a = nullptr;
  std::size_t a_row_stride = 0, a_inner_stride = 1;
  const float* b = nullptr;
  std::size_t b_stride = 0;
  float* c = nullptr;
  std::size_t c_stride = 0;
  const float* start = nullptr;  // Into::start: row i starts from start[start_row[i] * start_stride ...]
  const std::uint32_t* start_row = nullptr;
  std::size_t start_stride = 0;
};
void multiply(const Product& product, Into into);

// to[columns x rows] = the transpose of from[rows x columns].
void transpose(const float* from, std::size_t rows, std::size_t columns, std::size_t stride, float* to, std::size_t to_stride);
// to[to_row[i]] += from[i] for `rows` rows of `columns` (a multiple of kPad) floats, in their order.
void add_rows(const float* from, std::size_t rows, std::size_t columns, std::size_t stride, const std::uint32_t* to_row, float* to,
              std::size_t to_stride);

// One step of a GRU for `rows` sequences, of `width` (padded) units. input and recurrent hold [reset | update | candidate] blocks:
//   r = sigmoid(i_r + u_r), z = sigmoid(i_z + u_z), n = tanh(i_n + r u_n), h = n + z (h_before - n)
// gates receives [r | z | n]. (Cho et al. 2014, with the reset gate after the product as in cuDNN, so that one product suffices.)
// Sigmoid and tanh are right to 2e-7 of 1 here. The rows of input, recurrent and gates are 3 width apart, those of before width.
struct GruStep {
  std::size_t rows = 0, width = 0;
  const float* input = nullptr;
  const float* recurrent = nullptr;
  const float* before = nullptr;
  float* gates = nullptr;
  float* after = nullptr;
  std::size_t after_stride = 0;
  float* next_before = nullptr;  // the first next_rows of `after` once more, width apart: `before` of the next step
  std::size_t next_rows = 0;
};
void gru_forward(const GruStep& step);
// From d_after: the gradients at input and recurrent; z d_after is added to d_before (the product with the recurrent weights is
// added by the caller). d_before is null at the first step. Rows of d_after and d_before are width apart, the others as above.
struct GruStepGradient {
  std::size_t rows = 0, width = 0;
  const float* gates = nullptr;
  const float* recurrent = nullptr;
  const float* before = nullptr;
  const float* d_after = nullptr;
  float* d_input = nullptr;
  float* d_recurrent = nullptr;
  float* d_before = nullptr;
};
void gru_backward(const GruStepGradient& step);

// In each of `rows` rows replaces count logits by probabilities, and the padding behind them by zeros. log_sums receives
// log(sum(exp(logits))).
void softmax(float* values, std::size_t count, std::size_t rows, std::size_t stride, float* log_sums);

// g = scale gradient + proximal_mu (weights - round_weights); velocity = momentum velocity + g; weights -= learning_rate velocity.
// Without a velocity momentum is 0, without round_weights proximal_mu is 0, with the same bits as with zeros in their place.
// count is a multiple of kPad.
struct GradientStep {
  std::size_t count = 0;
  float* weights = nullptr;
  const float* gradient = nullptr;
  float* velocity = nullptr;
  const float* round_weights = nullptr;
  float learning_rate = 0, momentum = 0, scale = 1, proximal_mu = 0;
};
void gradient_step(const GradientStep& step);
double sum_of_squares(const float* values, std::size_t count);  // in double; count is a multiple of kPad

// Elementwise, in place; count is a multiple of kPad. Relative error below 1e-6 over all floats (tests/models/kernels_test.cpp).
void exponential(float* values, std::size_t count);  // 0 below -87.3, the value at 88 above
void sigmoid(float* values, std::size_t count);
void tanh(float* values, std::size_t count);
void logarithm(float* values, std::size_t count);  // of positive normal floats; near 1 the absolute error is below 1e-7

// For the roofline (models/README.md): runs multiply-adds on registers alone, as many at once as multiply() does, `rounds` times.
// Returns how many floating-point operations that were; `result` keeps them from being optimised away.
double multiply_adds_in_registers(std::size_t rounds, float* result);

}  // namespace kernels
}  // namespace fedspend::models
