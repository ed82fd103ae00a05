#include "client/transaction_store.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "common/check.h"
#include "common/crypto/secret.h"
#include "common/protocol/plain_text.h"
#include "models/transactions/transaction_fields.h"

namespace fedspend::client {
namespace {

using models::Direction;
using models::Transaction;

constexpr std::int64_t kDay_s = 86'400;
// Row 1 of the shelf: since when the clock is ahead of the rows. Transactions have the numbers after it.
constexpr std::uint64_t kClockRow = 1;
constexpr std::uint8_t kClockForm = 0;
constexpr std::uint8_t kTransactionForm = 1;
constexpr std::uint8_t kCorrected = 2;

// Form, time, amount, direction (and 2: the customer corrected the category), then four texts with their lengths (u16). Strict both ways, little-endian.
Bytes row_of(std::string_view id, const Transaction& transaction) {
  Bytes row(18);
  row[0] = kTransactionForm;
  store_u64(MutableByteSpan(row).subspan(1), static_cast<std::uint64_t>(transaction.time_s));
  store_u64(MutableByteSpan(row).subspan(9), static_cast<std::uint64_t>(transaction.amount_minor));
  row[17] = static_cast<std::uint8_t>(static_cast<unsigned>(transaction.direction) | (transaction.corrected ? kCorrected : 0u));
  for (const std::string_view text : {id, std::string_view(transaction.category), std::string_view(transaction.merchant), std::string_view(transaction.currency)}) {
    std::uint8_t length[2];
    store_u16(length, static_cast<std::uint16_t>(text.size()));
    row.insert(row.end(), length, length + 2);
    row.insert(row.end(), text.begin(), text.end());
  }
  return row;
}

std::optional<IngestedTransaction> parse_row(ByteSpan row) {
  if (row.size() < 18 || row[0] != kTransactionForm || row[17] > (1 | kCorrected)) return std::nullopt;
  IngestedTransaction parsed;
  parsed.transaction.time_s = static_cast<std::int64_t>(load_u64(row.subspan(1)));
  parsed.transaction.amount_minor = static_cast<std::int64_t>(load_u64(row.subspan(9)));
  parsed.transaction.direction = static_cast<Direction>(row[17] & 1);
  parsed.transaction.corrected = (row[17] & kCorrected) != 0;
  row = row.subspan(18);
  for (std::string* text : {&parsed.id, &parsed.transaction.category, &parsed.transaction.merchant, &parsed.transaction.currency}) {
    if (row.size() < 2 || row.size() - 2 < load_u16(row)) return std::nullopt;
    text->assign(as_text(row.subspan(2, load_u16(row))));
    row = row.subspan(2 + text->size());
  }
  if (!row.empty() || parsed.id.empty()) return std::nullopt;
  return parsed;
}

bool same(const Transaction& a, const Transaction& b) {
  return a.time_s == b.time_s && a.amount_minor == b.amount_minor && a.direction == b.direction && a.category == b.category && a.merchant == b.merchant && a.currency == b.currency && a.corrected == b.corrected;
}

Status check(const IngestedTransaction& given, std::size_t index, std::int64_t now_s) {
  const std::string which = "transaction " + std::to_string(index) + ": ";
  if (given.id.empty() || given.id.size() > kMaxTransactionIdBytes)
    return fail(ErrorCode::invalid_argument, which + "its id has " + std::to_string(given.id.size()) + " bytes", "1 to 64 bytes, one id for one transaction");
  if (!is_utf8(given.id)) return fail(ErrorCode::invalid_argument, which + "its id is not UTF-8");
  Status checked = check_transaction(given.transaction, now_s);
  if (!checked) checked.error().message = which + checked.error().message;
  return checked;
}

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(ErrorCode::malformed, "the store of transactions is damaged: " + what, "wipe the device's store, and hand the transactions in again");
}

// A clock may say anything; sums of days with this do not overflow.
std::int64_t sensible(std::int64_t now_s) { return std::clamp(now_s, std::int64_t{0}, std::int64_t{1} << 53); }

struct Kept {
  std::int64_t time_s = 0;
  std::uint64_t number = 0;
  auto operator<=>(const Kept&) const = default;
};

bool is_retention(std::uint32_t days) { return days >= 1 && days <= kMaxRetentionDays; }

void check_limits(const StoreLimits& limits) {
  FEDSPEND_CHECK(is_retention(limits.retention_days) && limits.max_transactions >= 1, "a retention and a cap of at least 1");
  for (const auto& [purpose, days] : limits.retention_days_of) FEDSPEND_CHECK(is_retention(days), "a retention of at least 1 day");
}

}  // namespace

