#include "client/consent.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "client/row_codec.h"
#include "common/protocol/plain_text.h"

namespace fedspend::client {
namespace {

constexpr std::uint8_t kEventForm = 1;
constexpr std::size_t kMaxVersionBytes = 64, kMaxLanguageBytes = 35, kMaxMethodBytes = 128;
constexpr std::int64_t kLatestTime_s = 253'402'300'799;  // the end of the year 9999: what a date can say
constexpr std::size_t kReserveEntryBytes = 16;
constexpr std::uint64_t kAllUpTo = std::uint64_t{1} << 63;

bool is_plain(std::string_view text, std::size_t least, std::size_t most) { return text.size() >= least && text.size() <= most && is_plain_text(text); }

bool is_valid(const ConsentEvent& event) {
  return is_plain(event.purpose, 1, kMaxPurposeBytes) && is_plain(event.notice.version, event.given ? 1 : 0, kMaxVersionBytes) &&
         is_plain(event.notice.language, 0, kMaxLanguageBytes) && is_plain(event.notice.method, 0, kMaxMethodBytes) && event.time_s >= 0 &&
         event.time_s <= kLatestTime_s;
}

VaultRow row_of(const ConsentEvent& event) {
  RowWriter row(kEventForm);
  row.i64(event.time_s).u8(event.given ? 1 : 0).text(event.purpose).text(event.notice.version).text(event.notice.language).text(event.notice.method);
  return {.shelf = Shelf::consent, .number = event.number, .content = row.take()};
}

std::optional<ConsentEvent> parse_row(std::uint64_t number, ByteSpan content) {
  RowReader row(content, kEventForm);
  ConsentEvent event{.number = number, .time_s = row.i64()};
  const std::uint8_t given = row.u8();
  event.given = given == 1;
  event.purpose = row.text(kMaxPurposeBytes);
  event.notice.version = row.text(kMaxVersionBytes);
  event.notice.language = row.text(kMaxLanguageBytes);
  event.notice.method = row.text(kMaxMethodBytes);
  if (!row.done() || given > 1 || !is_valid(event)) return std::nullopt;
  return event;
}

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(ErrorCode::malformed, "the record of consents is damaged: " + what, "no consent counts until the store is wiped and consent is given anew");
}

bool same(const ConsentNotice& a, const ConsentNotice& b) { return a.version == b.version && a.language == b.language && a.method == b.method; }

}  // namespace

struct Consents::State {
  Vault& vault;
  std::vector<ConsentEvent> events;
  std::size_t durable = 0;  // so many of the events are in the vault; the others are withdrawals that the disk did not take
  std::uint64_t next_number = 1;
  bool is_reserve_used = false;
  mutable std::mutex mutex;       // of `given` alone
  std::set<std::string, std::less<>> given;

  explicit State(Vault& kept) : vault(kept) {}

  const ConsentEvent* last_of(std::string_view purpose) const {
    const auto found = std::find_if(events.rbegin(), events.rend(), [purpose](const ConsentEvent& event) { return event.purpose == purpose; });
    return found == events.rend() ? nullptr : &*found;
  }
  Status write() {
    std::vector<VaultRow> rows;
    for (std::size_t i = durable; i < events.size(); ++i) rows.push_back(row_of(events[i]));
    if (rows.empty()) return {};
    FEDSPEND_TRY(vault.change({}, rows));
    durable = events.size();
    return {};
  }
  // Of what is in the vault.
  const ConsentEvent* last_durable_of(std::string_view purpose) const {
    for (std::size_t i = durable; i > 0; --i)
      if (events[i - 1].purpose == purpose) return &events[i - 1];
    return nullptr;
  }
  Bytes withdrawals_not_written() const;
  void take_reserve(const Result<Bytes>& reserve);
  void add(ConsentEvent event) {
    event.number = next_number++;
    events.push_back(std::move(event));
  }
  Status write_all() {
    FEDSPEND_TRY(write());
    // Stale it would do no harm: it names the consents that it ends by their numbers.
    if (std::exchange(is_reserve_used, false)) static_cast<void>(vault.write_reserve({}));
    return {};
  }
  Status write_withdrawals() {
    const Status written = write_all();
    if (written) return {};
    const Bytes waiting = withdrawals_not_written();
    if (waiting.empty()) return {};  // refusals of what was never given
    is_reserve_used = true;
    if (vault.write_reserve(waiting)) return {};
    Error error = written.error();
    error.message = "the withdrawal counts, but could not be kept: " + error.message;
    error.hint = "withdraw again when there is space; after a restart it is forgotten until then";
    return fail(std::move(error));
  }
};

// Of each consent that ends: the number of the event that gave it, and when it ended; or of all up to a number, where there are too many.
Bytes Consents::State::withdrawals_not_written() const {
  Bytes content;
  std::uint64_t most = 0;
  const auto put = [&content](std::uint64_t number, std::int64_t time_s) {
    content.resize(content.size() + kReserveEntryBytes);
    store_u64(MutableByteSpan(content).last(16), number);
    store_u64(MutableByteSpan(content).last(8), static_cast<std::uint64_t>(time_s));
  };
  std::int64_t latest_s = 0;
  for (std::size_t i = durable; i < events.size(); ++i) {
    const ConsentEvent* before = last_durable_of(events[i].purpose);
    if (events[i].given || before == nullptr || !before->given) continue;
    put(before->number, events[i].time_s);
    most = std::max(most, before->number);
    latest_s = std::max(latest_s, events[i].time_s);
  }
  if (content.size() <= kVaultReserveBytes) return content;
  content.clear();
  put(most | kAllUpTo, latest_s);
  return content;
}

