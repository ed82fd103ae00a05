#include "models/torch_module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string_view>

#include "models/kernels.h"
#include "models/torch_module_tag.h"

namespace fedspend::models {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "fedspend_torch.so";

// The program, or the library that this code is linked into (Python loads one).
std::vector<fs::path> homes() {
  std::vector<fs::path> found;
  std::error_code error;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&torch_module), &info) != 0 && info.dli_fname != nullptr) {
    const fs::path self = fs::canonical(info.dli_fname, error);
    if (!error) found.push_back(self.parent_path());
  }
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) found.push_back(program.parent_path());
  return found;
}

Result<fs::path> find_module() {
  std::error_code error;
  if (const char* named = std::getenv(kTorchModuleVariable); named != nullptr && *named != '\0') {
    if (fs::is_regular_file(named, error)) return fs::canonical(named);
    return fail(ErrorCode::not_found, std::string(kTorchModuleVariable) + " names " + named + ", where there is no file", std::string("let it name ") + kFileName + ", or unset it");
  }
  for (const fs::path& home : homes())
    for (const fs::path& place : {home / kFileName, home.parent_path() / "lib" / kFileName})
      if (fs::is_regular_file(place, error)) return place;
  return fail(ErrorCode::not_found, std::string("torch models need the module ") + kFileName + ", which is not there",
              kBuiltWithTorch ? std::string("build the target fedspend_torch, or let ") + kTorchModuleVariable + " name the file"
                              : "this build is without libtorch: build the preset release, or train with the lean trainers");
}

std::string why_not() {
  const char* text = dlerror();
  return text == nullptr ? std::string("unknown reason") : std::string(text);
}

template <class Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

// What libtorch has to say comes as an exception, and becomes one line of ours; its log would come before it. Read when it is loaded.
void keep_libtorch_quiet() {
  constexpr const char* fatal = "3";
  for (const char* name : {"GLOG_minloglevel", "TORCH_CPP_LOG_LEVEL"}) ::setenv(name, fatal, 0);  // who has set it wants to read it
}

Result<const TorchModule*> load() {
  FEDSPEND_ASSIGN(const fs::path path, find_module());
  keep_libtorch_quiet();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // never closed: libtorch does not survive it
  if (library == nullptr) return fail(ErrorCode::not_found, "the torch module cannot be loaded: " + why_not(), "install libtorch (package libtorch-dev), or build the module anew");
  const auto tag = symbol<const char* (*)()>(library, kTorchModuleTagSymbol);
  const auto module = symbol<const TorchModule* (*)(const char*)>(library, kTorchModuleSymbol);
  if (tag == nullptr || module == nullptr) return fail(ErrorCode::conflict, path.string() + " is not a torch module of fedspend", std::string("let ") + kTorchModuleVariable + " name one, or unset it");
  if (std::string_view(tag()) != kTorchModuleTag)
    return fail(ErrorCode::conflict, path.string() + " is of another build than this program", "build both together (the target fedspend_torch)");
  const TorchModule* const made = module(active_isa());
  FEDSPEND_TRY(made->check_libraries());
  return made;
}

}  // namespace

Result<const TorchModule*> torch_module() {
  static std::mutex mutex;
  static const TorchModule* loaded = nullptr;
  const std::lock_guard lock(mutex);
  if (loaded != nullptr) return loaded;
  FEDSPEND_ASSIGN(loaded, load());
  return loaded;
}

std::string_view to_string(TrainerFamily family) { return family == TrainerFamily::torch ? "torch" : "lean"; }

Result<TrainerFamily> parse_trainer_family(std::string_view name) {
  if (name == "lean") return TrainerFamily::lean;
  if (name == "torch") return TrainerFamily::torch;
  return fail(ErrorCode::invalid_argument, "there are no trainers \"" + std::string(name) + "\"", "lean or torch");
}

Result<std::unique_ptr<Trainer>> make_trainer(const ModelSpec& model, const TrainerChoice& choice) {
  if (!model.is_torchscript() && choice.family == TrainerFamily::lean) return make_trainer(model);
  if (model.is_torchscript() && choice.model_file == nullptr)
    return fail(ErrorCode::invalid_argument, "a torchscript model is trained from its file, which was not given", "read the plan from a file, with " + model.file + " beside it");
  FEDSPEND_ASSIGN(const TorchModule* module, torch_module());
  return model.is_torchscript() ? module->make_torchscript(model, *choice.model_file) : module->make_twin(model);
}

}  // namespace fedspend::models