std::uint32_t StoreLimits::days_for(std::string_view purpose) const {
  const auto own = retention_days_of.find(purpose);
  return own == retention_days_of.end() ? retention_days : own->second;
}

std::uint32_t StoreLimits::longest_days() const {
  std::uint32_t longest = purposes.empty() ? retention_days : 1;
  for (const std::string& purpose : purposes) longest = std::max(longest, days_for(purpose));
  if (purposes.empty())
    for (const auto& [purpose, days] : retention_days_of) longest = std::max(longest, days);
  return longest;
}

Status check_transaction(const Transaction& transaction, std::int64_t now_s) {
  const auto wrong = [](const std::string& what, const char* hint) { return fail(ErrorCode::invalid_argument, what, hint); };
  if (transaction.amount_minor < 0 || transaction.amount_minor > models::kMaxAmountMinor) return wrong("its amount is out of range", "0 to 10^15 hundredths, with the direction apart");
  if (transaction.direction != Direction::debit && transaction.direction != Direction::credit) return wrong("its direction is neither debit nor credit", "");
  if (transaction.time_s < 0) return wrong("its time is before 1970", "seconds since 1970-01-01T00:00:00Z");
  if (transaction.time_s - kDay_s > sensible(now_s)) return wrong("its time is more than a day after now", "check this device's clock, and that times are seconds since 1970 in UTC");
  for (const auto& [name, text] : {std::pair("category", &transaction.category), std::pair("merchant", &transaction.merchant), std::pair("currency", &transaction.currency)}) {
    if (text->size() > kMaxTransactionTextBytes) return wrong(std::string("its ") + name + " has " + std::to_string(text->size()) + " bytes", "at most 256 bytes");
    if (!is_utf8(*text)) return wrong(std::string("its ") + name + " is not UTF-8", "");
  }
  return {};
}

struct TransactionStore::State {
  struct Place {
    std::uint64_t number = 0;
    const std::string* id = nullptr;  // a key of `by_id`, whose nodes stay where they are
  };
  // What one change will do, by id; looked at before what is kept.
  struct Planned {
    std::optional<Kept> before;
    std::uint64_t number = 0;
    const Transaction* after = nullptr;  // null: erased
  };
  using Plan = std::unordered_map<std::string_view, Planned>;

  Vault& vault;
  StoreLimits limits;
  std::vector<Transaction> transactions;  // by time, then number
  std::vector<Place> places;              // of the same indices
  std::unordered_map<std::string, Kept> by_id;
  std::uint64_t next_number = kClockRow + 1;
  std::optional<std::int64_t> ahead_since_s;  // as the clock row says
  bool is_behind = false;                     // of the vault: to be opened anew

  State(Vault& given, StoreLimits given_limits) : vault(given), limits(std::move(given_limits)) {}

  Kept kept_at(std::size_t index) const { return {transactions[index].time_s, places[index].number}; }
  std::size_t index_of(const Kept& kept) const;
  std::optional<std::int64_t> believe(std::int64_t now_s, std::int64_t newest_s) const;
  std::int64_t oldest_allowed(std::int64_t now_s, std::int64_t newest_s, std::uint32_t retention_days) const;
  void push_out(Plan& plan, std::int64_t cutoff_s, IngestReport& report) const;
  Status usable() const;
  Status carry_out(const Plan& plan, std::optional<std::int64_t> ahead);
  void apply(const Plan& plan);
};

