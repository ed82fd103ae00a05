// What the torch module exports: its tag, and the one object through which all else is made (models/torch_module.h).

#include "common/crypto/random.h"
#include "models/kernels.h"
#include "models/torch/process_group_gloo.h"
#include "models/torch/torch_libraries.h"
#include "models/torch/torchscript.h"
#include "models/torch/twins.h"
#include "models/torch/window_trainer.h"
#include "models/torch_module.h"
#include "models/torch_module_tag.h"

namespace fedspend::models {
namespace {

class Module final : public TorchModule {
 public:
  Result<std::unique_ptr<Trainer>> make_twin(const ModelSpec& model) const override { return models::make_twin(model); }
  Result<std::unique_ptr<Trainer>> make_torchscript(const ModelSpec& model, ByteSpan file) const override { return make_torchscript_trainer(model, file); }
  Result<TorchScriptReport> preflight_torchscript(const ModelSpec& model, const TrainingSpec& training, ByteSpan file,
                                                  std::span<const HistoryRow> rows) const override {
    return models::preflight_torchscript(model, training, file, rows);
  }
  std::string libraries() const override { return torch_libraries(); }
  Status check_libraries() const override { return check_torch_libraries(); }
  void set_threads_inside(unsigned count) const override { set_torch_threads(count); }
  Result<std::unique_ptr<ProcessGroup>> join(const ProcessGroupOptions& options) const override { return join_gloo_group(options); }
};

}  // namespace
}  // namespace fedspend::models

extern "C" {

__attribute__((visibility("default"))) const char* fedspend_torch_module_tag() { return fedspend::models::kTorchModuleTag; }

// The module has its own copy of the kernels and of libsodium's state: they follow the program's.
__attribute__((visibility("default"))) const fedspend::models::TorchModule* fedspend_torch_module(const char* isa) {
  fedspend::initialize_crypto();
  static const fedspend::models::Module module;
  static_cast<void>(fedspend::models::pin_isa(isa));
  return &module;
}
}
