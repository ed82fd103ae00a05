#include "models/next_category_network.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "common/check.h"

namespace fedspend::models {
namespace {

using kernels::Into;
using kernels::padded;

// A product with B transposed: B is copied the other way round first, `columns` of it, padded by zeros.
const float* transpose(const float* from, std::size_t rows, std::size_t columns, std::size_t stride, kernels::Buffer& to) {
  const std::size_t out_stride = padded(rows);
  to.resize_zero(columns * out_stride);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) to.data()[j * out_stride + i] = from[i * stride + j];
  }
  return to.data();
}

}  // namespace

NextCategoryNetwork::NextCategoryNetwork(const NextCategoryLayout& layout)
    : layout_(layout), input_stride_(padded(layout.input_width())) {}

void NextCategoryNetwork::lay_out(const Steps& steps, std::span<const Window> windows) {
  std::vector<Window> order(windows.begin(), windows.end());
  std::stable_sort(order.begin(), order.end(), [](const Window& a, const Window& b) { return a.end - a.begin > b.end - b.begin; });
  step_of_row_.clear();
  time_begin_.clear();
  scored_.clear();
  const std::uint32_t longest = order.empty() ? 0 : order.front().end - order.front().begin;
  for (std::uint32_t t = 0; t < longest; ++t) {
    time_begin_.push_back(static_cast<std::uint32_t>(step_of_row_.size()));
    for (const Window& window : order) {
      const std::uint32_t step = window.begin + t;
      if (step >= window.end) break;
      FEDSPEND_CHECK(step < steps.steps.size(), "a window lies within the steps");
      if (step >= window.scored_from) scored_.push_back({static_cast<std::uint32_t>(step_of_row_.size()), step});
      step_of_row_.push_back(step);
    }
  }
  time_begin_.push_back(static_cast<std::uint32_t>(step_of_row_.size()));
  rows_ = step_of_row_.size();
}

void NextCategoryNetwork::gather_inputs(const float* arena, const Steps& steps) {
  const auto& sizes = layout_.sizes();
  const std::size_t width = combined_width(), state = layout_.state_width();
  const auto &category = layout_.category_embedding(), &merchant = layout_.merchant_embedding();
  combined_.reserve(rows_ * width);
  for (std::size_t row = 0; row < rows_; ++row) {
    const Step& step = steps.steps[step_of_row_[row]];
    float* x = combined_.data() + row * width + state;
    std::memset(x, 0, input_stride_ * sizeof(float));
    std::copy_n(arena + category.offset + step.category * category.stride, sizes.embedding, x);
    x += sizes.embedding;
    if (step.merchant >= 0) {
      std::copy_n(arena + merchant.offset + static_cast<std::size_t>(step.merchant) * merchant.stride, sizes.merchant_embedding, x);
    }
    x += sizes.merchant_embedding;
    std::copy(step.numeric.begin(), step.numeric.end(), x);
    x[kNumericFeatures] = 1.0f;
  }
}

void NextCategoryNetwork::run_gru(const float* arena, float* state) {
  const std::size_t width = combined_width(), h = layout_.state_width();
  const auto &input = layout_.input(), &recurrent = layout_.recurrent();
  input_.reserve(rows_ * 3 * h);
  recurrent_.reserve(rows_ * 3 * h);
  gates_.reserve(rows_ * 3 * h);
  before_.reserve(rows_ * h);
  kernels::multiply({.rows = rows_, .inner = input.rows, .columns = 3 * h, .a = combined_.data() + h, .a_row_stride = width,
                     .b = arena + input.offset, .b_stride = input.stride, .c = input_.data(), .c_stride = 3 * h}, Into::overwrite);
  for (std::size_t t = 0; t + 1 < time_begin_.size(); ++t) {
    const std::size_t begin = time_begin_[t], count = time_begin_[t + 1] - begin;
    float* before = before_.data() + begin * h;
    for (std::size_t i = 0; i < count; ++i) {
      if (t > 0) {
        std::copy_n(combined_.data() + (time_begin_[t - 1] + i) * width, h, before + i * h);
      } else if (state != nullptr) {
        FEDSPEND_CHECK(count == 1, "a state belongs to one window");
        std::copy_n(state, h, before);
      } else {
        std::memset(before + i * h, 0, h * sizeof(float));
      }
    }
    kernels::multiply({.rows = count, .inner = h, .columns = 3 * h, .a = before, .a_row_stride = h, .b = arena + recurrent.offset,
                       .b_stride = recurrent.stride, .c = recurrent_.data() + begin * 3 * h, .c_stride = 3 * h}, Into::overwrite);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = begin + i;
      kernels::gru_forward({.width = h, .input = input_.data() + row * 3 * h, .recurrent = recurrent_.data() + row * 3 * h,
                            .before = before + i * h, .gates = gates_.data() + row * 3 * h,
                            .after = combined_.data() + row * width});
    }
  }
  if (state != nullptr && rows_ > 0) std::copy_n(combined_.data() + (rows_ - 1) * width, h, state);
}