std::size_t TransactionStore::State::index_of(const Kept& kept) const {
  std::size_t low = 0, high = transactions.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (kept_at(middle) < kept) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Since when the clock is ahead of the rows by more than they support, if it is.
std::optional<std::int64_t> TransactionStore::State::believe(std::int64_t now_s, std::int64_t newest_s) const {
  if (now_s - kClockSupport_s <= newest_s) return std::nullopt;
  if (ahead_since_s && *ahead_since_s <= now_s) return ahead_since_s;
  return now_s;  // first seen, or the clock stepped back
}

std::int64_t TransactionStore::State::oldest_allowed(std::int64_t now_s, std::int64_t newest_s, std::uint32_t retention_days) const {
  const std::optional<std::int64_t> ahead = believe(now_s, newest_s);
  const bool believed = !ahead || now_s - kClockSupport_s >= *ahead;
  return (believed ? now_s : newest_s + kClockSupport_s) - std::int64_t{retention_days} * kDay_s;
}

// Erases, in the plan, what is before the cutoff and then the oldest that are over the cap.
void TransactionStore::State::push_out(Plan& plan, std::int64_t cutoff_s, IngestReport& report) const {
  std::vector<std::pair<Kept, std::string_view>> planned;  // that will be there
  std::size_t count = transactions.size();
  for (const auto& [id, each] : plan) {
    if (each.before) --count;
    if (each.after != nullptr) planned.emplace_back(Kept{each.after->time_s, each.number}, id);
  }
  count += planned.size();
  std::sort(planned.begin(), planned.end());
  std::size_t next = 0, next_planned = 0;
  for (;;) {
    while (next < transactions.size() && plan.contains(*places[next].id)) ++next;
    const bool from_plan = next_planned < planned.size() && (next == transactions.size() || planned[next_planned].first < kept_at(next));
    if (!from_plan && next == transactions.size()) return;
    const Kept oldest = from_plan ? planned[next_planned].first : kept_at(next);
    if (oldest.time_s >= cutoff_s && count <= limits.max_transactions) return;
    if (oldest.time_s >= cutoff_s) ++report.pushed_out;
    --count;
    if (from_plan) plan.at(planned[next_planned++].second).after = nullptr;
    else plan.emplace(*places[next].id, Planned{kept_at(next), places[next].number, nullptr});
  }
}

Status TransactionStore::State::usable() const {
  return is_behind ? Status(fail(ErrorCode::internal, "there was no memory for what the store of transactions holds", "open the device anew")) : Status();
}

Status TransactionStore::State::carry_out(const Plan& plan, std::optional<std::int64_t> ahead) {
  FEDSPEND_TRY(usable());
  std::vector<VaultRowId> erase;
  std::vector<VaultRow> put;
  for (const auto& [id, each] : plan) {
    if (each.after != nullptr) put.push_back({Shelf::transaction, each.number, row_of(id, *each.after)});
    else if (each.before) erase.push_back({Shelf::transaction, each.number});
  }
  if (ahead != ahead_since_s) {
    Bytes clock(9, kClockForm);
    if (ahead) store_u64(MutableByteSpan(clock).subspan(1), static_cast<std::uint64_t>(*ahead));
    if (ahead) put.push_back({Shelf::transaction, kClockRow, std::move(clock)});
    else erase.push_back({Shelf::transaction, kClockRow});
  }
  if (erase.empty() && put.empty()) return {};
  const Status changed = vault.change(erase, put);
  for (VaultRow& row : put) wipe(row.content);
  FEDSPEND_TRY(changed);
  ahead_since_s = ahead;
  is_behind = true;  // until what the vault has is in memory, too: for that there may be none
  try {
    apply(plan);
  } catch (...) {  // what is half done must not be read
    places.clear();
    transactions.clear();
    by_id.clear();
    throw;
  }
  is_behind = false;
  return {};
}

// The vault has it; now the same in memory.
void TransactionStore::State::apply(const Plan& plan) {
  std::vector<std::size_t> gone;
  std::vector<std::pair<Kept, const Transaction*>> come;
  std::vector<const std::string*> ids;
  for (const auto& [id, each] : plan) {
    if (each.before) gone.push_back(index_of(*each.before));
    if (each.after != nullptr) come.emplace_back(Kept{each.after->time_s, each.number}, each.after);
  }
  std::sort(gone.begin(), gone.end());
  std::sort(come.begin(), come.end());
  std::unordered_map<std::uint64_t, const std::string*> id_of;
  for (const auto& [id, each] : plan) {
    if (each.after == nullptr) continue;
    const auto entry = by_id.insert_or_assign(std::string(id), Kept{each.after->time_s, each.number}).first;
    id_of.emplace(each.number, &entry->first);
    next_number = std::max(next_number, each.number + 1);
  }
  // Mostly there is nothing to take away and all that is new is newer. Otherwise both are merged.
  const bool at_end = gone.empty() && (transactions.empty() || come.empty() || kept_at(transactions.size() - 1) < come.front().first);
  std::vector<Transaction> merged;
  std::vector<Place> merged_places;
  if (at_end) {
    merged.swap(transactions);
    merged_places.swap(places);
  }
  std::size_t next_gone = 0, next_come = 0;
  const auto add_new = [&] {
    merged.push_back(*come[next_come].second);
    merged_places.push_back({come[next_come].first.number, id_of.at(come[next_come].first.number)});
    ++next_come;
  };
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    while (next_come < come.size() && come[next_come].first < kept_at(i)) add_new();
    if (next_gone < gone.size() && gone[next_gone] == i) {
      ++next_gone;
      continue;
    }
    merged.push_back(std::move(transactions[i]));
    merged_places.push_back(places[i]);
  }
  while (next_come < come.size()) add_new();
  // Last: what `places` and the plan's keys point at may be among them.
  std::vector<std::string> forgotten;
  for (const auto& [id, each] : plan)
    if (each.after == nullptr) forgotten.emplace_back(id);
  transactions = std::move(merged);
  places = std::move(merged_places);
  for (const std::string& id : forgotten) by_id.erase(id);
}

