#pragma once
// A folder that goes when the test ends, and models with optimizer states that are a function of their round.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "coordinator/store.h"
#include "tests/rounds/sample.h"

namespace fedspend::coordinator {

class StoreFolder {
 public:
  StoreFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "fedspend-store-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~StoreFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  StoreFolder(const StoreFolder&) = delete;
  StoreFolder& operator=(const StoreFolder&) = delete;

  static PlanHash plan() {
    PlanHash hash;
    hash.bytes.fill(0x21);
    return hash;
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file() const { return path_ / "coordinator.db"; }
  Result<std::unique_ptr<Store>> open() const { return Store::open(file(), plan()); }

 private:
  std::filesystem::path path_;
};

inline std::vector<float> weights_of(std::uint64_t round) { return testing::sample_weights(static_cast<float>(round)); }
// A few pages of the database.
inline std::vector<float> large_weights_of(std::uint64_t round) { return std::vector<float>(5'000, static_cast<float>(round)); }

// Twice as long as the weights, as FedAdam's.
inline std::vector<float> state_of(std::uint64_t round, std::size_t length = 2 * testing::kParameters) {
  std::vector<float> state(length);
  for (std::size_t i = 0; i < length; ++i) state[i] = static_cast<float>(round) + 0.5F * static_cast<float>(i);
  return state;
}

inline double clip_norm_of(std::uint64_t round) { return 0.1 + 0.01 * static_cast<double>(round); }

inline Publish publish_with(std::uint64_t round, std::vector<float> weights) {
  Publish publish;
  publish.hash = testing::model_hash_of(weights);
  publish.optimizer_state = std::make_shared<const std::vector<float>>(state_of(round, 2 * weights.size()));
  publish.weights = std::make_shared<const std::vector<float>>(std::move(weights));
  publish.next_clip_norm_l2 = clip_norm_of(round);
  publish.summary.round = RoundId{round};
  publish.summary.attempt = 1;
  publish.summary.nonce.fill(static_cast<std::uint8_t>(0xa0 + round));
  publish.summary.published = true;
  for (unsigned i = 0; i < 3; ++i) {
    ClientId client;
    client.bytes.fill(static_cast<std::uint8_t>(10U * i + 1 + round % 5));
    publish.summary.contributors.push_back(client);
  }
  publish.summary.asked = publish.summary.contributors;
  return publish;
}
inline Publish publish_of(std::uint64_t round) { return publish_with(round, weights_of(round)); }
inline Publish large_publish_of(std::uint64_t round) { return publish_with(round, large_weights_of(round)); }

inline std::string read_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The exit code of a child that runs `body`.
template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(body());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace fedspend::coordinator
