#include "client/transparency.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "client/row_codec.h"
#include "client/shown_text.h"

namespace fedspend::client {
namespace {

constexpr std::uint8_t kEntryForm = 1;
constexpr std::size_t kMaxNameBytes = 64, kMaxNoteBytes = 512;
constexpr std::int64_t kLatestTime_s = 253'402'300'799;  // the end of the year 9999
constexpr std::uint64_t kFewestKept = 8, kLargestBatch = 256;

HistoryEntry harmless(HistoryEntry entry) {
  entry.time_s = std::clamp<std::int64_t>(entry.time_s, 0, kLatestTime_s);
  entry.until_s = std::clamp<std::int64_t>(entry.until_s, 0, kLatestTime_s);
  for (std::string* name : {&entry.purpose, &entry.plan_name, &entry.model}) *name = shown_text(*name, kMaxNameBytes);
  entry.note = shown_text(entry.note, kMaxNoteBytes);
  if (!(entry.epsilon_after >= 0)) entry.epsilon_after = std::numeric_limits<double>::infinity();
  if (!(entry.delta >= 0 && entry.delta <= 1)) entry.delta = 1;
  entry.messages = std::max<std::uint64_t>(1, entry.messages);
  return entry;
}

bool is_kind(std::uint8_t kind) { return kind >= static_cast<std::uint8_t>(HistoryKind::checked_in) && kind <= static_cast<std::uint8_t>(HistoryKind::enrolment_requested); }

VaultRow row_of(const HistoryEntry& entry) {
  RowWriter row(kEntryForm);
  row.i64(entry.time_s).u8(static_cast<std::uint8_t>(entry.kind)).text(entry.purpose).text(entry.plan_name).id(entry.plan).text(entry.model);
  row.u64(entry.round.value).u64(entry.bytes).f64(entry.epsilon_after).f64(entry.delta).text(entry.note).u64(entry.messages).i64(entry.until_s);
  return {.shelf = Shelf::history, .number = entry.number, .content = row.take()};
}

std::optional<HistoryEntry> parse_row(std::uint64_t number, ByteSpan content) {
  RowReader row(content, kEntryForm);
  HistoryEntry entry{.number = number, .time_s = row.i64()};
  const std::uint8_t kind = row.u8();
  entry.kind = static_cast<HistoryKind>(kind);
  entry.purpose = row.text(kMaxNameBytes);
  entry.plan_name = row.text(kMaxNameBytes);
  entry.plan = row.id<PlanHash>();
  entry.model = row.text(kMaxNameBytes);
  entry.round.value = row.u64();
  entry.bytes = row.u64();
  entry.epsilon_after = row.f64();
  entry.delta = row.f64();
  entry.note = row.text(kMaxNoteBytes);
  entry.messages = row.u64();
  entry.until_s = row.i64();
  if (!row.done() || !is_kind(kind)) return std::nullopt;
  if (row_of(harmless(entry)).content != Bytes(content.begin(), content.end())) return std::nullopt;  // append never wrote this
  return entry;
}

std::uint64_t saturated(std::uint64_t a, std::uint64_t b) { return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a); }

// `sum` and the later `entry` as one, with the number of the first.
void add_to(HistoryEntry& sum, HistoryEntry entry) {
  const std::int64_t until_s = std::max({sum.time_s, sum.until_s, entry.time_s, entry.until_s});
  sum.time_s = std::min(sum.time_s, entry.time_s);
  sum.until_s = until_s;
  if (sum.purpose != entry.purpose) sum.purpose.clear();
  if (sum.plan_name != entry.plan_name) sum.plan_name.clear();
  if (sum.plan != entry.plan) sum.plan = {};
  if (sum.model != entry.model) sum.model.clear();
  if (sum.round != entry.round) sum.round = {};
  sum.bytes = saturated(sum.bytes, entry.bytes);
  if (entry.epsilon_after >= sum.epsilon_after) std::tie(sum.epsilon_after, sum.delta) = std::pair(entry.epsilon_after, entry.delta);
  sum.note = std::move(entry.note);
  sum.messages = saturated(sum.messages, entry.messages);
}

using Kinds = std::array<HistoryKind, 2>;
constexpr std::array<Kinds, 3> kSummedUp = {Kinds{HistoryKind::checked_in, HistoryKind::control}, Kinds{HistoryKind::contributed_again, HistoryKind::enrolment_requested}, Kinds{HistoryKind::refused, HistoryKind::stopped}};

}  // namespace

