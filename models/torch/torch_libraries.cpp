#include "models/torch/torch_libraries.h"

#include <ATen/Version.h>
#include <dlfcn.h>
#include <torch/version.h>

namespace fedspend::models {
namespace {

// What OpenBLAS says of itself, with the processor whose kernels it has chosen. It was loaded with libtorch, or it is not there.
std::string openblas() {
  void* const library = dlopen("libopenblas.so.0", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return {};
  const auto config = reinterpret_cast<const char* (*)()>(dlsym(library, "openblas_get_config"));
  std::string text = config == nullptr ? "" : config();
  dlclose(library);  // gives back this reference alone
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

// Which of its own kernels libtorch has chosen: from "  - CPU capability usage: AVX2".
std::string cpu_kernels() {
  const std::string config = at::show_config(), key = "CPU capability usage: ";
  const std::size_t found = config.find(key);
  if (found == std::string::npos) return {};
  const std::size_t begin = found + key.size();
  return " " + config.substr(begin, config.find('\n', begin) - begin);
}

}  // namespace

std::string torch_libraries() {
  const std::string blas = openblas();
  return "libtorch " TORCH_VERSION + cpu_kernels() + (blas.empty() ? "" : ", " + blas);
}

}  // namespace fedspend::models
