#pragma once
// The network of the model next_category, forward and backward written out over a batch of windows:
//   x_i = [embedding of the last category | embedding of the last merchant | numeric features | 1]
//   h_i = GRU(h_(i-1), x_i)
//   logits_i = W [h_i | x_i] + sum over kinds k of trust_k,i * past_k,i     trust_i = V [h_i | x_i]
//   p_i = softmax(logits_i)
// past_k,i are the counts of the client's own past (next_category_features.h), and trust says how much each of them counts here.
//
// What of W x depends on the category and the merchant alone is computed once for each pair of them that the batch has (a token)
// and is where the products of its steps start from; gradients go back the same way. The windows advance side by side, so that the
// recurrent weights are read once per time and not once per step.
// Holds scratch memory: one object per thread. Weights and gradients are arenas (next_category_layout.h).

#include <cstdint>
#include <span>
#include <vector>

#include "models/kernels.h"
#include "models/local_descent.h"
#include "models/next_category/next_category_features.h"
#include "models/next_category/next_category_layout.h"
#include "models/next_category/next_category_tokens.h"
#include "models/next_category/next_category_windows.h"

namespace fedspend::models {

class NextCategoryNetwork {
 public:
  explicit NextCategoryNetwork(const NextCategoryLayout& layout);  // borrowed

  // Runs the windows and leaves the probabilities of the scored steps. `state` (state_width() floats) is where the one window
  // starts and, afterwards, where it ended; null: every window starts from zeros.
  void forward(const float* arena, const Steps& steps, std::span<const Window> windows, float* state);

  std::size_t scored() const { return scored_.size(); }
  std::uint32_t scored_step(std::size_t i) const { return scored_[i].step; }
  std::span<const float> probabilities(std::size_t i) const;
  bool is_sound(std::size_t i) const;  // false: the logits were not finite, and the probabilities mean nothing
  double loss(const Steps& steps, std::size_t i) const;  // -log p(target) of a scored step that has a target

  // After forward without a state: the gradient of the sum of the losses of the scored steps that have a target. Overwrites what lies
  // from dense_offset() on and adds to the rows of the embeddings that the windows use: embedding_rows(). Overwrites the
  // probabilities.
  void backward(const float* arena, const Steps& steps, float* gradient);
  std::span<const LocalDescent::ArenaRow> embedding_rows() const { return embedding_rows_; }  // each once, of the last backward

 private:
  struct Scored {
    std::uint32_t row, step;
  };
  void lay_out(const Steps& steps, std::span<const Window> windows);
  void gather_inputs(const float* arena, const Steps& steps);
  void run_gru(const float* arena, float* state);
  void run_output(const float* arena, const Steps& steps);
  void loss_gradient(const Steps& steps);
  void output_gradient(const float* arena, float* gradient);
  void gru_gradient(const float* arena, float* gradient);
  void token_gradient(const float* arena, float* gradient);
  std::size_t combined_width() const { return layout_.state_width() + kNumericFeatures; }
  bool all_scored() const { return scored_.size() == rows_; }  // then scored step i is row i

  const NextCategoryLayout& layout_;
  std::size_t token_stride_;                // token_width(), padded
  std::size_t rows_ = 0;                    // steps of all windows, ordered by time, then window (longest first)
  std::vector<Window> order_;
  std::vector<std::uint32_t> step_of_row_;
  std::vector<std::uint32_t> time_begin_;   // first row of each time, and the end
  std::vector<Scored> scored_;
  std::vector<std::uint32_t> scored_token_;
  std::vector<LocalDescent::ArenaRow> embedding_rows_;
  std::vector<float> log_sum_;              // of the exponentials, for the loss
  std::vector<float> target_logit_;
  TokenTable tokens_;
  kernels::Buffer token_inputs_;            // [1 | category embedding | merchant embedding], a token each
  kernels::Buffer token_gates_, token_output_;
  kernels::Buffer combined_;                // [h | numeric], a row each
  kernels::Buffer before_;                  // h of the step before, a row each
  kernels::Buffer input_, recurrent_, gates_;
  kernels::Buffer scored_combined_, output_;
  kernels::Buffer d_state_, d_scored_, d_input_, d_recurrent_, d_tokens_;
  kernels::Buffer state_back_, recurrent_back_, token_back_;  // weights, transposed
};

}  // namespace fedspend::models
