#include "models/unusual_activity/unusual_activity_network.h"

#include <algorithm>
#include <cmath>

namespace fedspend::models {
namespace {

// log(sum of exp), of the ways and, with `and_usual`, of 0 beside them.
float log_sum(const std::array<float, kUnusualWays>& ways, bool and_usual) {
  const float most = std::max(and_usual ? 0.0f : ways[0], *std::ranges::max_element(ways));
  float sum = and_usual ? std::exp(-most) : 0.0f;
  for (const float way : ways) sum += std::exp(way - most);
  return most + std::log(sum);
}

}  // namespace

double surprise_loss(float surprise, bool is_made_up) {
  const double against = is_made_up ? -static_cast<double>(surprise) : static_cast<double>(surprise);
  return against > 0 ? against + std::log1p(std::exp(-against)) : std::log1p(std::exp(against));
}

LeanUnusualActivityNetwork::LeanUnusualActivityNetwork(const UnusualActivityLayout& layout) : layout_(layout) {
  hidden_back_.resize_zero(layout.hidden_width() * layout.embedding().stride);
}

void LeanUnusualActivityNetwork::forward(const float* arena, std::span<const UnusualStep> steps, std::span<const std::uint32_t> which) {
  const std::size_t width = layout_.input_width(), hidden_width = layout_.hidden_width(), embedding = layout_.embedding().stride;
  which_.assign(which.begin(), which.end());
  ways_.assign(which.size(), {});
  surprises_.resize(which.size());
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
    const auto& output = layout_.output(part);
    kernels::multiply({.rows = which.size(), .inner = width, .columns = hidden_width, .a = inputs_[part].data(), .a_row_stride = width, .b = arena + hidden.offset, .b_stride = hidden.stride,
                       .c = hidden_[part].data(), .c_stride = hidden_width}, kernels::Into::overwrite);
    kernels::tanh(hidden_[part].data(), which.size() * hidden_width);
    for (std::size_t i = 0; i < which.size(); ++i) {
      const float* h = hidden_[part].data() + i * hidden_width;
      const float* x = inputs_[part].data() + i * width;
      for (std::size_t way = 0; way < kUnusualWays; ++way) {
        const float* weights = arena + output.row(way);
        float sum = 0;
        for (std::size_t j = 0; j < hidden_width; ++j) sum += weights[j] * h[j];
        for (std::size_t j = 0; j < width; ++j) sum += weights[hidden_width + j] * x[j];
        ways_[i][way] += sum;
      }
    }
  }
  for (std::size_t i = 0; i < which.size(); ++i) surprises_[i] = log_sum(ways_[i], false);
}

double LeanUnusualActivityNetwork::loss(std::size_t i, UnusualWay way) const {
  return static_cast<double>(log_sum(ways_[i], true)) - (way == kAsItWas ? 0.0 : static_cast<double>(ways_[i][way]));
}

void LeanUnusualActivityNetwork::backward(const float* arena, std::span<const UnusualStep> steps, float* gradient) {
  const std::size_t width = layout_.input_width(), hidden_width = layout_.hidden_width(), embedding = layout_.embedding().stride;
  embedding_rows_.clear();
  for (const std::uint32_t i : which_)
    for (const std::uint32_t category : steps[i].category) embedding_rows_.push_back({layout_.embedding().row(category), embedding});
  std::ranges::sort(embedding_rows_, {}, &LocalDescent::ArenaRow::offset);
  const auto repeated = std::ranges::unique(embedding_rows_, {}, &LocalDescent::ArenaRow::offset);
  embedding_rows_.erase(repeated.begin(), repeated.end());
  // The gradient of the losses at the ways, in their place.
  for (std::size_t i = 0; i < which_.size(); ++i) {
    const float all = log_sum(ways_[i], true);
    for (std::size_t way = 0; way < kUnusualWays; ++way) ways_[i][way] = std::exp(ways_[i][way] - all) - (steps[which_[i]].way == way ? 1.0f : 0.0f);
  }
  d_hidden_.reserve(which_.size() * hidden_width);
  d_embedding_.reserve(which_.size() * embedding);
  for (std::size_t part = 0; part < kUnusualParts; ++part) {
    const auto& hidden = layout_.hidden(part);
    const auto& output = layout_.output(part);
    std::fill_n(gradient + output.offset, output.rows * output.stride, 0.0f);
    std::fill_n(d_hidden_.data(), which_.size() * hidden_width, 0.0f);
    std::fill_n(d_embedding_.data(), which_.size() * embedding, 0.0f);
    for (std::size_t i = 0; i < which_.size(); ++i) {
      const float* h = hidden_[part].data() + i * hidden_width;
      const float* x = inputs_[part].data() + i * width;
      float* d_h = d_hidden_.data() + i * hidden_width;
      float* d_e = d_embedding_.data() + i * embedding;
      for (std::size_t way = 0; way < kUnusualWays; ++way) {
        const float d = ways_[i][way];
        const float* weights = arena + output.row(way);
        float* d_weights = gradient + output.row(way);
        for (std::size_t j = 0; j < hidden_width; ++j) {
          d_weights[j] += d * h[j];
          d_h[j] += d * weights[j];
        }
        for (std::size_t j = 0; j < width; ++j) d_weights[hidden_width + j] += d * x[j];
        for (std::size_t j = 0; j < embedding; ++j) d_e[j] += d * weights[hidden_width + kUnusualNumeric + j];
      }
      for (std::size_t j = 0; j < hidden_width; ++j) d_h[j] *= 1 - h[j] * h[j];
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
