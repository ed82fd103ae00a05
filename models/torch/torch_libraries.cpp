#include "models/torch/torch_libraries.h"

#include <ATen/Version.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <optional>

namespace fedspend::models {
namespace {

// How it was built, as openblas_get_parallel says it (cblas.h).
enum class OpenblasThreads { sequential = 0, pthread = 1, openmp = 2 };

struct Openblas {
  std::string config;  // what it says of itself, with the processor whose kernels it has chosen
  OpenblasThreads threads = OpenblasThreads::sequential;
};

// It was loaded with libtorch, or it is not there.
std::optional<Openblas> openblas() {
  void* const library = dlopen("libopenblas.so.0", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return std::nullopt;
  const auto config = reinterpret_cast<const char* (*)()>(dlsym(library, "openblas_get_config"));
  const auto parallel = reinterpret_cast<int (*)()>(dlsym(library, "openblas_get_parallel"));
  Openblas found;
  if (config != nullptr) found.config = config();
  if (parallel != nullptr) found.threads = static_cast<OpenblasThreads>(parallel());
  dlclose(library);  // gives back this reference alone
  while (found.config.ends_with(' ')) found.config.pop_back();
  return found;
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
  const std::optional<Openblas> blas = openblas();
  return "libtorch " TORCH_VERSION + cpu_kernels() + (blas && !blas->config.empty() ? ", " + blas->config : "");
}

Status check_torch_libraries() {
  const std::optional<Openblas> blas = openblas();
  if (!blas || blas->threads != OpenblasThreads::sequential) return {};
  return fail(ErrorCode::conflict, "libtorch would compute with OpenBLAS' sequential build, which gives wrong weights when two threads train at once",
              "apt-get install libopenblas0-openmp, and let neither update-alternatives nor LD_LIBRARY_PATH choose another");
}

}  // namespace fedspend::models
