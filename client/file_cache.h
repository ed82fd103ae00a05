#pragma once
// A content cache that survives a restart: the newest plan and model also lie in a folder, written whole, and are checked again
// (signature, hash) when they are read. Thread-safe.

#include <filesystem>
#include <mutex>

#include "client/content_cache.h"
#include "common/crypto/identity.h"

namespace fedspend::client {

// Removes what a FileCache of this folder keeps, with what a write that was cut off left.
void forget_cache(const std::filesystem::path& folder);

class FileCache final : public ContentCache {
 public:
  // What lies in `folder` and passes the checks is held from the start; anything else there is ignored (it will be sent again).
  FileCache(std::filesystem::path folder, const IdentityPublicKey& release_key);

  // The newest that were on disk; zero: none.
  const PlanHash& plan_on_disk() const { return plan_on_disk_; }
  const ModelHash& model_on_disk() const { return model_on_disk_; }

  std::optional<HeldPlan> find_plan(const PlanHash& hash) override { return memory_.find_plan(hash); }
  std::optional<HeldModel> find_model(const ModelHash& hash) override { return memory_.find_model(hash); }
  void keep(const HeldPlan& plan) override;
  void keep(const HeldModel& model) override;

 private:
  void load(const IdentityPublicKey& release_key);

  std::filesystem::path folder_;
  MemoryCache memory_;
  std::mutex mutex_;
  PlanHash plan_on_disk_;
  ModelHash model_on_disk_;
};

}  // namespace fedspend::client
