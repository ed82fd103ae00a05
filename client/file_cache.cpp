#include "client/file_cache.h"

#include <algorithm>
#include <utility>

#include "common/program/files.h"
#include "common/protocol/messages.h"
#include "common/protocol/model_file.h"

namespace fedspend::client {
namespace {

constexpr const char* kPlanName = "plan.signed";      // 64 bytes of signature, then the plan
constexpr const char* kModelName = "model.weights";    // float32, little-endian
constexpr std::size_t kMaxModelBytes = std::size_t{4} << 24;  // 2^24 parameters, the plan's limit

}  // namespace

void forget_cache(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const char* name : {kPlanName, kModelName}) {
    program::remove_partials_of(folder / name);
    std::filesystem::remove(folder / name, ignored);
  }
}

FileCache::FileCache(std::filesystem::path folder, const IdentityPublicKey& release_key) : folder_(std::move(folder)) { load(release_key); }

void FileCache::load(const IdentityPublicKey& release_key) {
  program::remove_partials_of(folder_ / kPlanName);
  program::remove_partials_of(folder_ / kModelName);
  const Result<Bytes> plan_bytes = program::read_file(folder_ / kPlanName, kMaxPlanBytes + 64);
  if (!plan_bytes || plan_bytes->size() <= 64) return;
  HeldPlan plan;
  std::copy_n(plan_bytes->begin(), 64, plan.signed_plan.signature.begin());
  plan.signed_plan.bytes.assign(plan_bytes->begin() + 64, plan_bytes->end());
  Result<Plan> opened = open_plan(plan.signed_plan, release_key);
  if (!opened) return;
  const std::size_t parameters = opened->model.parameter_count;
  plan.hash = hash_of_plan(plan.signed_plan.bytes);
  plan.plan = std::make_shared<const Plan>(std::move(*opened));
  memory_.keep(plan);
  plan_on_disk_ = plan.hash;

  const Result<Bytes> weights = program::read_file(folder_ / kModelName, kMaxModelBytes);
  if (!weights) return;
  Result<std::vector<float>> values = weights_from_bytes(*weights, parameters);
  if (!values) return;
  model_on_disk_ = hash_of_weights(*weights);
  memory_.keep(HeldModel{std::make_shared<const std::vector<float>>(std::move(*values)), model_on_disk_});
}

// A cache that cannot be written is no reason to stop: the contents are in memory, and would only be sent again after a restart.
void FileCache::keep(const HeldPlan& plan) {
  memory_.keep(plan);
  const std::lock_guard lock(mutex_);
  if (plan.hash == plan_on_disk_) return;
  Bytes bytes(plan.signed_plan.signature.begin(), plan.signed_plan.signature.end());
  bytes.insert(bytes.end(), plan.signed_plan.bytes.begin(), plan.signed_plan.bytes.end());
  if (program::write_file_atomically(folder_ / kPlanName, bytes, 0600)) plan_on_disk_ = plan.hash;
}

void FileCache::keep(const HeldModel& model) {
  memory_.keep(model);
  const std::lock_guard lock(mutex_);
  if (model.hash == model_on_disk_) return;
  if (program::write_file_atomically(folder_ / kModelName, weights_to_bytes(*model.weights), 0600)) model_on_disk_ = model.hash;
}

}  // namespace fedspend::client
