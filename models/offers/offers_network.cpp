#include "models/offers/offers_network.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fedspend::models {
namespace {

constexpr float kImpossible = -1e30f;  // a logit of what is not on offer
float use_scale(const OfferStep& step) { return 1 / std::sqrt(static_cast<float>(std::max<std::size_t>(step.used.size(), 1))); }

}  // namespace

LeanOffersNetwork::LeanOffersNetwork(const OffersLayout& layout) : layout_(layout), touched_in_(layout.sizes().categories) { output_back_.resize_zero(layout.logits_width() * layout.hidden_width()); }

void LeanOffersNetwork::forward(const float* arena, std::span<const OfferStep> steps, std::span<const std::uint32_t> which) {
  const std::size_t hidden_width = layout_.hidden_width(), width = hidden_width + kOfferNumeric, logits = layout_.logits_width(), categories = layout_.sizes().categories;
  const auto &use = layout_.use(), &hidden = layout_.hidden(), &output = layout_.output();
  which_.assign(which.begin(), which.end());
  inputs_.reserve(which.size() * width);
  hidden_.reserve(which.size() * hidden_width);
  output_.reserve(which.size() * logits);
  logits_.reserve(which.size() * logits);
  log_sum_.resize(which.size());
  for (std::size_t i = 0; i < which.size(); ++i) std::ranges::copy(steps[which[i]].numeric, inputs_.data() + i * width + hidden_width);
  kernels::multiply({.rows = which.size(), .inner = kOfferNumeric, .columns = hidden_width, .a = inputs_.data() + hidden_width, .a_row_stride = width, .b = arena + hidden.offset,
                     .b_stride = hidden.stride, .c = hidden_.data(), .c_stride = hidden_width}, kernels::Into::overwrite);
  for (std::size_t i = 0; i < which.size(); ++i) {
    const OfferStep& step = steps[which[i]];
    const float scale = use_scale(step);
    float* __restrict h = hidden_.data() + i * hidden_width;
    for (const OfferUse& one : step.used) {
      const float* __restrict ever = arena + use.row(one.category);
      const float* __restrict lately = arena + use.row(categories + one.category);
      for (std::size_t j = 0; j < hidden_width; ++j) h[j] += scale * (one.ever * ever[j] + one.lately * lately[j]);
    }
  }
  kernels::tanh(hidden_.data(), which.size() * hidden_width);
  for (std::size_t i = 0; i < which.size(); ++i) std::copy_n(hidden_.data() + i * hidden_width, hidden_width, inputs_.data() + i * width);
  kernels::multiply({.rows = which.size(), .inner = width, .columns = logits, .a = inputs_.data(), .a_row_stride = width, .b = arena + output.offset, .b_stride = output.stride,
                     .c = output_.data(), .c_stride = logits}, kernels::Into::overwrite);
  for (std::size_t i = 0; i < which.size(); ++i)
    for (const OfferUse& one : steps[which[i]].used) output_.data()[i * logits + one.category] = kImpossible;
  std::copy_n(output_.data(), which.size() * logits, logits_.data());
  kernels::softmax(output_.data(), categories, which.size(), logits, log_sum_.data());
  for (std::size_t i = 0; i < which.size(); ++i)
    if (steps[which[i]].used.size() >= categories) std::fill_n(output_.data() + i * logits, categories, 0.0f);
}

bool LeanOffersNetwork::is_sound(std::size_t i) const { 
  const std::span logits(logits_.data() + i * layout_.logits_width(), layout_.sizes().categories);
  return std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); });
}

double LeanOffersNetwork::loss(std::size_t i, std::span<const std::uint32_t> taken_up) const {
  double sum = 0;
  for (const std::uint32_t category : taken_up) sum += static_cast<double>(log_sum_[i]) - static_cast<double>(logits_.data()[i * layout_.logits_width() + category]);
  return sum;
}

void LeanOffersNetwork::backward(const float* arena, std::span<const OfferStep> steps, float* gradient) {
  const std::size_t hidden_width = layout_.hidden_width(), width = hidden_width + kOfferNumeric, logits = layout_.logits_width(), categories = layout_.sizes().categories;
  const auto &use = layout_.use(), &hidden = layout_.hidden(), &output = layout_.output();
  for (std::size_t i = 0; i < which_.size(); ++i) {  // the gradient at the logits, in place of the probabilities
    const auto& taken_up = steps[which_[i]].taken_up;
    const float share = taken_up.empty() ? 0.0f : 1 / static_cast<float>(taken_up.size());
    if (taken_up.empty()) std::fill_n(output_.data() + i * logits, logits, 0.0f);
    for (const std::uint32_t category : taken_up) output_.data()[i * logits + category] -= share;
  }
  kernels::multiply({.rows = width, .inner = which_.size(), .columns = logits, .a = inputs_.data(), .a_row_stride = 1, .a_inner_stride = width, .b = output_.data(), .b_stride = logits,
                     .c = gradient + output.offset, .c_stride = output.stride}, kernels::Into::overwrite);
  kernels::transpose(arena + output.offset, hidden_width, logits, output.stride, output_back_.data(), hidden_width);
  d_hidden_.reserve(which_.size() * hidden_width);
  kernels::multiply({.rows = which_.size(), .inner = logits, .columns = hidden_width, .a = output_.data(), .a_row_stride = logits, .b = output_back_.data(), .b_stride = hidden_width,
                     .c = d_hidden_.data(), .c_stride = hidden_width}, kernels::Into::overwrite);
  for (std::size_t i = 0; i < which_.size() * hidden_width; ++i) d_hidden_.data()[i] *= 1 - hidden_.data()[i] * hidden_.data()[i];
  kernels::multiply({.rows = kOfferNumeric, .inner = which_.size(), .columns = hidden_width, .a = inputs_.data() + hidden_width, .a_row_stride = 1, .a_inner_stride = width,
                     .b = d_hidden_.data(), .b_stride = hidden_width, .c = gradient + hidden.offset, .c_stride = hidden.stride}, kernels::Into::overwrite);
  embedding_rows_.clear();
  if (++batch_ == 0) {
    std::ranges::fill(touched_in_, 0u);
    batch_ = 1;
  }
  for (std::size_t i = 0; i < which_.size(); ++i) {
    const OfferStep& step = steps[which_[i]];
    const float scale = use_scale(step);
    const float* __restrict d = d_hidden_.data() + i * hidden_width;
    for (const OfferUse& one : step.used) {
      const std::size_t ever_row = use.row(one.category), lately_row = use.row(categories + one.category);
      float *__restrict ever = gradient + ever_row, *__restrict lately = gradient + lately_row;
      const float by_ever = scale * one.ever, by_lately = scale * one.lately;
      for (std::size_t j = 0; j < hidden_width; ++j) {
        ever[j] += by_ever * d[j];
        lately[j] += by_lately * d[j];
      }
      if (std::exchange(touched_in_[one.category], batch_) == batch_) continue;
      embedding_rows_.push_back({ever_row, hidden_width});
      embedding_rows_.push_back({lately_row, hidden_width});
    }
  }
}

}  // namespace fedspend::models
