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

enum class Into { overwrite, add };

// C[rows x columns] (+)= A[rows x inner] B[inner x columns]; columns is a multiple of kPad. A is read at
// a[row * a_row_stride + k * a_inner_stride], so a transposed A costs nothing. B and C do not overlap.
struct Product {
  std::size_t rows = 0, inner = 0, columns = 0;
  const float* a = nullptr;
  std::size_t a_row_stride = 0, a_inner_stride = 1;
  const float* b = nullptr;
  std::size_t b_stride = 0;
  float* c = nullptr;
  std::size_t c_stride = 0;
};
void multiply(const Product& product, Into into);

// One step of a GRU for one sequence, of `width` (padded) units. input and recurrent hold [reset | update | candidate] blocks:
//   r = sigmoid(i_r + u_r), z = sigmoid(i_z + u_z), n = tanh(i_n + r u_n), h = n + z (h_before - n)
// gates receives [r | z | n]. (Cho et al. 2014, with the reset gate after the product as in cuDNN, so that one product suffices.)
struct GruStep {
  std::size_t width = 0;
  const float* input = nullptr;
  const float* recurrent = nullptr;
  const float* before = nullptr;
  float* gates = nullptr;
  float* after = nullptr;
};
void gru_forward(const GruStep& step);
// From d_after: the gradients at input and recurrent, and d_before = z d_after (the product with the recurrent weights is added
// by the caller).
struct GruStepGradient {
  std::size_t width = 0;
  const float* gates = nullptr;
  const float* recurrent = nullptr;
  const float* before = nullptr;
  const float* d_after = nullptr;
  float* d_input = nullptr;
  float* d_recurrent = nullptr;
  float* d_before = nullptr;
};
void gru_backward(const GruStepGradient& step);

// Replaces count logits by probabilities, and the padding behind them by zeros. Returns log(sum(exp(logits))).
float softmax(float* values, std::size_t count);

// velocity = momentum velocity + scale gradient; weights -= learning_rate velocity. count is a multiple of kPad.
struct MomentumStep {
  std::size_t count = 0;
  float* weights = nullptr;
  float* velocity = nullptr;
  const float* gradient = nullptr;
  float learning_rate = 0, momentum = 0, scale = 1;
};
void momentum_step(const MomentumStep& step);
double sum_of_squares(const float* values, std::size_t count);  // in double; count is a multiple of kPad

// Elementwise, in place; count is a multiple of kPad. Relative error below 1e-6 over all floats (tests/models/kernels_test.cpp).
void exponential(float* values, std::size_t count);  // 0 below -87.3, the value at 88 above
void sigmoid(float* values, std::size_t count);
void tanh(float* values, std::size_t count);
void logarithm(float* values, std::size_t count);  // of positive normal floats; near 1 the absolute error is below 1e-7

}  // namespace kernels
}  // namespace fedspend::models
