#pragma once
// Makes TorchScript files for the tests, in C++ and without Python. The one place of the tests that includes libtorch.

#include <cstdint>
#include <string>
#include <vector>

#include "common/bytes.h"

namespace fedspend::testing {

enum class ScriptTensorKind { parameter, frozen_parameter, double_parameter, buffer, expanded_buffer };  // expanded: one number, shown everywhere

struct ScriptTensor {
  std::string name;
  std::vector<std::int64_t> shape;  // filled with small numbers that differ, the same in every run
  ScriptTensorKind kind = ScriptTensorKind::parameter;
  float scale = 0.3f;               // of the numbers: 0 for zeros
};

// A module with these tensors and an attribute `training`, and the methods of `source` (TorchScript).
Bytes script_file(const std::vector<ScriptTensor>& tensors, const std::string& source);

}  // namespace fedspend::testing
