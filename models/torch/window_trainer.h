#pragma once
// The trainer around every network that libtorch trains: it cuts windows and features as the lean trainer does, keeps all parameters
// in one flat tensor (so that clipping and the optimizer are a call each), and scores. What differs from model to model is a
// WindowNetwork. No torch header is included here: its types are only named. One object per thread.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/result.h"
#include "models/trainer.h"

namespace at {
class Tensor;
}

namespace fedspend::models {

// B windows padded at their end to T steps, as tensors; F = kNumericFeatures, K = kPastKinds, C the categories of the plan.
struct WindowBatch {
  const at::Tensor& categories;  // int64 [B, T]: of the last row; C: other, C + 1: start, and padding
  const at::Tensor& merchants;   // int64 [B, T]: 0: none, and padding; otherwise 1 + bucket
  const at::Tensor& numeric;     // float32 [B, T, F]
  const at::Tensor& past;        // float32 [B, T, K, C]; undefined if the network does not take it
};

class WindowNetwork {
 public:
  virtual ~WindowNetwork() = default;

  virtual const std::vector<LayoutEntry>& layout() const = 0;
  virtual std::size_t parameter_count() const = 0;
  virtual void initialize(std::span<float> weights, std::uint64_t seed) const = 0;

  // The tensors that are trained, parameter_count() floats in all. The trainer lets them share one flat tensor.
  virtual std::vector<at::Tensor> parameters() = 0;
  // Between them and the flat vector of the layout: exact both ways.
  virtual void load(std::span<const float> weights) = 0;
  virtual void store(std::span<float> weights) = 0;

  virtual bool takes_past() const = 0;
  // Steps of every window it is given; 0: any number.
  virtual std::size_t fixed_length() const = 0;
  // True for a network that can go on where the last batch (of one window) ended: `state`, undefined at first, holds where.
  virtual bool carries_state() const = 0;
  // [B, T, C]. `state` is null where every window starts anew. May throw what libtorch throws.
  virtual at::Tensor logits(const WindowBatch& batch, at::Tensor* state) = 0;
};

struct WindowSizes {
  std::size_t categories = 0, merchant_buckets = 0, past_rows = 0, sequence_length = 0;
};

// `name` stands in messages: a file's name, or the model's.
std::unique_ptr<Trainer> make_window_trainer(std::string name, std::unique_ptr<WindowNetwork> network, const WindowSizes& sizes);

// Each worker thread computes on itself alone: parallelism is over clients. The first call on a thread sets that; called by
// everything here that computes.
void prepare_torch_thread();
void set_torch_threads(unsigned count);

}  // namespace fedspend::models
