#include <dlfcn.h>
#include <link.h>

#include <cstdio>
#include <string>

#include <doctest/doctest.h>

#include "models/torch_module.h"
#include "tests/models/toy_history.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

constexpr const char* kName = "libopenblas.so.0";

// Where the dynamic linker finds it; empty where it does not.
std::string path_of_openblas() {
  void* const library = dlopen(kName, RTLD_LAZY);
  if (library == nullptr) return {};
  link_map* map = nullptr;
  REQUIRE(dlinfo(library, RTLD_DI_LINKMAP, &map) == 0);
  const std::string path = map->l_name;
  dlclose(library);
  REQUIRE(dlopen(kName, RTLD_LAZY | RTLD_NOLOAD) == nullptr);
  return path;
}

}  // namespace

// In a program of its own: what is loaded here stays.
TEST_CASE("torch is refused over OpenBLAS' sequential build, whose products are wrong when threads train side by side") {
  const std::string path = path_of_openblas();
  if (path.empty()) {
    std::printf("skipped: torch is refused over OpenBLAS' sequential build: %s absent\n", kName);
    return;
  }
  REQUIRE(dlopen(FEDSPEND_SEQUENTIAL_OPENBLAS, RTLD_NOW | RTLD_GLOBAL) != nullptr);  // has the name from now on
  REQUIRE(dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr);
  const auto module = torch_module();
  REQUIRE(!module);
  CHECK(module.error().code == ErrorCode::conflict);
  CHECK(module.error().message == "libtorch would compute with OpenBLAS' sequential build, which gives wrong weights when two threads train at once");
  CHECK(module.error().hint.starts_with("apt-get install libopenblas0-openmp"));
  CHECK(make_trainer(small_model(3), {.family = TrainerFamily::torch}).error().message == module.error().message);
  CHECK(!torch_module());  // once more
  CHECK(make_trainer(small_model(3), TrainerChoice{}).has_value());
}
