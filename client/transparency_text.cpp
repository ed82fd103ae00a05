#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "client/shown_text.h"
#include "client/transparency.h"
#include "models/transactions/transaction_fields.h"

namespace fedspend::client {
namespace {

constexpr double kUnbounded = 1e9;
constexpr std::size_t kShownBytes = 512;
constexpr std::int64_t kLatestTime_s = 253'402'300'799;

std::int64_t shown_time(std::int64_t time_s) { return std::clamp<std::int64_t>(time_s, 0, kLatestTime_s); }

// 22 November 2026, 14:05 UTC
std::string date_text(std::int64_t time_s) {
  constexpr std::array kMonths = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
  const std::chrono::sys_seconds time{std::chrono::seconds(shown_time(time_s))};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(time - day).count();
  char clock[32];
  std::snprintf(clock, sizeof clock, "%02d:%02d UTC", static_cast<int>(minutes / 60), static_cast<int>(minutes % 60));
  return std::to_string(static_cast<unsigned>(date.day())) + " " + kMonths[static_cast<unsigned>(date.month()) - 1] + " " + std::to_string(static_cast<int>(date.year())) + ", " + clock;
}

std::string with_commas(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

// A name stands in single quotes and cannot close them.
std::string quoted(const std::string& name) {
  std::string shown = "'";
  for (const char c : shown_text(name, kShownBytes)) {
    if (c == '\'') shown += "\xe2\x80\x99";
    else shown += c;
  }
  return shown + "'";
}

std::string about(const HistoryEntry& entry) {
  const std::string& name = entry.purpose.empty() ? entry.plan_name : entry.purpose;
  return name.empty() ? "" : " for " + quoted(name);
}

std::string size_text(const HistoryEntry& entry) {
  std::string text = with_commas(entry.bytes) + (entry.bytes == 1 ? " byte" : " bytes");
  if (entry.round.value != 0) text += ", round " + with_commas(entry.round.value);
  return text;
}

std::string reason_of(const HistoryEntry& entry) { return entry.note.empty() ? "." : ": " + shown_text(entry.note, kShownBytes) + "."; }

std::string number_text(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string budget_text(const HistoryEntry& entry, std::optional<double> max_epsilon) {
  if (entry.epsilon_after == 0) return "";
  std::string text = " Privacy budget used so far: " + epsilon_text(entry.epsilon_after);
  if (max_epsilon && *max_epsilon >= 0 && *max_epsilon < kUnbounded) {
    double hundredths = std::floor(*max_epsilon * 100) + 1;
    while (hundredths > 0 && std::strtod(number_text("%.2f", hundredths / 100).c_str(), nullptr) > *max_epsilon) --hundredths;
    text += " of " + number_text("%.2f", hundredths / 100);
  }
  return text + " (epsilon at delta " + number_text("%.2g", entry.delta) + ").";
}

std::string what_happened(const HistoryEntry& entry, std::optional<double> max_epsilon) {
  switch (entry.kind) {
    case HistoryKind::checked_in:
      return "this device asked whether there was something to do: " + size_text(entry) + "; nothing about transactions.";
    case HistoryKind::contributed:
      return "a masked update" + about(entry) + " was handed to the connection: " + size_text(entry) + "; it contains no transactions, and only the sum over many devices can be read." + budget_text(entry, max_epsilon);
    case HistoryKind::contributed_open:
      return "an update" + about(entry) + " was handed to the connection without a mask: " + size_text(entry) + "; it contains no transactions, but who receives it can read it." + budget_text(entry, max_epsilon);
    case HistoryKind::contributed_again:
      return "the same update" + about(entry) + " as before was handed to the connection once more, because no answer had come: " + size_text(entry) + "." + budget_text(entry, max_epsilon);
    case HistoryKind::control:
      return "messages that prepare or end a joint computation" + about(entry) + " were handed to the connection: " + size_text(entry) + "; they contain keys and signatures, and no transactions.";
    case HistoryKind::enrolment_requested:
      return "a request to enrol this device was made for the bank" + reason_of(entry) + (entry.bytes > 0 ? " " + size_text(entry) + "; it contains keys, and no transactions." : "");
    case HistoryKind::refused:
      return "this device refused to take part" + about(entry) + reason_of(entry) + (entry.bytes > 0 ? " It sent only that it refuses: " + size_text(entry) + "." : "");
    case HistoryKind::stopped:
      return "this device stopped taking part" + about(entry) + reason_of(entry) + (entry.bytes > 0 ? " It sent only that it stops: " + size_text(entry) + "." : "");
    case HistoryKind::enrolled:
      return "this device was enrolled" + about(entry) + reason_of(entry);
    case HistoryKind::wiped:
      return "what was kept on this device was erased" + reason_of(entry);
  }
  return "something this version does not know" + reason_of(entry);
}

const char* kind_name(HistoryKind kind) {
  switch (kind) {
    case HistoryKind::checked_in: return "checked_in";
    case HistoryKind::contributed: return "contributed";
    case HistoryKind::control: return "control";
    case HistoryKind::refused: return "refused";
    case HistoryKind::stopped: return "stopped";
    case HistoryKind::enrolled: return "enrolled";
    case HistoryKind::wiped: return "wiped";
    case HistoryKind::contributed_open: return "contributed_open";
    case HistoryKind::contributed_again: return "contributed_again";
    case HistoryKind::enrolment_requested: return "enrolment_requested";
  }
  return "unknown";
}

}  // namespace

std::string epsilon_text(double epsilon) {
  if (!(epsilon >= 0 && epsilon < kUnbounded)) return "without bound";
  double hundredths = std::max(0.0, std::ceil(epsilon * 100) - 1);
  while (std::strtod(number_text("%.2f", hundredths / 100).c_str(), nullptr) < epsilon) ++hundredths;
  return number_text("%.2f", hundredths / 100);
}

std::string history_text(const std::vector<HistoryEntry>& entries, std::optional<double> max_epsilon) {
  std::string text;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    text += date_text(entry->time_s);
    if (entry->messages > 1) text += " to " + date_text(entry->until_s) + ", " + with_commas(entry->messages) + " times, in all";
    text += ": " + what_happened(*entry, max_epsilon) + "\n";
  }
  return text;
}

Json history_json(const std::vector<HistoryEntry>& entries) {
  JsonArray list;
  for (const HistoryEntry& entry : entries) {
    const bool bounded = std::isfinite(entry.epsilon_after);
    JsonObject made;
    made.add("number", entry.number)
        .add("time", models::format_rfc3339(shown_time(entry.time_s)))
        .add("kind", kind_name(entry.kind))
        .add("purpose", shown_text(entry.purpose, kShownBytes))
        .add("plan_name", shown_text(entry.plan_name, kShownBytes))
        .add("plan", entry.plan.is_zero() ? Json(nullptr) : Json(entry.plan.hex()))
        .add("model", shown_text(entry.model, kShownBytes))
        .add("round", entry.round.value)
        .add("bytes", entry.bytes)
        .add("epsilon_after", entry.epsilon_after)
        .add("epsilon_is_unbounded", !bounded)
        .add("delta", entry.delta)
        .add("note", shown_text(entry.note, kShownBytes))
        .add("messages", entry.messages);
    if (entry.messages > 1) made.add("until", models::format_rfc3339(shown_time(entry.until_s)));
    list.add(made);
  }
  return JsonObject().add("schema_version", 1).add("bytes", "handed to the connection: at most so many left the device").add("entries", list);
}

}  // namespace fedspend::client
