#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/architecture/include_rules.h"
#include "tests/paths.h"

namespace fedspend::tests {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolders[] = {"common", "models", "client", "coordinator", "simulations", "tests"};
constexpr std::string_view kEndings[] = {".h", ".hpp", ".cpp", ".c"};

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return text;
}

// Relative to the root, sorted.
std::set<std::string> sources() {
  const fs::path root = tests::source_dir();
  std::set<std::string> paths;
  for (const std::string_view folder : kFolders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && std::ranges::find(kEndings, entry.path().extension().string()) != std::end(kEndings))
        paths.insert(entry.path().lexically_relative(root).generic_string());
    }
  }
  return paths;
}

TEST_CASE("no source of the project breaks a rule of the house") {
  const fs::path root = tests::source_dir();
  for (const std::string& path : sources()) {
    for (const std::string& violation : violations(path, read(root / path))) FAIL_CHECK(violation);
  }
}

// A walk that finds nothing would pass everything.
TEST_CASE("the walk finds the sources") {
  const auto paths = sources();
  CHECK(paths.size() > 40);
  for (const std::string known : {"common/result.h", "common/crypto/hash.cpp", "models/trainer.h", "tests/architecture/source_tree_test.cpp"})
    CHECK(paths.contains(known));
  const auto includes = includes_of(read(fs::path(tests::source_dir()) / "common/crypto/identity.cpp"));
  CHECK(std::ranges::any_of(includes, [](const Include& include) { return include.target == "sodium.h" && !include.quoted; }));
}

}  // namespace
}  // namespace fedspend::tests