TransactionStore::TransactionStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
TransactionStore::~TransactionStore() = default;

Result<std::unique_ptr<TransactionStore>> TransactionStore::open(Vault& vault, StoreLimits limits) {
  check_limits(limits);
  auto state = std::make_unique<State>(vault, std::move(limits));
  FEDSPEND_ASSIGN(const ShelfSize size, vault.size_of(Shelf::transaction));
  state->next_number = std::max(kClockRow, size.last_number) + 1;
  struct Read {
    Kept kept;
    IngestedTransaction given;
  };
  std::vector<Read> rows;
  rows.reserve(size.rows);
  std::string wrong;
  FEDSPEND_TRY(vault.read(Shelf::transaction, 0, [&](std::uint64_t number, ByteSpan content) {
    if (number == kClockRow && content.size() == 9 && content[0] == kClockForm) {
      state->ahead_since_s = static_cast<std::int64_t>(load_u64(content.subspan(1)));
      return true;
    }
    std::optional<IngestedTransaction> parsed = number == kClockRow ? std::nullopt : parse_row(content);
    if (parsed) rows.push_back({{parsed->transaction.time_s, number}, std::move(*parsed)});
    else wrong = "row " + std::to_string(number) + " is not a transaction";
    return wrong.empty();
  }));
  if (!wrong.empty()) return damaged(wrong);
  std::sort(rows.begin(), rows.end(), [](const Read& a, const Read& b) { return a.kept < b.kept; });
  state->transactions.reserve(rows.size());
  state->places.reserve(rows.size());
  state->by_id.reserve(rows.size());
  for (Read& row : rows) {
    const auto [entry, is_new] = state->by_id.emplace(std::move(row.given.id), row.kept);
    if (!is_new) return damaged("a transaction is there twice");
    state->transactions.push_back(std::move(row.given.transaction));
    state->places.push_back({row.kept.number, &entry->first});
  }
  return std::unique_ptr<TransactionStore>(new TransactionStore(std::move(state)));
}

