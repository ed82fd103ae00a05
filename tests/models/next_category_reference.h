#pragma once
// The model next_category once more, in double, one step at a time and straight from the formulas of next_category_network.h: what
// the written-out forward and backward passes are held against. For tests.

#include <cmath>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/next_category/next_category_layout.h"
#include "models/next_category/next_category_network.h"

namespace fedspend::models {

class NextCategoryReference {
 public:
  explicit NextCategoryReference(const NextCategoryLayout& layout) : sizes_(layout.sizes()) {
    for (const LayoutEntry& entry : layout.entries()) offset_[entry.name] = entry.offset;
  }

  // The sum of -log p(target) over the scored steps that have a target; every window starts from a state of zeros.
  double loss(std::span<const double> weights, const Steps& steps, std::span<const Window> windows) const {
    double sum = 0;
    for (const Window& window : windows) {
      std::vector<double> state(sizes_.hidden, 0.0);
      for (std::uint32_t i = window.begin; i < window.end; ++i) {
        const std::vector<double> inputs = inputs_of(weights, steps.steps[i]);
        advance(weights, inputs, state);
        if (i < window.scored_from || steps.steps[i].target < 0) continue;
        const std::vector<double> p = probabilities(weights, inputs, state, steps, i);
        sum -= std::log(p[static_cast<std::size_t>(steps.steps[i].target)]);
      }
    }
    return sum;
  }

  // After the steps 0 ... last, from a state of zeros.
  std::vector<double> predict(std::span<const double> weights, const Steps& steps, std::size_t last) const {
    std::vector<double> state(sizes_.hidden, 0.0), inputs;
    for (std::size_t i = 0; i <= last; ++i) {
      inputs = inputs_of(weights, steps.steps[i]);
      advance(weights, inputs, state);
    }
    return probabilities(weights, inputs, state, steps, last);
  }

 private:
  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
  double at(std::span<const double> w, const std::string& name, std::size_t index) const { return w[offset_.at(name) + index]; }

  std::vector<double> inputs_of(std::span<const double> w, const Step& step) const {
    std::vector<double> x;
    for (std::size_t j = 0; j < sizes_.embedding; ++j) x.push_back(at(w, "category_embedding", step.category * sizes_.embedding + j));
    for (std::size_t j = 0; j < sizes_.merchant_embedding; ++j) {
      const auto row = static_cast<std::size_t>(step.merchant < 0 ? 0 : step.merchant);
      x.push_back(step.merchant < 0 ? 0.0 : at(w, "merchant_embedding", row * sizes_.merchant_embedding + j));
    }
    x.insert(x.end(), step.numeric.begin(), step.numeric.end());
    return x;
  }

  double from(std::span<const double> w, const std::string& name, std::span<const double> x, std::size_t columns, std::size_t j) const {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * at(w, name, i * columns + j);
    return sum;
  }

  void advance(std::span<const double> w, std::span<const double> x, std::vector<double>& state) const {
    const std::size_t h = sizes_.hidden;
    const std::vector<double> before = state;
    const auto input = [&](const char* gate, std::size_t j) {
      return from(w, std::string("gru.input.") + gate, x, h, j) + at(w, std::string("gru.bias.") + gate, j);
    };
    const auto recurrent = [&](const char* gate, std::size_t j) { return from(w, std::string("gru.recurrent.") + gate, before, h, j); };
    for (std::size_t j = 0; j < h; ++j) {
      const double r = sigmoid(input("reset", j) + recurrent("reset", j));
      const double z = sigmoid(input("update", j) + recurrent("update", j));
      const double n = std::tanh(input("candidate", j) + r * recurrent("candidate", j));
      state[j] = (1 - z) * n + z * before[j];
    }
  }

  std::vector<double> probabilities(std::span<const double> w, std::span<const double> x, std::span<const double> state,
                                    const Steps& steps, std::size_t i) const {
    std::vector<double> logits;
    for (std::size_t c = 0; c < sizes_.categories; ++c) {
      logits.push_back(from(w, "output.state", state, sizes_.categories, c) + from(w, "output.direct", x, sizes_.categories, c) +
                       at(w, "output.bias", c));
    }
    for (std::uint32_t e = steps.steps[i].past_begin; e < steps.steps[i].past_end; ++e) {
      const PastEntry& entry = steps.past[e];
      const double trust = from(w, "trust.state", state, kPastKinds, entry.kind) + from(w, "trust.direct", x, kPastKinds, entry.kind) +
                           at(w, "trust.bias", entry.kind);
      logits[entry.category] += trust * static_cast<double>(entry.value);
    }
    double highest = logits[0], sum = 0;
    for (const double logit : logits) highest = std::max(highest, logit);
    for (double& logit : logits) sum += logit = std::exp(logit - highest);
    for (double& logit : logits) logit /= sum;
    return logits;
  }

  NextCategorySizes sizes_;
  std::map<std::string, std::size_t> offset_;
};

}  // namespace fedspend::models
