#include "models/spend_forecast/spend_forecast_network.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"

namespace fedspend::models {
namespace {

constexpr float kLeastLow = 0.01f;
constexpr std::size_t kNumericWidth = kernels::padded(kSpendNumeric);

// Of the mean over the three, at one of the quantiles.
float slope(float quantile, float target, float point) { return (target > quantile ? -point : target < quantile ? 1 - point : 0.0f) / 3; }

}  // namespace

double pinball_loss(std::span<const float, 3> quantiles, float target, const std::array<float, 3>& points) {
  double sum = 0;
  for (std::size_t j = 0; j < 3; ++j) {
    const double above = static_cast<double>(target) - static_cast<double>(quantiles[j]), point = static_cast<double>(points[j]);
    sum += std::max(point * above, (point - 1) * above);
  }
  return sum / 3;
}

LeanSpendForecastNetwork::LeanSpendForecastNetwork(const SpendForecastLayout& layout) : layout_(layout) {
  output_back_.resize_zero(layout.output().stride * layout.output().rows);
  hidden_back_.resize_zero(layout.hidden().stride * layout.hidden().rows);
}

void LeanSpendForecastNetwork::forward(const float* arena, std::span<const SpendStep> steps, std::span<const std::uint32_t> which) {
  const std::size_t hidden_width = layout_.hidden_width(), width = hidden_width + layout_.input_width(), embedding = layout_.embedding().stride;
  const auto& output = layout_.output();
  which_.assign(which.begin(), which.end());
  inputs_.resize_zero(which.size() * width);
  hidden_.reserve(which.size() * hidden_width);
  output_.reserve(which.size() * output.stride);
  for (std::size_t i = 0; i < which.size(); ++i) {
    const SpendStep& step = steps[which[i]];
    float* x = inputs_.data() + i * width + hidden_width;
    std::ranges::copy(step.numeric, x);
    if (step.knows_category) std::copy_n(arena + layout_.embedding().row(step.series), embedding, x + kNumericWidth);
  }
  kernels::multiply({.rows = which.size(), .inner = layout_.input_width(), .columns = hidden_width, .a = inputs_.data() + hidden_width, .a_row_stride = width, .b = arena + layout_.hidden().offset,
                     .b_stride = layout_.hidden().stride, .c = hidden_.data(), .c_stride = hidden_width}, kernels::Into::overwrite);
  kernels::tanh(hidden_.data(), which.size() * hidden_width);
  for (std::size_t i = 0; i < which.size(); ++i) std::copy_n(hidden_.data() + i * hidden_width, hidden_width, inputs_.data() + i * width);
  kernels::multiply({.rows = which.size(), .inner = width, .columns = output.stride, .a = inputs_.data(), .a_row_stride = width, .b = arena + output.offset, .b_stride = output.stride,
                     .c = output_.data(), .c_stride = output.stride}, kernels::Into::overwrite);
  quantiles_.resize(which.size());
  z_.resize(which.size());
  for (std::size_t i = 0; i < which.size(); ++i) {
    const SpendStep& step = steps[which[i]];
    const float* o = output_.data() + i * output.stride;
    float below = 0;
    const float least_low = step.own[0] > 0 ? std::min(kLeastLow, step.own[0] / 2) : kLeastLow;
    for (std::size_t j = 0; j < 3; ++j) {
      float z = 0;
      for (std::size_t k = 0; k < kSpendBricks; ++k) z += o[j * kSpendBricks + k] * step.bricks[k];
      z_[i][j] = z;
      below += z < (j == 0 ? least_low : 0.0f) ? 0.0f : z;  // not a number stays so, and is_sound says it
      quantiles_[i][j] = below;
    }
    if (!step.trained) quantiles_[i] = step.own;
  }
}

bool LeanSpendForecastNetwork::is_sound(std::size_t i) const { return std::ranges::all_of(quantiles_[i], [](float value) { return std::isfinite(value); }); }

void LeanSpendForecastNetwork::backward(const float* arena, std::span<const SpendStep> steps, float* gradient) {
  const std::size_t hidden_width = layout_.hidden_width(), input_width = layout_.input_width(), width = hidden_width + input_width, embedding = layout_.embedding().stride;
  const auto &output = layout_.output(), &hidden = layout_.hidden();
  // At the outputs, in their place.
  for (std::size_t i = 0; i < which_.size(); ++i) {
    const SpendStep& step = steps[which_[i]];
    FEDSPEND_CHECK(step.trained && step.target >= 0, "steps that are trained on have a target");
    float* d = output_.data() + i * output.stride;
    std::fill_n(d, output.stride, 0.0f);
    float from_above = 0;
    for (std::size_t j = 3; j-- > 0;) {
      from_above += slope(quantiles_[i][j], step.target, kTrainedPoints[j]);
      const float at = z_[i][j] < 0 ? std::min(from_above, 0.0f) : from_above;
      for (std::size_t k = 0; k < kSpendBricks; ++k) d[j * kSpendBricks + k] = at * step.bricks[k];
    }
  }
  kernels::multiply({.rows = width, .inner = which_.size(), .columns = output.stride, .a = inputs_.data(), .a_row_stride = 1, .a_inner_stride = width, .b = output_.data(), .b_stride = output.stride,
                     .c = gradient + output.offset, .c_stride = output.stride}, kernels::Into::overwrite);
  kernels::transpose(arena + output.offset, output.rows, output.stride, output.stride, output_back_.data(), output.rows);
  kernels::transpose(arena + hidden.offset, hidden.rows, hidden.stride, hidden.stride, hidden_back_.data(), hidden.rows);
  d_hidden_.reserve(which_.size() * hidden_width);
  d_embedding_.reserve(which_.size() * embedding);
  kernels::multiply({.rows = which_.size(), .inner = output.stride, .columns = hidden_width, .a = output_.data(), .a_row_stride = output.stride, .b = output_back_.data(), .b_stride = output.rows,
                     .c = d_hidden_.data(), .c_stride = hidden_width}, kernels::Into::overwrite);
  for (std::size_t i = 0; i < which_.size() * hidden_width; ++i) d_hidden_.data()[i] *= 1 - hidden_.data()[i] * hidden_.data()[i];
  kernels::multiply({.rows = input_width, .inner = which_.size(), .columns = hidden_width, .a = inputs_.data() + hidden_width, .a_row_stride = 1, .a_inner_stride = width, .b = d_hidden_.data(),
                     .b_stride = hidden_width, .c = gradient + hidden.offset, .c_stride = hidden.stride}, kernels::Into::overwrite);
  kernels::multiply({.rows = which_.size(), .inner = output.stride, .columns = embedding, .a = output_.data(), .a_row_stride = output.stride,
                     .b = output_back_.data() + hidden_width + kNumericWidth, .b_stride = output.rows, .c = d_embedding_.data(), .c_stride = embedding}, kernels::Into::overwrite);
  kernels::multiply({.rows = which_.size(), .inner = hidden_width, .columns = embedding, .a = d_hidden_.data(), .a_row_stride = hidden_width, .b = hidden_back_.data() + kNumericWidth,
                     .b_stride = hidden.rows, .c = d_embedding_.data(), .c_stride = embedding}, kernels::Into::add);
  embedding_rows_.clear();
  for (std::size_t i = 0; i < which_.size(); ++i) {
    const std::size_t offset = layout_.embedding().row(steps[which_[i]].series);
    if (!steps[which_[i]].knows_category) continue;
    if (std::ranges::find(embedding_rows_, offset, &LocalDescent::ArenaRow::offset) == embedding_rows_.end()) embedding_rows_.push_back({offset, embedding});
    for (std::size_t j = 0; j < embedding; ++j) gradient[offset + j] += d_embedding_.data()[i * embedding + j];
  }
}

}  // namespace fedspend::models
