#include "models/next_category/next_category_network.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/check.h"

namespace fedspend::models {

using kernels::Into;
using kernels::padded;

NextCategoryNetwork::NextCategoryNetwork(const NextCategoryLayout& layout)
    : layout_(layout), token_stride_(padded(layout.token_width())) {
  const std::size_t h = layout.state_width(), outputs = layout.logits_width() + kPastKinds;
  state_back_.resize_zero(outputs * h);
  recurrent_back_.resize_zero(3 * h * h);
  token_back_.resize_zero((3 * h + outputs) * token_stride_);
}

void NextCategoryNetwork::lay_out(const Steps& steps, std::span<const Window> windows) {
  order_.assign(windows.begin(), windows.end());
  std::stable_sort(order_.begin(), order_.end(), [](const Window& a, const Window& b) { return a.end - a.begin > b.end - b.begin; });
  step_of_row_.clear();
  time_begin_.clear();
  scored_.clear();
  const std::uint32_t longest = order_.empty() ? 0 : order_.front().end - order_.front().begin;
  for (std::uint32_t t = 0; t < longest; ++t) {
    time_begin_.push_back(static_cast<std::uint32_t>(step_of_row_.size()));
    for (const Window& window : order_) {
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
  const std::size_t width = combined_width(), h = layout_.state_width();
  const auto &category = layout_.category_embedding(), &merchant = layout_.merchant_embedding();
  const auto &input = layout_.input(), &output = layout_.output();
  tokens_.number(steps, step_of_row_);
  const std::size_t count = tokens_.tokens().size();
  token_inputs_.resize_zero(count * token_stride_);
  for (std::size_t i = 0; i < count; ++i) {
    const TokenTable::Token& token = tokens_.tokens()[i];
    float* x = token_inputs_.data() + i * token_stride_;
    x[0] = 1.0f;
    std::copy_n(arena + category.offset + token.category * category.stride, sizes.embedding, x + 1);
    if (token.merchant < 0) continue;
    std::copy_n(arena + merchant.offset + static_cast<std::size_t>(token.merchant) * merchant.stride, sizes.merchant_embedding,
                x + 1 + sizes.embedding);
  }
  token_gates_.reserve(count * 3 * h);
  token_output_.reserve(count * output.stride);
  kernels::Product product{.rows = count, .inner = layout_.token_width(), .columns = 3 * h, .a = token_inputs_.data(),
                           .a_row_stride = token_stride_, .b = arena + input.offset + kNumericFeatures * input.stride,
                           .b_stride = input.stride, .c = token_gates_.data(), .c_stride = 3 * h};
  kernels::multiply(product, Into::overwrite);
  product.columns = product.b_stride = product.c_stride = output.stride;
  product.b = arena + output.offset + width * output.stride;
  product.c = token_output_.data();
  kernels::multiply(product, Into::overwrite);
  combined_.reserve(rows_ * width);
  for (std::size_t row = 0; row < rows_; ++row) {
    const Step& step = steps.steps[step_of_row_[row]];
    std::copy(step.numeric.begin(), step.numeric.end(), combined_.data() + row * width + h);
  }
}

void NextCategoryNetwork::run_gru(const float* arena, float* state) {
  const std::size_t width = combined_width(), h = layout_.state_width();
  const auto &input = layout_.input(), &recurrent = layout_.recurrent();
  input_.reserve(rows_ * 3 * h);
  recurrent_.reserve(rows_ * 3 * h);
  gates_.reserve(rows_ * 3 * h);
  before_.reserve(rows_ * h);
  kernels::multiply({.rows = rows_, .inner = kNumericFeatures, .columns = 3 * h, .a = combined_.data() + h, .a_row_stride = width,
                     .b = arena + input.offset, .b_stride = input.stride, .c = input_.data(), .c_stride = 3 * h,
                     .start = token_gates_.data(), .start_row = tokens_.of_steps(), .start_stride = 3 * h}, Into::start);
  const std::size_t times = time_begin_.size() - 1;
  if (times > 0) {
    FEDSPEND_CHECK(state == nullptr || time_begin_[1] == 1, "a state belongs to one window");
    if (state != nullptr) std::copy_n(state, h, before_.data());
    else std::memset(before_.data(), 0, time_begin_[1] * h * sizeof(float));
  }
  for (std::size_t t = 0; t < times; ++t) {
    const std::size_t begin = time_begin_[t], end = time_begin_[t + 1], next = t + 1 < times ? time_begin_[t + 2] - end : 0;
    const float* before = before_.data() + begin * h;
    kernels::multiply({.rows = end - begin, .inner = h, .columns = 3 * h, .a = before, .a_row_stride = h, .b = arena + recurrent.offset,
                       .b_stride = recurrent.stride, .c = recurrent_.data() + begin * 3 * h, .c_stride = 3 * h}, Into::overwrite);
    kernels::gru_forward({.rows = end - begin, .width = h, .input = input_.data() + begin * 3 * h,
                          .recurrent = recurrent_.data() + begin * 3 * h, .before = before, .gates = gates_.data() + begin * 3 * h,
                          .after = combined_.data() + begin * width, .after_stride = width, .next_before = before_.data() + end * h,
                          .next_rows = next});
  }
  if (state != nullptr && rows_ > 0) std::copy_n(combined_.data() + (rows_ - 1) * width, h, state);
}

void NextCategoryNetwork::run_output(const float* arena, const Steps& steps) {
  const std::size_t width = combined_width(), logits = layout_.logits_width();
  const auto& output = layout_.output();
  output_.reserve(scored_.size() * output.stride);
  log_sum_.resize(scored_.size());
  target_logit_.resize(scored_.size());
  const float* combined = combined_.data();
  const std::uint32_t* token = tokens_.of_steps();
  if (!all_scored()) {
    scored_combined_.reserve(scored_.size() * width);
    scored_token_.resize(scored_.size());
    for (std::size_t i = 0; i < scored_.size(); ++i) {
      std::copy_n(combined_.data() + scored_[i].row * width, width, scored_combined_.data() + i * width);
      scored_token_[i] = tokens_.of_step(scored_[i].row);
    }
    combined = scored_combined_.data();
    token = scored_token_.data();
  }
  kernels::multiply({.rows = scored_.size(), .inner = width, .columns = output.stride, .a = combined, .a_row_stride = width,
                     .b = arena + output.offset, .b_stride = output.stride, .c = output_.data(), .c_stride = output.stride,
                     .start = token_output_.data(), .start_row = token, .start_stride = output.stride}, Into::start);
  for (std::size_t i = 0; i < scored_.size(); ++i) {
    const Step& step = steps.steps[scored_[i].step];
    float* row = output_.data() + i * output.stride;
    for (std::uint32_t e = step.past_begin; e < step.past_end; ++e) {
      const PastEntry& entry = steps.past[e];
      row[entry.category] += row[logits + entry.kind] * entry.value;
    }
    target_logit_[i] = step.target >= 0 ? row[step.target] : 0.0f;
  }
  kernels::softmax(output_.data(), layout_.sizes().categories, scored_.size(), output.stride, log_sum_.data());
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

// The kernel makes a number of everything; a logit that is none shows in the sum.
bool NextCategoryNetwork::is_sound(std::size_t i) const {
  float sum = 0;
  for (const float p : probabilities(i)) sum += p;
  return std::isfinite(log_sum_[i]) && std::abs(sum - 1.0f) < 1e-3f;
}

double NextCategoryNetwork::loss(const Steps& steps, std::size_t i) const {
  FEDSPEND_CHECK(steps.steps[scored_[i].step].target >= 0, "only a step with a target has a loss");
  return static_cast<double>(log_sum_[i]) - static_cast<double>(target_logit_[i]);
}

// The gradient of the losses at [logits | trusts], in place of the probabilities.
void NextCategoryNetwork::loss_gradient(const Steps& steps) {
  const std::size_t logits = layout_.logits_width(), stride = layout_.output().stride;
  for (std::size_t i = 0; i < scored_.size(); ++i) {
    const Step& step = steps.steps[scored_[i].step];
    float* row = output_.data() + i * stride;
    std::memset(row + logits, 0, (stride - logits) * sizeof(float));
    if (step.target < 0) {
      std::memset(row, 0, logits * sizeof(float));
      continue;
    }
    row[step.target] -= 1.0f;
    for (std::uint32_t e = step.past_begin; e < step.past_end; ++e) {
      const PastEntry& entry = steps.past[e];
      row[logits + entry.kind] += row[entry.category] * entry.value;
    }
  }
}

void NextCategoryNetwork::output_gradient(const float* arena, float* gradient) {
  const std::size_t width = combined_width(), h = layout_.state_width(), outputs = layout_.logits_width() + kPastKinds;
  const auto& output = layout_.output();
  kernels::multiply({.rows = width, .inner = scored_.size(), .columns = output.stride,
                     .a = all_scored() ? combined_.data() : scored_combined_.data(), .a_row_stride = 1, .a_inner_stride = width,
                     .b = output_.data(), .b_stride = output.stride, .c = gradient + output.offset, .c_stride = output.stride},
                    Into::overwrite);
  kernels::transpose(arena + output.offset, h, outputs, output.stride, state_back_.data(), h);
  d_state_.reserve(rows_ * h);
  kernels::Product to_state{.rows = scored_.size(), .inner = outputs, .columns = h, .a = output_.data(), .a_row_stride = output.stride,
                            .b = state_back_.data(), .b_stride = h, .c = d_state_.data(), .c_stride = h};
  if (all_scored()) {
    kernels::multiply(to_state, Into::overwrite);
    return;
  }
  d_scored_.reserve(scored_.size() * h);
  to_state.c = d_scored_.data();
  kernels::multiply(to_state, Into::overwrite);
  std::memset(d_state_.data(), 0, rows_ * h * sizeof(float));
  for (std::size_t i = 0; i < scored_.size(); ++i) {
    std::copy_n(d_scored_.data() + i * h, h, d_state_.data() + scored_[i].row * h);
  }
}

void NextCategoryNetwork::gru_gradient(const float* arena, float* gradient) {
  const std::size_t width = combined_width(), h = layout_.state_width();
  const auto &input = layout_.input(), &recurrent = layout_.recurrent();
  d_input_.reserve(rows_ * 3 * h);
  d_recurrent_.reserve(rows_ * 3 * h);
  kernels::transpose(arena + recurrent.offset, h, 3 * h, recurrent.stride, recurrent_back_.data(), h);
  for (std::size_t t = time_begin_.size() - 1; t-- > 0;) {
    const std::size_t begin = time_begin_[t], count = time_begin_[t + 1] - begin;
    float* d_before = t > 0 ? d_state_.data() + time_begin_[t - 1] * h : nullptr;  // the state before a window is given, not learned
    kernels::gru_backward({.rows = count, .width = h, .gates = gates_.data() + begin * 3 * h,
                           .recurrent = recurrent_.data() + begin * 3 * h, .before = before_.data() + begin * h,
                           .d_after = d_state_.data() + begin * h, .d_input = d_input_.data() + begin * 3 * h,
                           .d_recurrent = d_recurrent_.data() + begin * 3 * h, .d_before = d_before});
    if (t == 0) break;
    kernels::multiply({.rows = count, .inner = 3 * h, .columns = h, .a = d_recurrent_.data() + begin * 3 * h, .a_row_stride = 3 * h,
                       .b = recurrent_back_.data(), .b_stride = h, .c = d_before, .c_stride = h}, Into::add);
  }
  kernels::multiply({.rows = h, .inner = rows_, .columns = 3 * h, .a = before_.data(), .a_row_stride = 1, .a_inner_stride = h,
                     .b = d_recurrent_.data(), .b_stride = 3 * h, .c = gradient + recurrent.offset, .c_stride = recurrent.stride},
                    Into::overwrite);
  kernels::multiply({.rows = kNumericFeatures, .inner = rows_, .columns = 3 * h, .a = combined_.data() + h, .a_row_stride = 1,
                     .a_inner_stride = width, .b = d_input_.data(), .b_stride = 3 * h, .c = gradient + input.offset,
                     .c_stride = input.stride}, Into::overwrite);
}

// What the steps of a token have in common: their gradients are added up, and go on from there once.
void NextCategoryNetwork::token_gradient(const float* arena, float* gradient) {
  const auto& sizes = layout_.sizes();
  const auto &input = layout_.input(), &output = layout_.output();
  const std::size_t count = tokens_.tokens().size(), width = layout_.token_width(), gates = 3 * layout_.state_width();
  const std::size_t outputs = layout_.logits_width() + kPastKinds;
  const std::size_t input_at = input.offset + kNumericFeatures * input.stride, output_at = output.offset + combined_width() * output.stride;
  d_tokens_.resize_zero(count * (gates + output.stride));
  float *d_gates = d_tokens_.data(), *d_output = d_gates + count * gates;
  kernels::add_rows(d_input_.data(), rows_, gates, gates, tokens_.of_steps(), d_gates, gates);
  kernels::add_rows(output_.data(), scored_.size(), output.stride, output.stride, all_scored() ? tokens_.of_steps() : scored_token_.data(),
                    d_output, output.stride);
  kernels::Product weights{.rows = width, .inner = count, .columns = gates, .a = token_inputs_.data(), .a_row_stride = 1,
                           .a_inner_stride = token_stride_, .b = d_gates, .b_stride = gates, .c = gradient + input_at,
                           .c_stride = input.stride};
  kernels::multiply(weights, Into::overwrite);
  weights.columns = weights.b_stride = weights.c_stride = output.stride;
  weights.b = d_output;
  weights.c = gradient + output_at;
  kernels::multiply(weights, Into::overwrite);

  float* output_back = token_back_.data() + gates * token_stride_;
  kernels::transpose(arena + input_at, width, gates, input.stride, token_back_.data(), token_stride_);
  kernels::transpose(arena + output_at, width, outputs, output.stride, output_back, token_stride_);
  kernels::multiply({.rows = count, .inner = gates, .columns = token_stride_, .a = d_gates, .a_row_stride = gates, .b = token_back_.data(),
                     .b_stride = token_stride_, .c = token_inputs_.data(), .c_stride = token_stride_}, Into::overwrite);
  kernels::multiply({.rows = count, .inner = outputs, .columns = token_stride_, .a = d_output, .a_row_stride = output.stride,
                     .b = output_back, .b_stride = token_stride_, .c = token_inputs_.data(), .c_stride = token_stride_}, Into::add);
  embedding_rows_.clear();
  const auto add = [&](const NextCategoryLayout::Block& block, std::size_t row, const float* d, std::size_t columns, bool first) {
    const std::size_t offset = block.offset + row * block.stride;
    for (std::size_t j = 0; j < columns; ++j) gradient[offset + j] += d[j];
    if (first) embedding_rows_.push_back({offset, block.stride});
  };
  for (std::size_t i = 0; i < count; ++i) {
    const TokenTable::Token& token = tokens_.tokens()[i];
    const float* d = token_inputs_.data() + i * token_stride_ + 1;
    add(layout_.category_embedding(), token.category, d, sizes.embedding, token.first_of_category);
    if (token.merchant < 0) continue;
    add(layout_.merchant_embedding(), static_cast<std::size_t>(token.merchant), d + sizes.embedding, sizes.merchant_embedding,
        token.first_of_merchant);
  }
}

void NextCategoryNetwork::backward(const float* arena, const Steps& steps, float* gradient) {
  loss_gradient(steps);
  output_gradient(arena, gradient);
  gru_gradient(arena, gradient);
  token_gradient(arena, gradient);
}

}  // namespace fedspend::models