void NextCategoryNetwork::run_output(const float* arena, const Steps& steps) {
  const std::size_t width = combined_width(), h = layout_.state_width(), logits = layout_.logits_width();
  const auto& output = layout_.output();
  scored_combined_.reserve(scored_.size() * width);
  output_.reserve(scored_.size() * output.stride);
  log_sum_.resize(scored_.size());
  target_logit_.resize(scored_.size());
  for (std::size_t i = 0; i < scored_.size(); ++i) {
    std::copy_n(combined_.data() + scored_[i].row * width, width, scored_combined_.data() + i * width);
  }
  kernels::multiply({.rows = scored_.size(), .inner = h + layout_.input_width(), .columns = output.stride,
                     .a = scored_combined_.data(), .a_row_stride = width, .b = arena + output.offset, .b_stride = output.stride,
                     .c = output_.data(), .c_stride = output.stride}, Into::overwrite);
  for (std::size_t i = 0; i < scored_.size(); ++i) {
    const Step& step = steps.steps[scored_[i].step];
    float* row = output_.data() + i * output.stride;
    for (std::uint32_t e = step.past_begin; e < step.past_end; ++e) {
      const PastEntry& entry = steps.past[e];
      row[entry.category] += row[logits + entry.kind] * entry.value;
    }
    target_logit_[i] = step.target >= 0 ? row[step.target] : 0.0f;
    log_sum_[i] = kernels::softmax(row, layout_.sizes().categories);
  }
}

void NextCategoryNetwork::forward(const float* arena, const Steps& steps, std::span<const Window> windows, float* state) {
  lay_out(steps, windows);
  gather_inputs(arena, steps);
  run_gru(arena, state);
  run_output(arena, steps);
}

std::span<const float> NextCategoryNetwork::probabilities(std::size_t i) const {
  return {output_.data() + i * layout_.output().stride, layout_.sizes().categories};
}

double NextCategoryNetwork::loss(const Steps& steps, std::size_t i) const {
  FEDSPEND_CHECK(steps.steps[scored_[i].step].target >= 0, "only a step with a target has a loss");
  return static_cast<double>(log_sum_[i]) - static_cast<double>(target_logit_[i]);
}

void NextCategoryNetwork::output_gradient(const float* arena, const Steps& steps, float weight, float* gradient) {
  const std::size_t width = combined_width(), h = layout_.state_width(), logits = layout_.logits_width();
  const auto& output = layout_.output();
  const std::size_t inner = h + layout_.input_width();
  for (std::size_t i = 0; i < scored_.size(); ++i) {
    const Step& step = steps.steps[scored_[i].step];
    float* row = output_.data() + i * output.stride;
    std::memset(row + logits, 0, (output.stride - logits) * sizeof(float));
    if (step.target < 0) {
      std::memset(row, 0, logits * sizeof(float));
      continue;
    }
    row[step.target] -= 1.0f;
    for (std::size_t c = 0; c < logits; ++c) row[c] *= weight;
    for (std::uint32_t e = step.past_begin; e < step.past_end; ++e) {
      const PastEntry& entry = steps.past[e];
      row[logits + entry.kind] += row[entry.category] * entry.value;
    }
  }
  kernels::multiply({.rows = inner, .inner = scored_.size(), .columns = output.stride, .a = scored_combined_.data(),
                     .a_row_stride = 1, .a_inner_stride = width, .b = output_.data(), .b_stride = output.stride,
                     .c = gradient + output.offset, .c_stride = output.stride}, Into::add);
  // d[h | x] = d_output W^T, whose trust columns count through the past; those of the trust bias vanish with the padding.
  const float* back = transpose(arena + output.offset, inner, logits + kPastKinds, output.stride, transposed_);
  d_scored_.reserve(scored_.size() * width);
  kernels::multiply({.rows = scored_.size(), .inner = logits + kPastKinds, .columns = padded(inner), .a = output_.data(),
                     .a_row_stride = output.stride, .b = back, .b_stride = padded(inner), .c = d_scored_.data(), .c_stride = width},
                    Into::overwrite);
  d_combined_.resize_zero(rows_ * width);
  for (std::size_t i = 0; i < scored_.size(); ++i) {
    std::copy_n(d_scored_.data() + i * width, inner, d_combined_.data() + scored_[i].row * width);
  }
}

