#include "simulations/runs/output_folder.h"

#include <doctest/doctest.h>

#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

std::size_t entries(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

}  // namespace

TEST_CASE("a folder appears whole on commit, and not at all without") {
  const tests::TemporaryFolder folder;
  const auto place = folder.path() / "deep" / "out";
  {
    auto output = OutputFolder::create(place, "test");
    REQUIRE(output);
    write(output->partial() / "a", "1");
    CHECK(!std::filesystem::exists(place));
  }
  CHECK(entries(folder.path() / "deep") == 0);
  auto output = OutputFolder::create(place.string() + "/", "test");
  REQUIRE(output);
  write(output->partial() / "a", "2");
  REQUIRE(output->commit());
  CHECK(tests::TemporaryFolder::read(place / "a") == "2");
  CHECK(entries(folder.path() / "deep") == 1);
}

TEST_CASE("what the same command made is replaced") {
  const tests::TemporaryFolder folder;
  for (const std::string text : {"first", "second"}) {
    auto output = OutputFolder::create(folder.path() / "out", "test");
    REQUIRE(output);
    write(output->partial() / text, text);
    REQUIRE(output->commit());
  }
  CHECK(!std::filesystem::exists(folder.path() / "out" / "first"));
  CHECK(std::filesystem::exists(folder.path() / "out" / "second"));
  CHECK(entries(folder.path()) == 1);
}

TEST_CASE("an empty folder is taken, and one with files of somebody else is left alone") {
  const tests::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "empty");
  CHECK(OutputFolder::create(folder.path() / "empty", "test"));
  folder.write("theirs/file", "precious");
  const auto theirs = OutputFolder::create(folder.path() / "theirs", "test");
  REQUIRE(!theirs);
  CHECK(theirs.error().code == ErrorCode::conflict);
  auto output = OutputFolder::create(folder.path() / "ours", "test");
  REQUIRE(output);
  REQUIRE(output->commit());
  CHECK(!OutputFolder::create(folder.path() / "ours", "another command"));
  CHECK(OutputFolder::create(folder.path() / "ours", "test"));
  write(folder.path() / "ours" / "mine", "precious");
  CHECK(!OutputFolder::create(folder.path() / "ours", "test"));
  CHECK(tests::TemporaryFolder::read(folder.path() / "ours" / "mine") == "precious");
}

TEST_CASE("a place that is a file, or no place, is refused") {
  const tests::TemporaryFolder folder;
  const auto file = folder.write("file", "x");
  CHECK(OutputFolder::create(file, "test").error().code == ErrorCode::conflict);
  CHECK(!OutputFolder::create(file / "below", "test"));
  for (const char* place : {"", ".", "..", "/", "x/.."}) {
    CAPTURE(place);
    CHECK(!OutputFolder::create(place, "test"));
  }
}

TEST_CASE("a place that another writer is at work on is refused, and what a killed one left is cleared away") {
  const tests::TemporaryFolder folder;
  {
    const auto working = OutputFolder::create(folder.path() / "out", "test");
    REQUIRE(working);
    const auto second = OutputFolder::create(folder.path() / "out", "test");
    REQUIRE(!second);
    CHECK(second.error().code == ErrorCode::conflict);
    CHECK(std::filesystem::exists(working->partial()));
  }
  folder.write("out.partial-4711/left", "half");  // nobody holds its lock any more
  folder.write("out.old-4711/left", "replaced, but not yet removed");
  folder.write("outer.partial-4711/other", "of another place");
  const auto output = OutputFolder::create(folder.path() / "out", "test");
  REQUIRE(output);
  CHECK(!std::filesystem::exists(folder.path() / "out.partial-4711"));
  CHECK(!std::filesystem::exists(folder.path() / "out.old-4711"));
  CHECK(std::filesystem::exists(folder.path() / "outer.partial-4711"));
}
