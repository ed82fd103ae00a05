#include "client/file_cache.h"

#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/rounds/sample.h"

namespace fedspend::client {
namespace {

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("fedspend-file-cache-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

HeldPlan held_plan() {
  const Plan plan = testing::sample_plan();
  SignedPlan signed_plan = testing::signed_plan(plan);
  const PlanHash hash = hash_of_plan(signed_plan.bytes);
  return {std::make_shared<const Plan>(plan), std::move(signed_plan), hash};
}
HeldModel held_model() { return {std::make_shared<const std::vector<float>>(testing::sample_weights()), testing::model_hash_of(testing::sample_weights())}; }

void flip_last_byte(const std::filesystem::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-1, std::ios::end);
  const char last = static_cast<char>(file.get() ^ 1);
  file.seekp(-1, std::ios::end);
  file.put(last);
}

TEST_CASE("plan and model outlive the process, and nobody else reads the files") {
  const Folder folder;
  {
    FileCache cache(folder.path, testing::release_key().public_key());
    CHECK(cache.plan_on_disk().is_zero());
    cache.keep(held_plan());
    cache.keep(held_model());
  }
  FileCache again(folder.path, testing::release_key().public_key());
  CHECK(again.plan_on_disk() == held_plan().hash);
  CHECK(again.model_on_disk() == held_model().hash);
  REQUIRE(again.find_plan(held_plan().hash));
  CHECK(*again.find_plan(held_plan().hash)->plan == testing::sample_plan());
  REQUIRE(again.find_model(held_model().hash));
  CHECK(*again.find_model(held_model().hash)->weights == testing::sample_weights());
  for (const char* name : {"plan.signed", "model.weights"}) {
    struct stat status {};
    REQUIRE(::stat((folder.path / name).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
  }
}

TEST_CASE("a plan on disk that was altered, or that another release key signed, is not held") {
  const Folder folder;
  FileCache(folder.path, testing::release_key().public_key()).keep(held_plan());
  CHECK(FileCache(folder.path, testing::device_keys(1).identity.public_key()).plan_on_disk().is_zero());
  flip_last_byte(folder.path / "plan.signed");
  CHECK(FileCache(folder.path, testing::release_key().public_key()).plan_on_disk().is_zero());
}

TEST_CASE("weights on disk that were altered are held under their own hash, never under the one they had") {
  const Folder folder;
  {
    FileCache cache(folder.path, testing::release_key().public_key());
    cache.keep(held_plan());
    cache.keep(held_model());
  }
  flip_last_byte(folder.path / "model.weights");
  FileCache again(folder.path, testing::release_key().public_key());
  CHECK_FALSE(again.find_model(held_model().hash));
}

}  // namespace
}  // namespace fedspend::client
