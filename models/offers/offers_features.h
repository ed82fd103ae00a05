#pragma once
// What the model offers sees of a client on the morning of a day: which categories it has used, and which it has used lately; and what it is to say: which of
// the others it will use in the kOfferDays days from then. All of it from the client's own rows. Days are those of a grid of every kOfferGridDays since 1970, so
// that none is chosen by what happened on it. Only debits count as use. Pure.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "models/history.h"

namespace fedspend::models {

inline constexpr std::int64_t kOfferDays = 60, kOfferGridDays = 10;
inline constexpr std::int64_t kRecentUseDays = 90;
inline constexpr std::size_t kOfferNumeric = 16;  // [15] is 1 always

struct OfferUse {
  std::uint32_t category = 0;
  float ever = 0, lately = 0;  // logs of the rows, 0: none
};

struct OfferStep {
  std::vector<OfferUse> used;             // by category, rising; at least one row each
  std::vector<std::uint32_t> taken_up;    // the targets: categories not among them that came in the days after, rising
  std::array<float, kOfferNumeric> numeric{};
  bool is_complete = false;               // the days after lie before the newest row's: the targets are all there are
};

// The groups that an explanation tells apart (Trainer::feature_groups). What is on offer, the categories not used, is no group: it stays.
enum OfferGroup : std::uint32_t { kGroupEver, kGroupOfLate, kGroupHowMuch, kOfferGroups };
OfferStep keep_groups(const OfferStep& step, std::uint32_t kept);

// By the rows before `day`. Without any it is the step of an empty history.
OfferStep offer_step(std::span<const HistoryRow> history, std::size_t categories, std::int64_t day);

// The complete steps with something taken up, of the grid's days from `from_day` on that have rows before them; at most `most`, the first or the newest.
enum class OfferSteps { first, newest };
void append_offer_steps(std::span<const HistoryRow> history, std::size_t categories, std::int64_t from_day, OfferSteps which, std::size_t most, std::vector<OfferStep>& out);

}  // namespace fedspend::models
