#include "client/content_cache.h"

#include <algorithm>

namespace fedspend::client {
namespace {

template <class Held, class Hash>
std::optional<Held> find(const std::deque<Held>& held, const Hash& hash) {
  const auto found = std::find_if(held.begin(), held.end(), [&](const Held& item) { return item.hash == hash; });
  if (found == held.end()) return std::nullopt;
  return *found;
}

template <class Held>
void keep_newest(std::deque<Held>& held, const Held& item, std::size_t capacity) {
  if (find(held, item.hash)) return;
  held.push_back(item);
  if (held.size() > capacity) held.pop_front();
}

}  // namespace

std::optional<HeldPlan> MemoryCache::find_plan(const PlanHash& hash) {
  const std::lock_guard lock(mutex_);
  return find(plans_, hash);
}

std::optional<HeldModel> MemoryCache::find_model(const ModelHash& hash) {
  const std::lock_guard lock(mutex_);
  return find(models_, hash);
}

void MemoryCache::keep(const HeldPlan& plan) {
  const std::lock_guard lock(mutex_);
  keep_newest(plans_, plan, capacity_);
}

void MemoryCache::keep(const HeldModel& model) {
  const std::lock_guard lock(mutex_);
  keep_newest(models_, model, capacity_);
}

}  // namespace fedspend::client
