#include "tests/models/torch/script_file.h"

#include <torch/script.h>

#include <cmath>
#include <sstream>

namespace fedspend::testing {
namespace {

at::Tensor values_of(const ScriptTensor& tensor) {
  if (tensor.kind == ScriptTensorKind::expanded_buffer) return torch::zeros({1}).expand(tensor.shape);
  at::Tensor values = torch::zeros(tensor.shape);
  float* data = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = tensor.scale * std::sin(static_cast<float>(3 * i + 1));
  return tensor.kind == ScriptTensorKind::double_parameter ? values.to(at::kDouble) : values;
}

}  // namespace

Bytes script_file(const std::vector<ScriptTensor>& tensors, const std::string& source) {
  torch::jit::Module module("Model");
  module.register_attribute("training", c10::BoolType::get(), true);
  for (const ScriptTensor& tensor : tensors) {
    if (tensor.kind == ScriptTensorKind::buffer || tensor.kind == ScriptTensorKind::expanded_buffer) {
      module.register_buffer(tensor.name, values_of(tensor));
    } else {
      const at::Tensor values = values_of(tensor).requires_grad_(tensor.kind != ScriptTensorKind::frozen_parameter);
      module.register_parameter(tensor.name, values, false);
    }
  }
  module.define(source);
  std::ostringstream stream;
  module.save(stream);
  const std::string text = stream.str();
  return Bytes(text.begin(), text.end());
}

}  // namespace fedspend::testing
