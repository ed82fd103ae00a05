#include "models/categoriser/categoriser_network.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/check.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kNumericWidth = kernels::padded(kCategoriserNumeric);

float gram_scale(const CategoriserStep& step) { return 1.0f / std::sqrt(static_cast<float>(std::max<std::uint32_t>(1, step.gram_end - step.gram_begin))); }

}  // namespace

LeanCategoriserNetwork::LeanCategoriserNetwork(const CategoriserLayout& layout) : layout_(layout), touched_in_(layout.sizes().gram_buckets) {
  text_back_.resize_zero((layout.logits_width() + kernels::padded(kCategoriserPasts)) * layout.embedding_width());
}

void LeanCategoriserNetwork::forward(const float* arena, const CategoriserSteps& steps, std::span<const std::uint32_t> which) {
  const std::size_t width = layout_.input_width(), embedding = layout_.embedding_width(), logits = layout_.logits_width(), categories = layout_.sizes().categories;
  const auto& output = layout_.output();
  which_.assign(which.begin(), which.end());
  inputs_.resize_zero(which.size() * width);
  output_.reserve(which.size() * output.stride);
  for (std::size_t i = 0; i < which.size(); ++i) {
    const CategoriserStep& step = steps.steps[which[i]];
    float* x = inputs_.data() + i * width;
    std::ranges::copy(step.numeric, x);
    for (std::uint32_t g = step.gram_begin; g < step.gram_end; ++g) {
      const float* row = arena + layout_.gram_embedding().row(steps.grams[g]);
      for (std::size_t j = 0; j < embedding; ++j) x[kNumericWidth + j] += row[j];
    }
    const float scale = gram_scale(step);
    for (std::size_t j = 0; j < embedding; ++j) x[kNumericWidth + j] *= scale;
  }
  kernels::multiply({.rows = which.size(), .inner = width, .columns = output.stride, .a = inputs_.data(), .a_row_stride = width, .b = arena + output.offset,
                     .b_stride = output.stride, .c = output_.data(), .c_stride = output.stride}, kernels::Into::overwrite);
  log_sum_.resize(which.size());
  target_logit_.resize(which.size());
  for (std::size_t i = 0; i < which.size(); ++i) {
    const CategoriserStep& step = steps.steps[which[i]];
    float* row = output_.data() + i * output.stride;
    for (std::uint32_t e = step.past_begin; e < step.past_end; ++e) {
      const CategoriserEntry& entry = steps.past[e];
      row[entry.category] += row[logits + entry.kind] * entry.value;
    }
    target_logit_[i] = step.target < 0 ? 0.0f : row[step.target];
  }
  kernels::softmax(output_.data(), categories, which.size(), output.stride, log_sum_.data());
}

std::span<const float> LeanCategoriserNetwork::probabilities(std::size_t i) const {
  return std::span(output_.data() + i * layout_.output().stride, layout_.sizes().categories);
}

// The kernel makes a number of everything; a logit that is none shows in the sum.
bool LeanCategoriserNetwork::is_sound(std::size_t i) const {
  float sum = 0;
  for (const float p : probabilities(i)) sum += p;
  return std::isfinite(log_sum_[i]) && std::abs(sum - 1.0f) < 1e-3f;
}

double LeanCategoriserNetwork::loss(std::size_t i) const { return static_cast<double>(log_sum_[i]) - static_cast<double>(target_logit_[i]); }

void LeanCategoriserNetwork::backward(const float* arena, const CategoriserSteps& steps, float* gradient) {
  const std::size_t width = layout_.input_width(), embedding = layout_.embedding_width(), logits = layout_.logits_width();
  const auto& output = layout_.output();
  // The gradient of the losses at [logits | trusts], in place of the probabilities.
  for (std::size_t i = 0; i < which_.size(); ++i) {
    const CategoriserStep& step = steps.steps[which_[i]];
    float* row = output_.data() + i * output.stride;
    std::memset(row + logits, 0, (output.stride - logits) * sizeof(float));
    if (step.target < 0) {
      std::memset(row, 0, logits * sizeof(float));
      continue;
    }
    row[step.target] -= 1.0f;
    for (std::uint32_t e = step.past_begin; e < step.past_end; ++e) row[logits + steps.past[e].kind] += row[steps.past[e].category] * steps.past[e].value;
  }
  kernels::multiply({.rows = width, .inner = which_.size(), .columns = output.stride, .a = inputs_.data(), .a_row_stride = 1, .a_inner_stride = width, .b = output_.data(),
                     .b_stride = output.stride, .c = gradient + output.offset, .c_stride = output.stride}, kernels::Into::overwrite);
  const std::size_t outputs = logits + kCategoriserPasts;
  kernels::transpose(arena + output.row(kNumericWidth), embedding, outputs, output.stride, text_back_.data(), embedding);
  d_text_.reserve(which_.size() * embedding);
  kernels::multiply({.rows = which_.size(), .inner = outputs, .columns = embedding, .a = output_.data(), .a_row_stride = output.stride, .b = text_back_.data(), .b_stride = embedding,
                     .c = d_text_.data(), .c_stride = embedding}, kernels::Into::overwrite);
  embedding_rows_.clear();
  if (++batch_ == 0) {
    std::ranges::fill(touched_in_, 0u);
    batch_ = 1;
  }
  for (std::size_t i = 0; i < which_.size(); ++i) {
    const CategoriserStep& step = steps.steps[which_[i]];
    if (step.target < 0) continue;
    float* d = d_text_.data() + i * embedding;
    const float scale = gram_scale(step);
    for (std::size_t j = 0; j < embedding; ++j) d[j] *= scale;
    for (std::uint32_t g = step.gram_begin; g < step.gram_end; ++g) {
      const std::size_t bucket = steps.grams[g], offset = layout_.gram_embedding().row(bucket);
      if (touched_in_[bucket] != batch_) embedding_rows_.push_back({offset, embedding});
      touched_in_[bucket] = batch_;
      for (std::size_t j = 0; j < embedding; ++j) gradient[offset + j] += d[j];
    }
  }
}

}  // namespace fedspend::models
