#include "client/device_record.h"

#include <algorithm>

#include "common/bytes.h"
#include "common/check.h"

namespace fedspend::client {
namespace {

// Whoever reads a record finds by it which round a session belonged to.
Hash256 task_and_round(const TaskId& task, RoundId round) {
  Hash256 value{};
  std::copy(task.bytes.begin(), task.bytes.end(), value.begin());
  store_u64(MutableByteSpan(value).subspan(TaskId::kSize, 8), round.value);
  return value;
}

}  // namespace

// BLAKE2b has no length extension, so that a key in front makes it a keyed hash.
Hash256 DeviceRecord::digest_of(const Hash256& update) const { return Hasher("recorded-update").field(key_.expose()).field(update).finish(); }

Status DeviceRecord::record_answered(const TaskId& task, RoundId round, const SessionId& session) {
  FEDSPEND_ASSIGN(const auto before, find(Kind::answered, session.bytes));
  if (before) return fail(ErrorCode::conflict, "this session was answered before");
  const Entry entry{Kind::answered, session.bytes, task_and_round(task, round)};
  return keep({&entry, 1}, std::nullopt);
}

Status DeviceRecord::record_survivor_choice(const SessionId& session, const Hash256& choice) {
  FEDSPEND_ASSIGN(const auto before, find(Kind::choice, session.bytes));
  if (before && *before == choice) return {};
  if (before) return fail(ErrorCode::conflict, "other survivors were signed in this session");
  const Entry entry{Kind::choice, session.bytes, choice};
  return keep({&entry, 1}, std::nullopt);
}

Status DeviceRecord::charge_participation(const TaskId& task, RoundId round, const SessionId& session, std::uint32_t max_participations) {
  FEDSPEND_ASSIGN(const auto before, find(Kind::charge, session.bytes));
  if (before) return fail(ErrorCode::conflict, "this session is charged already");
  FEDSPEND_ASSIGN(const std::uint32_t spent, count_of(task));
  if (spent >= max_participations)
    return fail(ErrorCode::refused, "the participations in this task are spent: " + std::to_string(spent) + " of " + std::to_string(max_participations));
  const Entry entry{Kind::charge, session.bytes, task_and_round(task, round)};
  return keep({&entry, 1}, Count{task, spent + 1});
}

Result<std::uint32_t> DeviceRecord::participations(const TaskId& task) { return count_of(task); }

Result<bool> DeviceRecord::has_contributed(const Hash256& update) {
  FEDSPEND_ASSIGN(const auto before, find(Kind::update, digest_of(update)));
  return before.has_value();
}

Status DeviceRecord::record_update(const SessionId& session, const Hash256& update) {
  const Hash256 digest = digest_of(update);
  FEDSPEND_ASSIGN(const auto where, find(Kind::update, digest));
  if (where && *where != session.bytes) return fail(ErrorCode::conflict, "this update went into another session's sum");
  FEDSPEND_ASSIGN(const auto what, find(Kind::session_update, session.bytes));
  if (what && *what != digest) return fail(ErrorCode::conflict, "this session has another update");
  if (where) return {};  // both are kept, and pruned, together
  const std::array<Entry, 2> entries{Entry{Kind::update, digest, session.bytes}, Entry{Kind::session_update, session.bytes, digest}};
  return keep(entries, std::nullopt);
}

MemoryDeviceRecord::MemoryDeviceRecord(RandomSource& random, RecordLimits limits) : limits_(limits) {
  FEDSPEND_CHECK(limits.entries_kept > 0, "at least one entry kept");
  random.fill(key_.expose_mutable());
}

Result<std::optional<Hash256>> MemoryDeviceRecord::find(Kind kind, const Hash256& name) {
  const auto found = values_.find({kind, name});
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

Result<std::uint32_t> MemoryDeviceRecord::count_of(const TaskId& task) {
  const auto found = counts_.find(task);
  return found == counts_.end() ? 0 : found->second;
}

Status MemoryDeviceRecord::keep(std::span<const Entry> entries, const std::optional<Count>& count) {
  for (const Entry& entry : entries) {
    const bool is_new = values_.emplace(std::pair(entry.kind, entry.name), entry.value).second;
    FEDSPEND_CHECK(is_new, "a name that is not there yet");
    std::vector<Hash256>& names = names_[static_cast<std::size_t>(entry.kind) - 1];
    names.push_back(entry.name);
    if (names.size() <= limits_.entries_kept) continue;
    values_.erase({entry.kind, names.front()});
    names.erase(names.begin());
  }
  if (count) counts_[count->task] = count->participations;
  return {};
}

}  // namespace fedspend::client
