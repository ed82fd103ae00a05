#include "client/vault_device_record.h"

#include <algorithm>
#include <string>

#include "common/check.h"

namespace fedspend::client {
namespace {

// Row 1 of the shelf is the record's key: form and 32 bytes. Then entries: kind, name and value.
constexpr std::uint64_t kKeyRow = 1;
constexpr std::uint8_t kKeyForm = 0;
constexpr std::size_t kEntryBytes = 1 + 32 + 32;

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(ErrorCode::malformed, "the device's record is damaged: " + what,
              "restore the device's files from a backup, which forgets what was spent since, or, if there is none, give this client new keys and a new enrolment");
}

}  // namespace

Result<std::unique_ptr<VaultDeviceRecord>> VaultDeviceRecord::open(Vault& vault, RandomSource& random, RecordLimits limits) {
  FEDSPEND_CHECK(limits.entries_kept > 0, "at least one entry kept");
  std::unique_ptr<VaultDeviceRecord> record(new VaultDeviceRecord(vault, limits));
  FEDSPEND_ASSIGN(const ShelfSize entries, vault.size_of(Shelf::record));
  FEDSPEND_ASSIGN(const ShelfSize accounts, vault.size_of(Shelf::account));
  record->last_entry_ = entries.last_number;
  record->last_account_ = accounts.last_number;
  // By the numbers that were ever used, not by the rows: a record is never begun twice.
  if (entries.last_number == 0 && accounts.last_number == 0) {
    FEDSPEND_TRY(record->begin(random));
    return record;
  }
  FEDSPEND_TRY(record->read_entries());
  FEDSPEND_TRY(record->read_accounts());
  return record;
}

Status VaultDeviceRecord::begin(RandomSource& random) {
  random.fill(key_.expose_mutable());
  VaultRow row{Shelf::record, kKeyRow, Bytes(33, kKeyForm)};
  std::ranges::copy(key_.expose(), row.content.begin() + 1);
  const Status kept = vault_.change({}, {&row, 1});
  wipe(row.content);
  last_entry_ = kKeyRow;
  return kept;
}

bool VaultDeviceRecord::take_entry(std::uint64_t number, ByteSpan content) {
  if (content.size() != kEntryBytes || content[0] < 1 || content[0] > kKinds) return false;
  Entry entry;
  entry.kind = static_cast<Kind>(content[0]);
  std::copy_n(content.begin() + 1, 32, entry.name.begin());
  std::copy_n(content.begin() + 33, 32, entry.value.begin());
  names_[content[0] - 1U].emplace_back(number, entry.name);
  return values_.emplace(std::pair(entry.kind, entry.name), entry.value).second;
}

Status VaultDeviceRecord::read_entries() {
  bool has_key = false, whole = true;
  FEDSPEND_TRY(vault_.read(Shelf::record, 0, [&](std::uint64_t number, ByteSpan content) {
    if (number != kKeyRow) return whole = take_entry(number, content);
    whole = has_key = content.size() == 33 && content[0] == kKeyForm;
    if (whole) std::ranges::copy(content.subspan(1), key_.expose_mutable().begin());
    return whole;
  }));
  if (!whole) return damaged("an entry is not one");
  if (!has_key) return damaged("its key is not there");
  return {};
}

bool VaultDeviceRecord::take_account(std::uint64_t number, ByteSpan content) {
  if (content.size() < TaskId::kSize) return false;
  TaskId task;
  std::copy_n(content.begin(), TaskId::kSize, task.bytes.begin());
  Result<PrivacyAccount> spent = PrivacyAccount::parse(content.subspan(TaskId::kSize));
  return spent && accounts_.emplace(task, KeptAccount{number, std::move(*spent)}).second;
}

Status VaultDeviceRecord::read_accounts() {
  bool whole = true;
  FEDSPEND_TRY(vault_.read(Shelf::account, 0, [&](std::uint64_t number, ByteSpan content) { return whole = take_account(number, content); }));
  if (!whole) return damaged("an account of participations is not one");
  return {};
}

Status VaultDeviceRecord::usable() const {
  if (is_behind_) return fail(ErrorCode::internal, "there was no memory for what the device's record holds", "open the device anew: until then nothing is answered");
  return {};
}

Result<std::optional<Hash256>> VaultDeviceRecord::find(Kind kind, const Hash256& name) {
  FEDSPEND_TRY(usable());
  const auto found = values_.find({kind, name});
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

Result<PrivacyAccount> VaultDeviceRecord::account_of(const TaskId& task) {
  FEDSPEND_TRY(usable());
  const auto found = accounts_.find(task);
  return found == accounts_.end() ? PrivacyAccount{} : found->second.spent;
}

Status VaultDeviceRecord::keep(std::span<const Entry> entries, std::span<const Account> accounts) {
  FEDSPEND_TRY(usable());
  std::vector<VaultRow> put;
  std::vector<VaultRowId> erase;
  std::array<std::uint64_t, kKinds> added{};
  std::uint64_t next_entry = last_entry_, next_account = last_account_;
  for (const Entry& entry : entries) {
    FEDSPEND_CHECK(!values_.contains({entry.kind, entry.name}), "a name that is not there yet");
    VaultRow row{Shelf::record, ++next_entry, Bytes(1, static_cast<std::uint8_t>(entry.kind))};
    row.content.insert(row.content.end(), entry.name.begin(), entry.name.end());
    row.content.insert(row.content.end(), entry.value.begin(), entry.value.end());
    put.push_back(std::move(row));
    ++added[static_cast<std::size_t>(entry.kind) - 1];
  }
  // The oldest of each kind, also where fewer are to be kept than before.
  std::array<std::uint64_t, kKinds> forgotten{};
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    const std::uint64_t there = names_[kind].size();
    if (added[kind] != 0 && there + added[kind] > limits_.entries_kept) forgotten[kind] = std::min(there, there + added[kind] - limits_.entries_kept);
    for (std::size_t i = 0; i < forgotten[kind]; ++i) erase.push_back({Shelf::record, names_[kind][i].first});
  }
  for (const Account& account : accounts) {
    const auto known = accounts_.find(account.task);
    VaultRow row{Shelf::account, known == accounts_.end() ? ++next_account : known->second.number, Bytes(account.task.bytes.begin(), account.task.bytes.end())};
    const Bytes spent = account.spent.serialise();
    row.content.insert(row.content.end(), spent.begin(), spent.end());
    put.push_back(std::move(row));
  }
  FEDSPEND_TRY(vault_.change(erase, put));
  is_behind_ = true;  // until the end: what follows may throw
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    for (std::uint64_t i = 0; i < forgotten[kind]; ++i) {
      values_.erase({static_cast<Kind>(kind + 1), names_[kind].front().second});
      names_[kind].pop_front();
    }
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    values_.emplace(std::pair(entries[i].kind, entries[i].name), entries[i].value);
    names_[static_cast<std::size_t>(entries[i].kind) - 1].emplace_back(put[i].number, entries[i].name);
  }
  for (std::size_t i = 0; i < accounts.size(); ++i) accounts_.insert_or_assign(accounts[i].task, KeptAccount{put[entries.size() + i].number, accounts[i].spent});
  last_entry_ = next_entry;
  last_account_ = next_account;
  is_behind_ = false;
  return {};
}

std::vector<TaskId> VaultDeviceRecord::tasks() const {
  std::vector<TaskId> tasks;
  for (const auto& [task, account] : accounts_)
    if (!task.is_zero()) tasks.push_back(task);
  return tasks;
}

}  // namespace fedspend::client