Result<IngestReport> TransactionStore::ingest(std::span<const IngestedTransaction> given, std::int64_t now_s) {
  State& state = *state_;
  FEDSPEND_TRY(state.usable());
  now_s = sensible(now_s);
  std::int64_t newest_s = state.transactions.empty() ? INT64_MIN / 2 : state.transactions.back().time_s;
  for (std::size_t i = 0; i < given.size(); ++i) {
    FEDSPEND_TRY(check(given[i], i, now_s));
    newest_s = std::max(newest_s, given[i].transaction.time_s);
  }
  if (given.empty()) return IngestReport{};
  const std::int64_t cutoff_s = state.oldest_allowed(now_s, newest_s, state.limits.longest_days());
  IngestReport report;
  State::Plan plan;
  std::deque<Transaction> with_correction;  // stay where they are: the plan points at them
  std::uint64_t number = state.next_number;
  for (const IngestedTransaction& each : given) {
    auto planned = plan.find(each.id);
    const Transaction* before = planned == plan.end() ? nullptr : planned->second.after;
    if (planned == plan.end()) {
      if (const auto kept = state.by_id.find(each.id); kept != state.by_id.end()) {
        before = &state.transactions[state.index_of(kept->second)];
        planned = plan.emplace(each.id, State::Planned{kept->second, kept->second.number, before}).first;
      }
    }
    if (each.transaction.time_s < cutoff_s) {
      ++report.too_old;
      if (planned != plan.end()) planned->second.after = nullptr;
      continue;
    }
    const Transaction* after = &each.transaction;
    if (before != nullptr && before->corrected && !after->corrected) {
      after = &with_correction.emplace_back(each.transaction);
      with_correction.back().category = before->category;
      with_correction.back().corrected = true;
    }
    if (before != nullptr && same(*before, *after)) {
      ++report.unchanged;
      continue;
    }
    ++(before == nullptr ? report.added : report.replaced);
    if (planned == plan.end()) planned = plan.emplace(each.id, State::Planned{std::nullopt, number++, nullptr}).first;
    planned->second.after = after;
  }
  // What stays as it is needs no writing.
  std::erase_if(plan, [&](const auto& entry) {
    const auto& each = entry.second;
    return each.before && each.after == &state.transactions[state.index_of(*each.before)];
  });
  state.push_out(plan, cutoff_s, report);
  FEDSPEND_TRY(state.carry_out(plan, state.believe(now_s, newest_s)));
  return report;
}

std::optional<std::size_t> TransactionStore::find(std::string_view id) const {
  const auto found = state_->by_id.find(std::string(id));
  return found == state_->by_id.end() ? std::nullopt : std::optional(state_->index_of(found->second));
}

Status TransactionStore::correct(std::string_view id, std::string_view category) {
  FEDSPEND_TRY(state_->usable());
  const std::optional<std::size_t> at = find(id);
  if (!at) return fail(ErrorCode::not_found, "there is no transaction of this id", "hand it in first");
  if (category.empty() || category.size() > kMaxTransactionTextBytes) return fail(ErrorCode::invalid_argument, "the category has " + std::to_string(category.size()) + " bytes", "1 to 256 bytes");
  if (!is_utf8(category)) return fail(ErrorCode::invalid_argument, "the category is not UTF-8");
  Transaction corrected = state_->transactions[*at];
  corrected.category = category;
  corrected.corrected = true;
  if (same(corrected, state_->transactions[*at])) return {};
  const Kept kept = state_->kept_at(*at);
  const std::string key(id);
  State::Plan plan;
  plan.emplace(key, State::Planned{kept, kept.number, &corrected});
  return state_->carry_out(plan, state_->ahead_since_s);
}

void TransactionStore::set_limits(StoreLimits limits) {
  check_limits(limits);
  state_->limits = std::move(limits);
}

std::span<const Transaction> TransactionStore::transactions_for(std::string_view purpose, std::int64_t now_s) const {
  const State& state = *state_;
  if (state.transactions.empty()) return {};
  const std::int64_t cutoff_s = state.oldest_allowed(sensible(now_s), state.transactions.back().time_s, state.limits.days_for(purpose));
  const auto first = std::ranges::lower_bound(state.transactions, cutoff_s, {}, &Transaction::time_s);
  return std::span(state.transactions).subspan(static_cast<std::size_t>(first - state.transactions.begin()));
}

Status TransactionStore::prune(std::int64_t now_s) {
  State& state = *state_;
  FEDSPEND_TRY(state.usable());
  if (state.transactions.empty()) return {};
  now_s = sensible(now_s);
  const std::int64_t newest_s = state.transactions.back().time_s;
  State::Plan plan;
  IngestReport ignored;
  state.push_out(plan, state.oldest_allowed(now_s, newest_s, state.limits.longest_days()), ignored);
  return state.carry_out(plan, state.believe(now_s, newest_s));
}

Status TransactionStore::erase_all() {
  State::Plan plan;
  for (std::size_t i = 0; i < state_->transactions.size(); ++i) plan.emplace(*state_->places[i].id, State::Planned{state_->kept_at(i), state_->places[i].number, nullptr});
  return state_->carry_out(plan, std::nullopt);
}

std::span<const Transaction> TransactionStore::transactions() const { return state_->transactions; }

}  // namespace fedspend::client
