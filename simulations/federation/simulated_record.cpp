#include "simulations/federation/simulated_record.h"

#include <algorithm>

#include "common/bytes.h"

namespace fedspend::simulations {
namespace {

// Four entries a session; a device has one session at a time.
constexpr std::size_t kKeptEntries = 16;

template <class Item>
void add_newest(std::vector<Item>& items, const Item& item, std::size_t most) {
  if (items.size() >= most) items.erase(items.begin());  // first, so that no more is ever allocated
  items.push_back(item);
}

}  // namespace

SimulatedRecord::SimulatedRecord(DeviceState& state, const PrivacyCost& cost, const Hash256& key) : state_(state), cost_(cost) { std::ranges::copy(key, key_.expose_mutable().begin()); }

Result<std::optional<Hash256>> SimulatedRecord::find(Kind kind, const Hash256& name) {
  // The session of an update is where the session's update is; of an earlier segment it is known no more, and was not this one.
  const bool is_update = kind == Kind::update;
  for (const Entry& entry : of_sessions_) {
    if (entry.kind != (is_update ? Kind::session_update : kind)) continue;
    if ((is_update ? entry.value : entry.name) == name) return is_update ? entry.name : entry.value;
  }
  if (is_update && std::ranges::find(state_.updates, load_u64(name)) != state_.updates.end()) return Hash256{};
  return std::nullopt;
}

Result<PrivacyAccount> SimulatedRecord::account_of(const TaskId& task) {
  PrivacyAccount account = repeated(cost_, state_.participations);
  if (!task.is_zero()) account.last_round = state_.last_round;
  return account;
}

Status SimulatedRecord::keep(std::span<const Entry> entries, std::span<const Account> accounts) {
  for (const Entry& entry : entries) {
    if (entry.kind == Kind::update) add_newest(state_.updates, load_u64(entry.name), kKeptUpdates);
    else add_newest(of_sessions_, entry, kKeptEntries);
  }
  for (const Account& account : accounts) {
    if (account.task.is_zero()) continue;
    state_.participations = account.spent.participations;
    state_.last_round = account.spent.last_round;
  }
  return {};
}

}  // namespace fedspend::simulations
