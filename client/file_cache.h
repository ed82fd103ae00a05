#pragma once
// What a device holds, of each kind of model (plan.model.name) the newest plan and weights: those of its last round, or what the app installed.
// They also lie in a folder, written whole, and are checked again (signature, hash) when they are read. Thread-safe.

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "client/content_cache.h"
#include "common/crypto/identity.h"

namespace fedspend::client {

// Removes what a FileCache of this folder keeps, with what a write that was cut off left.
void forget_cache(const std::filesystem::path& folder);

class FileCache final : public ContentCache {
 public:
  // What lies in `folder` and passes the checks is held from the start; anything else there is ignored (it will be sent again). An empty
  // path: nothing is read or written.
  FileCache(std::filesystem::path folder, const IdentityPublicKey& release_key);

  struct Held {
    HeldPlan plan;
    HeldModel model;
  };
  // Of this kind of model; nothing: not both are held.
  std::optional<Held> of_model(std::string_view name);

  // The newest that were on disk; zero: none.
  const PlanHash& plan_on_disk() const { return plan_on_disk_; }
  const ModelHash& model_on_disk() const { return model_on_disk_; }

  std::optional<HeldPlan> find_plan(const PlanHash& hash) override;
  std::optional<HeldModel> find_model(const ModelHash& hash) override;
  void keep(const HeldPlan& plan) override;
  // Weights are of the plan that was kept last.
  void keep(const HeldModel& model) override;

 private:
  struct Slot {
    HeldPlan plan;
    std::optional<HeldModel> model;
  };
  void load(const std::filesystem::path& plan_file, const IdentityPublicKey& release_key);
  void write(const std::string& name, Bytes content) const;

  std::filesystem::path folder_;
  std::mutex mutex_;
  std::map<std::string, Slot, std::less<>> slots_;  // by the model's name
  std::string newest_;                              // of the slots
  std::filesystem::file_time_type newest_time_{};
  PlanHash plan_on_disk_;
  ModelHash model_on_disk_;
};

}  // namespace fedspend::client
