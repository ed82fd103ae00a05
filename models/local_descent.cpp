#include "models/local_descent.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fedspend::models {

tl::unexpected<Error> not_finite() {
  return fail(ErrorCode::limit, "the model gives values that are not finite", "its weights are not those of a training that went well: lower training.learning_rate or server.learning_rate");
}

LocalDescent::LocalDescent(const ArenaLayout& layout) : layout_(layout) {
  weights_.resize_zero(layout_.arena_size());
  gradient_.resize_zero(layout_.arena_size());
}

Status LocalDescent::load(std::span<const float> weights) {
  if (weights.size() != layout_.parameter_count()) {
    return fail(ErrorCode::invalid_argument,
                "the weights have " + std::to_string(weights.size()) + " values and the model " + std::to_string(layout_.parameter_count()),
                "use the weights of this plan's model");
  }
  layout_.to_arena(weights, weights_.data());
  return {};
}

void LocalDescent::begin(const TrainingOptions& options) {
  spec_ = options.spec;
  part_ = options.part;
  if (spec_.momentum != 0) velocity_.resize_zero(layout_.arena_size());
  if (spec_.proximal_mu != 0) {
    round_weights_.reserve(layout_.arena_size());
    std::copy_n(weights_.data(), layout_.arena_size(), round_weights_.data());
  }
}

void LocalDescent::step_over(std::size_t offset, std::size_t width, double scale) {
  kernels::gradient_step({.count = width, .weights = weights_.data() + offset, .gradient = gradient_.data() + offset,
                          .velocity = spec_.momentum != 0 ? velocity_.data() + offset : nullptr,
                          .round_weights = spec_.proximal_mu != 0 ? round_weights_.data() + offset : nullptr,
                          .learning_rate = static_cast<float>(spec_.learning_rate), .momentum = static_cast<float>(spec_.momentum),
                          .scale = static_cast<float>(scale), .proximal_mu = static_cast<float>(spec_.proximal_mu)});
}

// The pull of FedProx (Li et al. 2020, "Federated optimization in heterogeneous networks", eq. 2) is added after the clipping: the clip norm
// bounds what the data do, and the pull stays whole, so that without momentum |w - w_round| never exceeds clip / mu as long as
// learning_rate mu <= 1.
void LocalDescent::step(double count, std::span<const ArenaRow> all_rows) {
  const bool head = part_ == TrainedPart::head;  // what lies last in the arena: as if nothing else had a gradient
  const std::size_t dense = head ? layout_.head_offset() : layout_.dense_offset();
  const std::span<const ArenaRow> rows = head ? std::span<const ArenaRow>() : all_rows;
  double scale = 1 / count;
  bool sound = true;
  if (spec_.gradient_clip_l2 > 0) {
    double squares = kernels::sum_of_squares(gradient_.data() + dense, layout_.arena_size() - dense);
    for (const ArenaRow& row : rows) squares += kernels::sum_of_squares(gradient_.data() + row.offset, row.width);
    const double norm = std::sqrt(squares) / count;
    sound = std::isfinite(norm);  // no step is better than a step to nowhere
    if (norm > spec_.gradient_clip_l2) scale *= spec_.gradient_clip_l2 / norm;
  }
  if (sound && (spec_.momentum != 0 || spec_.proximal_mu != 0)) {
    const std::size_t from = head ? dense : 0;
    step_over(from, layout_.arena_size() - from, scale);
  } else if (sound) {
    step_over(dense, layout_.arena_size() - dense, scale);  // and of the embeddings only the rows that moved
    for (const ArenaRow& row : rows) step_over(row.offset, row.width, scale);
  }
  for (const ArenaRow& row : all_rows) std::fill_n(gradient_.data() + row.offset, row.width, 0.0f);
}

Status LocalDescent::finish(std::span<const float> weights, std::span<float> update) const {
  layout_.to_flat(weights_.data(), update);
  std::uint32_t not_finite = 0;  // without a branch, so that this runs in vectors
  for (std::size_t i = 0; i < update.size(); ++i) {
    update[i] -= weights[i];
    not_finite |= (std::bit_cast<std::uint32_t>(update[i]) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
  }
  if (not_finite == 0) return {};
  std::fill(update.begin(), update.end(), 0.0f);
  return fail(ErrorCode::limit, "training diverged", "lower training.learning_rate or set training.gradient_clip_l2");
}

}  // namespace fedspend::models
