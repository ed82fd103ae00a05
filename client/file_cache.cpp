#include "client/file_cache.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/crypto/hash.h"
#include "common/program/files.h"
#include "common/protocol/messages.h"
#include "common/protocol/model_file.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "model-";
constexpr std::string_view kPlanEnding = ".plan";        // 64 bytes of signature, then the plan
constexpr std::string_view kWeightsEnding = ".weights";  // float32, little-endian
constexpr std::size_t kMaxModelBytes = std::size_t{4} << 24;  // 2^24 parameters, the plan's limit
constexpr std::size_t kMostModels = 16;  // kinds that are held: far more than there are

// A plan may name its model as it likes.
std::string file_stem(std::string_view model) {
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  const bool plain = !model.empty() && model.size() <= 40 && std::ranges::all_of(model, is_plain);
  return std::string(kPrefix) + (plain ? std::string(model) : "other-" + to_hex(Hasher("cached-model").field(model).finish()).substr(0, 16));
}

bool is_plan(std::string_view name) { return name.ends_with(kPlanEnding); }

// Nobody waits at a pipe that stands in a file's place.
Result<Bytes> read_file(const fs::path& path, std::size_t max_bytes) {
  std::error_code none;
  if (!fs::is_regular_file(path, none)) return fail(ErrorCode::not_found, "no file");
  return program::read_file(path, max_bytes);
}

fs::path weights_of(fs::path plan_file) { return plan_file.replace_extension(kWeightsEnding); }

}  // namespace

void forget_cache(const fs::path& folder) {
  std::error_code ignored;
  for (const std::string& name : program::names_in(folder, kPrefix)) fs::remove(folder / name, ignored);
}

FileCache::FileCache(fs::path folder, const IdentityPublicKey& release_key) : folder_(std::move(folder)) {
  if (folder_.empty()) return;
  std::error_code ignored;
  for (const std::string& name : program::names_in(folder_, kPrefix)) {
    if (!is_plan(name) && !name.ends_with(kWeightsEnding)) fs::remove(folder_ / name, ignored);  // of a write that was cut off
    if (is_plan(name) && slots_.size() < kMostModels) load(folder_ / name, release_key);
  }
  const auto newest = slots_.find(newest_);
  if (newest == slots_.end()) return;
  plan_on_disk_ = newest->second.plan.hash;
  if (newest->second.model) model_on_disk_ = newest->second.model->hash;
}

void FileCache::load(const fs::path& plan_file, const IdentityPublicKey& release_key) {
  const Result<Bytes> plan_bytes = read_file(plan_file, kMaxPlanBytes + 64);
  if (!plan_bytes || plan_bytes->size() <= 64) return;
  Slot slot;
  std::copy_n(plan_bytes->begin(), 64, slot.plan.signed_plan.signature.begin());
  slot.plan.signed_plan.bytes.assign(plan_bytes->begin() + 64, plan_bytes->end());
  Result<Plan> opened = open_plan(slot.plan.signed_plan, release_key);
  if (!opened || file_stem(opened->model.name) != plan_file.stem()) return;
  const std::string name = opened->model.name;
  slot.plan.hash = hash_of_plan(slot.plan.signed_plan.bytes);
  slot.plan.plan = std::make_shared<const Plan>(std::move(*opened));
  std::error_code none;
  fs::file_time_type time = fs::last_write_time(plan_file, none);
  if (const Result<Bytes> weights = read_file(weights_of(plan_file), kMaxModelBytes)) {
    if (Result<std::vector<float>> values = weights_from_bytes(*weights, slot.plan.plan->model.parameter_count)) {
      slot.model = HeldModel{std::make_shared<const std::vector<float>>(std::move(*values)), hash_of_weights(*weights)};
      time = std::max(time, fs::last_write_time(weights_of(plan_file), none));
    }
  }
  slots_.insert_or_assign(name, std::move(slot));
  if (newest_.empty() || time > newest_time_) {
    newest_ = name;
    newest_time_ = time;
  }
}

std::optional<FileCache::Held> FileCache::of_model(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(name);
  if (found == slots_.end() || !found->second.model) return std::nullopt;
  return Held{found->second.plan, *found->second.model};
}

std::optional<HeldPlan> FileCache::find_plan(const PlanHash& hash) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, slot] : slots_)
    if (slot.plan.hash == hash) return slot.plan;
  return std::nullopt;
}

std::optional<HeldModel> FileCache::find_model(const ModelHash& hash) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, slot] : slots_)
    if (slot.model && slot.model->hash == hash) return slot.model;
  return std::nullopt;
}

// A cache that cannot be written is no reason to stop: the contents are in memory, and would only be sent again after a restart.
void FileCache::write(const std::string& name, Bytes content) const {
  if (!folder_.empty()) (void)program::write_file_atomically(folder_ / name, content, 0600);
}

void FileCache::keep(const HeldPlan& plan) {
  const std::lock_guard lock(mutex_);
  newest_ = plan.plan->model.name;
  const auto found = slots_.find(newest_);
  if (found != slots_.end() && found->second.plan.hash == plan.hash) {
    found->second.plan = plan;  // with its cost, where that was not known
    return;
  }
  if (found == slots_.end() && slots_.size() >= kMostModels) slots_.erase(slots_.begin());
  slots_[newest_].plan = plan;
  Bytes bytes(plan.signed_plan.signature.begin(), plan.signed_plan.signature.end());
  bytes.insert(bytes.end(), plan.signed_plan.bytes.begin(), plan.signed_plan.bytes.end());
  write(file_stem(newest_) + std::string(kPlanEnding), std::move(bytes));
}

void FileCache::keep(const HeldModel& model) {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(newest_);
  if (found == slots_.end() || (found->second.model && found->second.model->hash == model.hash)) return;
  found->second.model = model;
  write(file_stem(newest_) + std::string(kWeightsEnding), weights_to_bytes(*model.weights));
}

}  // namespace fedspend::client
