#pragma once
// All that needs libtorch lies in a module of its own, fedspend_torch.so, which is loaded when it is first asked for: linking
// libtorch would cost every start 0.6 s and 155 MB (DESIGN.md, Facts). This header and what it includes are the module's whole
// interface; a tag of their contents, the compiler and the version keeps a module of another build out. Thread-safe.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/history.h"
#include "models/process_group.h"
#include "models/trainer.h"

namespace fedspend::models {

// What a preflight of a TorchScript file found. Everything in it was tried, not read off.
struct TorchScriptReport {
  std::vector<LayoutEntry> parameters;   // trained, in the order of the flat vector
  std::vector<std::string> without_gradient;  // parameters that the dry step left as they were
  std::vector<std::string> frozen;       // buffers, and parameters that do not ask for a gradient: as in the file, for ever
  std::size_t parameter_count = 0;
  bool takes_past = false;               // forward has a fourth input
  std::size_t predictions = 0;           // of the dry step
  double loss = 0;                       // mean, of the weights in the file on the rows of the dry step
  double update_norm_l2 = 0;             // of the dry step
  double seconds = 0;                    // of the dry step
};

class TorchModule {
 public:
  virtual ~TorchModule() = default;

  // The twin of a lean trainer, of every stock model: the same parameter layout, initial weights and steps.
  virtual Result<std::unique_ptr<Trainer>> make_twin(const ModelSpec& model) const = 0;
  // The bytes of a TorchScript file (contract: models/torch/README.md), whose code runs in this process. Errors name the fault and
  // say how to mend it: malformed for a file that is none or has no such forward or parameters; invalid_argument for sizes or a
  // parameter count (0: not checked) that are not the plan's; conflict for a hash that is not.
  virtual Result<std::unique_ptr<Trainer>> make_torchscript(const ModelSpec& model, ByteSpan file) const = 0;
  // Makes it, tries its shapes, that it looks at no later step, is the same twice and keeps no state, and takes one step on `rows`
  // (at most the newest 8 windows). Errors as make_torchscript.
  virtual Result<TorchScriptReport> preflight_torchscript(const ModelSpec& model, const TrainingSpec& training, ByteSpan file,
                                                          std::span<const HistoryRow> rows) const = 0;
  // Of the libraries that compute: libtorch and OpenBLAS with their versions, and the processor whose kernels they use. Bits depend on them.
  virtual std::string libraries() const = 0;
  // conflict where several threads cannot compute with them at once; torch_module() asks it.
  virtual Status check_libraries() const = 0;
  // Threads inside one call of torch on the calling thread. Trainers set 1, on the threads that they work on; a benchmark tries more.
  virtual void set_threads_inside(unsigned count) const = 0;
  // timeout names the ranks that did not come, or says that what listens at the store's address does not answer; conflict a rank that is
  // there twice or ranks that differ in their number; io once options.stop is set.
  virtual Result<std::unique_ptr<ProcessGroup>> join(const ProcessGroupOptions& options) const = 0;
};

// The module, loaded by the first call, for the rest of the process. It is looked for in the file that FEDSPEND_TORCH_MODULE names,
// or else beside the program (or library) that asks and in ../lib from there. not_found where there is none, conflict for one of
// another build and where its libraries do not pass check_libraries; the hint says how to mend it.
Result<const TorchModule*> torch_module();

// Which trainers the plan of a stock model is run by; a torchscript plan has torch's in any case.
enum class TrainerFamily { lean, torch };
Result<TrainerFamily> parse_trainer_family(std::string_view name);
std::string_view to_string(TrainerFamily family);

struct TrainerChoice {
  TrainerFamily family = TrainerFamily::lean;
  std::shared_ptr<const Bytes> model_file = {};  // of a torchscript plan; shared, because every worker's trainer is made of it
};
// As make_trainer of trainer.h, by choice. Each call makes an object of its own, for one thread.
Result<std::unique_ptr<Trainer>> make_trainer(const ModelSpec& model, const TrainerChoice& choice);

// What the module exports; a C function each.
inline constexpr const char* kTorchModuleTagSymbol = "fedspend_torch_module_tag";      // const char* ()
inline constexpr const char* kTorchModuleSymbol = "fedspend_torch_module";             // const TorchModule* (const char* isa)
inline constexpr const char* kTorchModuleVariable = "FEDSPEND_TORCH_MODULE";

}  // namespace fedspend::models