void NextCategoryNetwork::gru_gradient(const float* arena, float* gradient) {
  const std::size_t width = combined_width(), h = layout_.state_width();
  const auto &input = layout_.input(), &recurrent = layout_.recurrent();
  d_input_.reserve(rows_ * 3 * h);
  d_recurrent_.reserve(rows_ * 3 * h);
  d_state_.reserve(rows_ * h);
  const float* recurrent_back = transpose(arena + recurrent.offset, h, 3 * h, recurrent.stride, transposed_);
  for (std::size_t t = time_begin_.size() - 1; t-- > 0;) {
    const std::size_t begin = time_begin_[t], count = time_begin_[t + 1] - begin;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = begin + i;
      kernels::gru_backward({.width = h, .gates = gates_.data() + row * 3 * h, .recurrent = recurrent_.data() + row * 3 * h,
                             .before = before_.data() + row * h, .d_after = d_combined_.data() + row * width,
                             .d_input = d_input_.data() + row * 3 * h, .d_recurrent = d_recurrent_.data() + row * 3 * h,
                             .d_before = d_state_.data() + i * h});
    }
    if (t == 0) break;  // the state before a window is given, not learned
    kernels::multiply({.rows = count, .inner = 3 * h, .columns = h, .a = d_recurrent_.data() + begin * 3 * h, .a_row_stride = 3 * h,
                       .b = recurrent_back, .b_stride = h, .c = d_state_.data(), .c_stride = h}, Into::add);
    for (std::size_t i = 0; i < count; ++i) {
      float* d_before = d_combined_.data() + (time_begin_[t - 1] + i) * width;
      for (std::size_t j = 0; j < h; ++j) d_before[j] += d_state_.data()[i * h + j];
    }
  }
  kernels::multiply({.rows = h, .inner = rows_, .columns = 3 * h, .a = before_.data(), .a_row_stride = 1, .a_inner_stride = h,
                     .b = d_recurrent_.data(), .b_stride = 3 * h, .c = gradient + recurrent.offset, .c_stride = recurrent.stride},
                    Into::add);
  kernels::multiply({.rows = input.rows, .inner = rows_, .columns = 3 * h, .a = combined_.data() + h, .a_row_stride = 1,
                     .a_inner_stride = width, .b = d_input_.data(), .b_stride = 3 * h, .c = gradient + input.offset,
                     .c_stride = input.stride}, Into::add);
  const float* input_back = transpose(arena + input.offset, input.rows, 3 * h, input.stride, transposed_);
  kernels::multiply({.rows = rows_, .inner = 3 * h, .columns = input_stride_, .a = d_input_.data(), .a_row_stride = 3 * h,
                     .b = input_back, .b_stride = input_stride_, .c = d_combined_.data() + h, .c_stride = width}, Into::add);
}

void NextCategoryNetwork::embedding_gradient(const Steps& steps, float* gradient) {
  const auto& sizes = layout_.sizes();
  const auto &category = layout_.category_embedding(), &merchant = layout_.merchant_embedding();
  for (std::size_t row = 0; row < rows_; ++row) {
    const Step& step = steps.steps[step_of_row_[row]];
    const float* d = d_combined_.data() + row * combined_width() + layout_.state_width();
    float* to = gradient + category.offset + step.category * category.stride;
    for (std::size_t j = 0; j < sizes.embedding; ++j) to[j] += d[j];
    if (step.merchant < 0) continue;
    d += sizes.embedding;
    to = gradient + merchant.offset + static_cast<std::size_t>(step.merchant) * merchant.stride;
    for (std::size_t j = 0; j < sizes.merchant_embedding; ++j) to[j] += d[j];
  }
}

void NextCategoryNetwork::backward(const float* arena, const Steps& steps, float weight, float* gradient) {
  if (rows_ == 0) return;
  output_gradient(arena, steps, weight, gradient);
  gru_gradient(arena, gradient);
  embedding_gradient(steps, gradient);
}

}  // namespace fedspend::models
