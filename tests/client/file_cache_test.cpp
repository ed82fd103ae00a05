#include "client/file_cache.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

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
  for (const char* name : {"model-next_category.plan", "model-next_category.weights"}) {
    struct stat status {};
    REQUIRE(::stat((folder.path / name).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
  }
}

TEST_CASE("a plan on disk that was altered, or that another release key signed, is not held") {
  const Folder folder;
  FileCache(folder.path, testing::release_key().public_key()).keep(held_plan());
  CHECK(FileCache(folder.path, testing::device_keys(1).identity.public_key()).plan_on_disk().is_zero());
  flip_last_byte(folder.path / "model-next_category.plan");
  CHECK(FileCache(folder.path, testing::release_key().public_key()).plan_on_disk().is_zero());
}

TEST_CASE("weights on disk that were altered are held under their own hash, never under the one they had") {
  const Folder folder;
  {
    FileCache cache(folder.path, testing::release_key().public_key());
    cache.keep(held_plan());
    cache.keep(held_model());
  }
  flip_last_byte(folder.path / "model-next_category.weights");
  FileCache again(folder.path, testing::release_key().public_key());
  CHECK_FALSE(again.find_model(held_model().hash));
}

TEST_CASE("folders, pipes and links to nowhere in the place of its files are no plan and no weights, and nobody waits for them") {
  const Folder folder;
  FileCache(folder.path, testing::release_key().public_key()).keep(held_plan());
  REQUIRE(::mkfifo((folder.path / "model-next_category.weights").c_str(), 0600) == 0);
  REQUIRE(::mkfifo((folder.path / "model-a.plan").c_str(), 0600) == 0);
  std::filesystem::create_directory(folder.path / "model-b.plan");
  std::filesystem::create_symlink(folder.path / "nowhere", folder.path / "model-c.plan");
  FileCache cache(folder.path, testing::release_key().public_key());
  CHECK(cache.plan_on_disk() == held_plan().hash);
  CHECK(cache.model_on_disk().is_zero());
}

HeldPlan plan_of_model(const std::string& name) {
  Plan plan = testing::sample_plan();
  plan.model.name = name;
  plan.purpose = "purpose_of_" + std::to_string(name.size());
  SignedPlan signed_plan = testing::signed_plan(plan);
  const PlanHash hash = hash_of_plan(signed_plan.bytes);
  return {std::make_shared<const Plan>(plan), std::move(signed_plan), hash};
}
HeldModel weights_of(float first) {
  std::vector<float> weights = testing::sample_weights();
  weights.front() = first;
  return {std::make_shared<const std::vector<float>>(weights), testing::model_hash_of(weights)};
}

TEST_CASE("of each kind of model the newest is held, however many rounds another had, and by any name") {
  const Folder folder;
  const std::vector<std::string> names = {"next_category", "categoriser", "../up", "Quo\"ted"};
  {
    FileCache cache(folder.path, testing::release_key().public_key());
    for (const std::string& name : names) {
      cache.keep(plan_of_model(name));
      CHECK_FALSE(cache.of_model(name));  // the plan alone is not enough
      cache.keep(weights_of(static_cast<float>(name.size())));
    }
    cache.keep(plan_of_model("next_category"));
    for (int round = 0; round < 20; ++round) cache.keep(weights_of(0.125f * static_cast<float>(round)));
  }
  FileCache again(folder.path, testing::release_key().public_key());
  CHECK(again.plan_on_disk() == plan_of_model("next_category").hash);
  CHECK(again.model_on_disk() == weights_of(0.125f * 19).hash);
  for (const std::string& name : names) {
    CAPTURE(name);
    const auto held = again.of_model(name);
    REQUIRE(held);
    CHECK(held->plan.plan->model.name == name);
    CHECK(held->model.hash == weights_of(name == "next_category" ? 0.125f * 19 : static_cast<float>(name.size())).hash);
  }
  CHECK_FALSE(again.of_model("offers"));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 8);  // and nothing outside of the folder
  forget_cache(folder.path);
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("a plan in another model's file is not held") {
  const Folder folder;
  {
    FileCache cache(folder.path, testing::release_key().public_key());
    cache.keep(plan_of_model("categoriser"));
    cache.keep(weights_of(1));
  }
  std::filesystem::rename(folder.path / "model-categoriser.plan", folder.path / "model-offers.plan");
  FileCache again(folder.path, testing::release_key().public_key());
  CHECK_FALSE(again.of_model("categoriser"));
  CHECK_FALSE(again.of_model("offers"));
}

TEST_CASE("without a folder all is in memory, and what a cut-off write left is removed from one") {
  FileCache memory({}, testing::release_key().public_key());
  memory.keep(held_plan());
  memory.keep(held_model());
  CHECK(memory.of_model("next_category"));
  const Folder folder;
  std::ofstream(folder.path / "model-next_category.plan.partial-1") << "half";
  std::ofstream(folder.path / "somebody-elses.plan") << "whole";
  FileCache(folder.path, testing::release_key().public_key());
  CHECK_FALSE(std::filesystem::exists(folder.path / "model-next_category.plan.partial-1"));
  CHECK(std::filesystem::exists(folder.path / "somebody-elses.plan"));
}

}  // namespace
}  // namespace fedspend::client
