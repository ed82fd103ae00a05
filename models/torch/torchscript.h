#pragma once
// Models that data scientists bring as TorchScript files (contract: README.md beside this). The file's code runs in this process,
// always in evaluation mode, and is executed as it is written: TorchScript's profiling executor runs the first calls otherwise than
// the later ones (and slowly), so that the bits could depend on which thread trained whom. One object per thread.

#include <memory>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/torch/window_trainer.h"
#include "models/torch_module.h"
#include "models/torchscript_spec.h"

namespace fedspend::models {

class ScriptNetwork : public WindowNetwork {
 public:
  // Tensors of the module that are not trained, by name, and their values as bytes.
  virtual const std::vector<std::string>& frozen() const = 0;
  virtual Bytes frozen_values() const = 0;
};

// Errors as TorchModule::make_torchscript (models/torch_module.h).
Result<std::unique_ptr<ScriptNetwork>> load_script(const ModelSpec& model, const TorchScriptSizes& sizes, ByteSpan file);
Result<std::unique_ptr<Trainer>> make_torchscript_trainer(const ModelSpec& model, ByteSpan file);
WindowSizes window_sizes(const TorchScriptSizes& sizes);

// As TorchModule::preflight_torchscript.
Result<TorchScriptReport> preflight_torchscript(const ModelSpec& model, const TrainingSpec& training, ByteSpan file,
                                                std::span<const HistoryRow> rows);

}  // namespace fedspend::models
