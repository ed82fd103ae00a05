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
  return keep({&entry, 1}, {});
}

Status DeviceRecord::record_survivor_choice(const SessionId& session, const Hash256& choice) {
  FEDSPEND_ASSIGN(const auto before, find(Kind::choice, session.bytes));
  if (before && *before == choice) return {};
  if (before) return fail(ErrorCode::conflict, "other survivors were signed in this session");
  const Entry entry{Kind::choice, session.bytes, choice};
  return keep({&entry, 1}, {});
}

Result<std::array<DeviceRecord::Account, 2>> DeviceRecord::after(const TaskId& task, RoundId round, const PrivacyCost& cost, const ParticipationLimits& limits) {
  FEDSPEND_CHECK(!task.is_zero(), "a task");
  FEDSPEND_ASSIGN(const PrivacyAccount of_task, account_of(task));
  FEDSPEND_ASSIGN(const PrivacyAccount in_all, account_of(TaskId{}));
  FEDSPEND_ASSIGN(PrivacyAccount task_after, of_task.charged(round, cost, limits.of_task));
  // Rounds of different tasks have no order.
  Result<PrivacyAccount> all_after = in_all.charged(RoundId{0}, cost, {.max_participations = UINT32_MAX, .max_epsilon = limits.max_epsilon_in_all, .delta = limits.delta_in_all});
  if (!all_after) return fail(all_after.error().code, "in all tasks together " + all_after.error().message);
  return std::array<Account, 2>{Account{task, std::move(task_after)}, Account{TaskId{}, std::move(*all_after)}};
}

Status DeviceRecord::check_participation(const TaskId& task, RoundId round, const PrivacyCost& cost, const ParticipationLimits& limits) {
  FEDSPEND_TRY(after(task, round, cost, limits));
  return {};
}

Status DeviceRecord::charge_participation(const TaskId& task, RoundId round, const SessionId& session, const PrivacyCost& cost, const ParticipationLimits& limits) {
  FEDSPEND_ASSIGN(const auto before, find(Kind::charge, session.bytes));
  if (before) return fail(ErrorCode::conflict, "this session is charged already");
  FEDSPEND_ASSIGN(const auto accounts, after(task, round, cost, limits));
  const Entry entry{Kind::charge, session.bytes, task_and_round(task, round)};
  return keep({&entry, 1}, accounts);
}

Result<std::uint32_t> DeviceRecord::participations(const TaskId& task) {
  FEDSPEND_ASSIGN(const PrivacyAccount account, account_of(task));
  return account.participations;
}

Result<bool> DeviceRecord::has_contributed(const Hash256& update) {
  FEDSPEND_ASSIGN(const auto before, find(Kind::update, digest_of(update)));
  return before.has_value();
}

Status DeviceRecord::record_open_update(const SessionId& session, const Hash256& update) {
  const Hash256 digest = digest_of(update);
  FEDSPEND_ASSIGN(const auto before, find(Kind::session_update, session.bytes));
  if (before && *before != digest) return fail(ErrorCode::conflict, "this session has another update");
  if (before) return {};
  const Entry entry{Kind::session_update, session.bytes, digest};
  return keep({&entry, 1}, {});
}

Status DeviceRecord::record_update(const SessionId& session, const Hash256& update) {
  const Hash256 digest = digest_of(update);
  FEDSPEND_ASSIGN(const auto where, find(Kind::update, digest));
  if (where && *where != session.bytes) return fail(ErrorCode::conflict, "this update went into another session's sum");
  FEDSPEND_ASSIGN(const auto what, find(Kind::session_update, session.bytes));
  if (what && *what != digest) return fail(ErrorCode::conflict, "this session has another update");
  if (where) return {};  // both are kept, and pruned, together
  const std::array<Entry, 2> entries{Entry{Kind::update, digest, session.bytes}, Entry{Kind::session_update, session.bytes, digest}};
  return keep(entries, {});
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

Result<PrivacyAccount> MemoryDeviceRecord::account_of(const TaskId& task) {
  const auto found = accounts_.find(task);
  return found == accounts_.end() ? PrivacyAccount{} : found->second;
}

Status MemoryDeviceRecord::keep(std::span<const Entry> entries, std::span<const Account> accounts) {
  for (const Entry& entry : entries) {
    const bool is_new = values_.emplace(std::pair(entry.kind, entry.name), entry.value).second;
    FEDSPEND_CHECK(is_new, "a name that is not there yet");
    std::vector<Hash256>& names = names_[static_cast<std::size_t>(entry.kind) - 1];
    names.push_back(entry.name);
    if (names.size() <= limits_.entries_kept) continue;
    values_.erase({entry.kind, names.front()});
    names.erase(names.begin());
  }
  for (const Account& account : accounts) accounts_.insert_or_assign(account.task, account.spent);
  return {};
}

}  // namespace fedspend::client
