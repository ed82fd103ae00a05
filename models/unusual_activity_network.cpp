#include "models/unusual_activity_network.h"

#include <algorithm>
#include <cmath>

namespace fedspend::models {

double surprise_loss(float surprise, bool is_made_up) {
  const double against = is_made_up ? -static_cast<double>(surprise) : static_cast<double>(surprise);
  return against > 0 ? against + std::log1p(std::exp(-against)) : std::log1p(std::exp(against));
}

UnusualActivityNetwork::UnusualActivityNetwork(const UnusualActivityLayout& layout) : layout_(layout) {
  hidden_back_.resize_zero(layout.hidden_width() * layout.embedding().stride);
}

void UnusualActivityNetwork::forward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint32_t> which) {
  const std::size_t width = layout_.input_width(), hidden_width = layout_.hidden_width(), embedding = layout_.embedding().stride;
  which_.assign(which.begin(), which.end());
  parts_.resize(which.size());
  for (std::size_t part = 0; part < kUnusualParts; ++part) {
    inputs_[part].reserve(which.size() * width);
    hidden_[part].reserve(which.size() * hidden_width);
    for (std::size_t i = 0; i < which.size(); ++i) {
      const UnusualStep& step = steps[which[i]];
      float* input = inputs_[part].data() + i * width;
      std::ranges::copy(step.numeric[part], input);
      std::copy_n(arena + layout_.embedding().row(step.category[part]), embedding, input + kUnusualNumeric);
    }
    const auto& hidden = layout_.hidden(part);
    kernels::multiply({.rows = which.size(), .inner = width, .columns = hidden_width, .a = inputs_[part].data(), .a_row_stride = width, .b = arena + hidden.offset, .b_stride = hidden.stride,
                       .c = hidden_[part].data(), .c_stride = hidden_width}, kernels::Into::overwrite);
    kernels::tanh(hidden_[part].data(), which.size() * hidden_width);
    const float* output = arena + layout_.output(part).offset;
    for (std::size_t i = 0; i < which.size(); ++i) {
      const float* h = hidden_[part].data() + i * hidden_width;
      const float* x = inputs_[part].data() + i * width;
      float sum = 0;
      for (std::size_t j = 0; j < hidden_width; ++j) sum += output[j] * h[j];
      for (std::size_t j = 0; j < width; ++j) sum += output[hidden_width + j] * x[j];
      parts_[i][part] = sum;
    }
  }
}

void UnusualActivityNetwork::backward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint8_t> made_up, float* gradient) {
  const std::size_t width = layout_.input_width(), hidden_width = layout_.hidden_width(), embedding = layout_.embedding().stride;
  embedding_rows_.clear();
  for (const std::uint32_t i : which_)
    for (const std::uint32_t category : steps[i].category) embedding_rows_.push_back({layout_.embedding().row(category), embedding});
  std::ranges::sort(embedding_rows_, {}, &LocalDescent::ArenaRow::offset);
  const auto repeated = std::ranges::unique(embedding_rows_, {}, &LocalDescent::ArenaRow::offset);
  embedding_rows_.erase(repeated.begin(), repeated.end());
  d_hidden_.reserve(which_.size() * hidden_width);
  d_embedding_.reserve(which_.size() * embedding);
  for (std::size_t part = 0; part < kUnusualParts; ++part) {
    const auto& hidden = layout_.hidden(part);
    const float* output = arena + layout_.output(part).offset;
    float* d_output = gradient + layout_.output(part).offset;
    std::fill_n(d_output, hidden_width + width, 0.0f);
    for (std::size_t i = 0; i < which_.size(); ++i) {
      const float surprise_of = surprise(i);
      const float d = (surprise_of >= 0 ? 1 / (1 + std::exp(-surprise_of)) : std::exp(surprise_of) / (1 + std::exp(surprise_of))) - (made_up[which_[i]] != 0 ? 1.0f : 0.0f);
      const float* h = hidden_[part].data() + i * hidden_width;
      const float* x = inputs_[part].data() + i * width;
      float* d_h = d_hidden_.data() + i * hidden_width;
      for (std::size_t j = 0; j < hidden_width; ++j) {
        d_output[j] += d * h[j];
        d_h[j] = d * output[j] * (1 - h[j] * h[j]);
      }
      for (std::size_t j = 0; j < width; ++j) d_output[hidden_width + j] += d * x[j];
      float* d_e = d_embedding_.data() + i * embedding;
      for (std::size_t j = 0; j < embedding; ++j) d_e[j] = d * output[hidden_width + kUnusualNumeric + j];
    }
    kernels::multiply({.rows = width, .inner = which_.size(), .columns = hidden_width, .a = inputs_[part].data(), .a_row_stride = 1, .a_inner_stride = width, .b = d_hidden_.data(),
                       .b_stride = hidden_width, .c = gradient + hidden.offset, .c_stride = hidden.stride}, kernels::Into::overwrite);
    kernels::transpose(arena + hidden.row(kUnusualNumeric), embedding, hidden_width, hidden.stride, hidden_back_.data(), embedding);
    kernels::multiply({.rows = which_.size(), .inner = hidden_width, .columns = embedding, .a = d_hidden_.data(), .a_row_stride = hidden_width, .b = hidden_back_.data(), .b_stride = embedding,
                       .c = d_embedding_.data(), .c_stride = embedding}, kernels::Into::add);
    for (std::size_t i = 0; i < which_.size(); ++i) {
      float* to = gradient + layout_.embedding().row(steps[which_[i]].category[part]);
      for (std::size_t j = 0; j < embedding; ++j) to[j] += d_embedding_.data()[i * embedding + j];
    }
  }
}

}  // namespace fedspend::models
