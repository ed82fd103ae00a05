#pragma once
// The weights that a model begins with: what is drawn, the same on every machine for a seed. What it sets besides is its trainer's. Pure.

#include <cstdint>
#include <functional>
#include <span>

#include "models/trainer.h"

namespace fedspend::models {

// Zeros, but for the entries of which half_width says more than 0: uniform in +- that, drawn in the order of the layout.
void draw_weights(std::span<float> weights, const Trainer& trainer, std::uint64_t seed, const std::function<double(const LayoutEntry&)>& half_width);

}  // namespace fedspend::models