void Consents::State::take_reserve(const Result<Bytes>& reserve) {
  const bool is_whole = reserve && reserve->size() % kReserveEntryBytes == 0;
  is_reserve_used = !is_whole || !reserve->empty();
  std::vector<ConsentEvent> ended;
  for (const std::string& purpose : given) {
    const std::uint64_t number = last_of(purpose)->number;
    if (!is_whole) {
      ended.push_back({.time_s = events.back().time_s, .purpose = purpose, .notice = {.version = {}, .language = {}, .method = "the place of withdrawals was damaged"}});
      continue;
    }
    for (std::size_t at = 0; at < reserve->size(); at += kReserveEntryBytes) {
      const std::uint64_t said = load_u64(ByteSpan(*reserve).subspan(at));
      if (said != number && !((said & kAllUpTo) != 0 && number <= (said & ~kAllUpTo))) continue;
      const auto time_s = static_cast<std::int64_t>(load_u64(ByteSpan(*reserve).subspan(at + 8)));
      ended.push_back({.time_s = std::clamp<std::int64_t>(time_s, 0, kLatestTime_s), .purpose = purpose});
      break;
    }
  }
  for (ConsentEvent& event : ended) {
    given.erase(event.purpose);
    add(std::move(event));
  }
}

Consents::Consents(std::unique_ptr<State> state) : state_(std::move(state)) {}
Consents::~Consents() = default;

Result<std::unique_ptr<Consents>> Consents::open(Vault& vault) {
  auto state = std::make_unique<State>(vault);
  FEDSPEND_ASSIGN(const ShelfSize size, vault.size_of(Shelf::consent));
  std::optional<std::uint64_t> bad;
  FEDSPEND_TRY(vault.read(Shelf::consent, 0, [&](std::uint64_t number, ByteSpan content) {
    std::optional<ConsentEvent> event = parse_row(number, content);
    const bool follows = state->events.empty() || state->events.back().number + 1 == number;
    if (!event || !follows || state->events.size() >= kMaxConsentEvents * 2) {
      bad = number;
      return false;
    }
    state->events.push_back(*std::move(event));
    return true;
  }));
  if (bad) return damaged("event " + std::to_string(*bad));
  // A withdrawal that somebody took away at the end is noticed, too. A shelf of nothing at all is no consent, which is safe.
  if (!state->events.empty() && state->events.back().number != size.last_number) return damaged("its last event is missing");
  for (const ConsentEvent& event : state->events) {
    if (event.given) state->given.insert(event.purpose);
    else state->given.erase(event.purpose);
  }
  state->durable = state->events.size();
  state->next_number = size.last_number + 1;
  const Result<Bytes> reserve = vault.read_reserve();
  if (!reserve && reserve.error().code != ErrorCode::malformed) return fail(reserve.error());
  state->take_reserve(reserve);
  // Should there be no space still, then what is in the reserve stays there.
  if (state->is_reserve_used) static_cast<void>(state->write_withdrawals());
  return std::unique_ptr<Consents>(new Consents(std::move(state)));
}

Status Consents::give(std::string_view purpose, const ConsentNotice& notice, std::int64_t time_s) {
  State& state = *state_;
  ConsentEvent event{.time_s = time_s, .purpose = std::string(purpose), .given = true, .notice = notice};
  if (!is_valid(event)) {
    return fail(ErrorCode::invalid_argument, "a consent needs a purpose, the version of the notice that was shown, and a time",
                "purpose and version have 1 to 64 bytes of plain text, the language at most 35, the method at most 128; the time is in seconds since 1970");
  }
  const ConsentEvent* last = state.last_of(purpose);
  if (last != nullptr && last->given && same(last->notice, notice)) return {};
  if (state.events.size() >= kMaxConsentEvents) return fail(ErrorCode::limit, "there are too many consents on record", "wipe the device's store, and give consent anew");
  const std::uint64_t number = state.next_number;
  state.add(std::move(event));
  if (const Status written = state.write_all(); !written) {
    state.events.pop_back();
    state.next_number = number;  // should the disk have kept it after all, then whatever comes next takes its place
    return written;
  }
  const std::lock_guard lock(state.mutex);
  state.given.emplace(purpose);
  return {};
}

Status Consents::withdraw(std::string_view purpose, std::int64_t time_s) {
  State& state = *state_;
  if (!is_plain(purpose, 1, kMaxPurposeBytes)) return fail(ErrorCode::invalid_argument, "this is no purpose, so that nothing was withdrawn", "1 to 64 bytes of plain text, as it was consented to");
  {
    const std::lock_guard lock(state.mutex);
    const auto found = state.given.find(purpose);
    if (found != state.given.end()) state.given.erase(found);
  }
  const ConsentEvent* last = state.last_of(purpose);
  const bool is_new = last == nullptr ? state.events.size() < kMaxConsentEvents : last->given;
  if (is_new) state.add({.time_s = std::clamp<std::int64_t>(time_s, 0, kLatestTime_s), .purpose = std::string(purpose)});
  return state.write_withdrawals();
}

Status Consents::withdraw_all(std::int64_t time_s) {
  State& state = *state_;
  std::set<std::string, std::less<>> before;
  {
    const std::lock_guard lock(state.mutex);
    before.swap(state.given);
  }
  for (const std::string& purpose : before) state.add({.time_s = std::clamp<std::int64_t>(time_s, 0, kLatestTime_s), .purpose = purpose});
  return state.write_withdrawals();
}

bool Consents::is_given(std::string_view purpose) const {
  const std::lock_guard lock(state_->mutex);
  return state_->given.contains(purpose);
}

std::vector<std::string> Consents::purposes() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->given.begin(), state_->given.end()};
}

const std::vector<ConsentEvent>& Consents::events() const { return state_->events; }

}  // namespace fedspend::client
