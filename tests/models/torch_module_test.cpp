#include "models/torch_module.h"

#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include "tests/models/toy_history.h"
#include "tests/paths.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

// A module once loaded stays for the rest of the process: the refusals come first in this file.
Error refusal(const char* file) {
  setenv(kTorchModuleVariable, file, 1);
  const auto module = torch_module();
  unsetenv(kTorchModuleVariable);
  REQUIRE(!module);
  CHECK(!module.error().hint.empty());
  CHECK(module.error().message.find('\n') == std::string::npos);
  return module.error();
}

}  // namespace

TEST_CASE("a torch module that is named and not there is said so") {
  const Error error = refusal("/nowhere/fedspend_torch.so");
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.message == "FEDSPEND_TORCH_MODULE names /nowhere/fedspend_torch.so, where there is no file");
}

TEST_CASE("a file that is no shared library is said so") {
  const Error error = refusal((tests::source_dir() + "/README.md").c_str());
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.message.find("cannot be loaded") != std::string::npos);
}

TEST_CASE("a library of something else, and a module of another build, are not used") {
  CHECK(refusal(FEDSPEND_NO_MODULE).message.find("is not a torch module") != std::string::npos);
  const Error error = refusal(FEDSPEND_OTHER_MODULE);
  CHECK(error.code == ErrorCode::conflict);
  CHECK(error.message.find("is of another build") != std::string::npos);
}

TEST_CASE("a lean trainer needs no module, a torch trainer needs it") {
  CHECK(make_trainer(small_model(3), TrainerChoice{}).has_value());
#ifdef FEDSPEND_TEST_WITH_TORCH
  const auto module = torch_module();
  REQUIRE_MESSAGE(module.has_value(), (module ? "" : module.error().message));
  CHECK(*torch_module() == *module);
  CHECK(make_trainer(small_model(3), {.family = TrainerFamily::torch}).has_value());
#else
  const auto made = make_trainer(small_model(3), {.family = TrainerFamily::torch});
  REQUIRE(!made);
  CHECK(made.error().code == ErrorCode::not_found);
  CHECK(made.error().hint.find("this build is without libtorch") != std::string::npos);
#endif
}