struct TransparencyLog::State {
  Vault& vault;
  TransparencyLimits limits;
  std::uint64_t rows = 0, next_number = 1;

  State(Vault& kept, TransparencyLimits given) : vault(kept), limits(given) { limits.entries_kept = std::max(limits.entries_kept, kFewestKept); }

  // malformed where a row is not one of append's.
  template <class Visit>
  Status each(Visit visit) {
    std::uint64_t bad = 0;
    FEDSPEND_TRY(vault.read(Shelf::history, 0, [&](std::uint64_t number, ByteSpan content) {
      std::optional<HistoryEntry> entry = parse_row(number, content);
      if (entry) return visit(*std::move(entry));
      bad = number;
      return false;
    }));
    if (bad != 0) return fail(ErrorCode::malformed, "the history of this device is damaged: entry " + std::to_string(bad), "nothing is sent until the device's store is wiped");
    return {};
  }
  Result<bool> sum_up(const Kinds& kinds, std::vector<VaultRowId>& erase, std::vector<VaultRow>& put);
};

// Changes that bring the shelf under its limit: the oldest single entries of these kinds, and the sum that there is. False: too few.
Result<bool> TransparencyLog::State::sum_up(const Kinds& kinds, std::vector<VaultRowId>& erase, std::vector<VaultRow>& put) {
  const std::uint64_t batch = std::clamp<std::uint64_t>(limits.entries_kept / 8, 4, kLargestBatch);
  std::array<std::optional<HistoryEntry>, 2> sums;
  std::vector<VaultRowId> taken;
  std::uint64_t single = 0;
  FEDSPEND_TRY(each([&](HistoryEntry entry) {
    const auto kind = std::ranges::find(kinds, entry.kind);
    if (kind == kinds.end()) return true;
    single += entry.messages == 1 ? 1 : 0;
    taken.push_back({Shelf::history, entry.number});
    auto& sum = sums[static_cast<std::size_t>(kind - kinds.begin())];
    if (sum) add_to(*sum, std::move(entry));
    else sum = std::move(entry);
    return single < batch;
  }));
  const auto made = static_cast<std::size_t>(std::ranges::count_if(sums, [](const auto& sum) { return sum.has_value(); }));
  if (taken.size() <= made) return false;
  erase = std::move(taken);
  for (const auto& sum : sums)
    if (sum) put.push_back(row_of(*sum));
  return true;
}

TransparencyLog::TransparencyLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
TransparencyLog::~TransparencyLog() = default;

Result<std::unique_ptr<TransparencyLog>> TransparencyLog::open(Vault& vault, TransparencyLimits limits) {
  auto state = std::make_unique<State>(vault, limits);
  FEDSPEND_TRY(state->each([&](const HistoryEntry&) {
    ++state->rows;
    return true;
  }));
  FEDSPEND_ASSIGN(const ShelfSize size, vault.size_of(Shelf::history));
  state->next_number = size.last_number + 1;
  return std::unique_ptr<TransparencyLog>(new TransparencyLog(std::move(state)));
}

Status TransparencyLog::append(HistoryEntry entry, std::span<const VaultRow> also) {
  State& state = *state_;
  FEDSPEND_CHECK(is_kind(static_cast<std::uint8_t>(entry.kind)), "an entry has a kind");
  std::vector<VaultRowId> erase;
  std::vector<VaultRow> put;
  if (state.rows >= state.limits.entries_kept) {
    for (const Kinds& kinds : kSummedUp) {
      FEDSPEND_ASSIGN(const bool enough, state.sum_up(kinds, erase, put));
      if (enough) break;
    }
  }
  entry = harmless(std::move(entry));
  entry.number = state.next_number;
  put.push_back(row_of(entry));
  // The many others cost one sync in place of three, and are in the database with the next of these.
  put.back().for_good = entry.kind != HistoryKind::checked_in && entry.kind != HistoryKind::control;
  const std::uint64_t rows = state.rows + put.size() - erase.size();
  put.insert(put.end(), also.begin(), also.end());
  FEDSPEND_TRY(state.vault.change(erase, put));
  ++state.next_number;
  state.rows = rows;
  return {};
}

Result<std::vector<HistoryEntry>> TransparencyLog::entries() {
  std::vector<HistoryEntry> found;
  FEDSPEND_TRY(state_->each([&](HistoryEntry entry) {
    found.push_back(std::move(entry));
    return true;
  }));
  return found;
}

}  // namespace fedspend::client
