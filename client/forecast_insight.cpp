#include "client/forecast_insight.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "client/shown_text.h"
#include "models/day_features.h"
#include "models/shapley.h"
#include "models/spend_forecast/spend_calendar.h"

namespace fedspend::client {
namespace {

constexpr std::size_t kMostNameBytes = 256;
constexpr double kSaidShare = 0.05;  // of the middle, below which a reason is not put in words

struct Words {
  std::string_view id, what;
};
// Ids are those of Trainer::feature_groups.
constexpr std::array kWords = {
    Words{"own_range", "how much 30 days have come to in the past year, at the least and at the most"},
    Words{"own_recent", "what you spent in the last 30 and 90 days"},
    Words{"own_year", "what you spent in the last year"},
    Words{"own_rhythm", "how often you spend on it, and the day of the month"},
    Words{"category", "which category it is"},
    Words{"all_spending", "what you spent of late in all"},
};

struct Wanted {
  std::uint32_t category;
  std::optional<std::int64_t> budget;
};

Result<std::vector<Wanted>> budgets_of(const InsightOptions& options, std::span<const std::string> categories) {
  std::vector<Wanted> wanted = {{static_cast<std::uint32_t>(categories.size()), std::nullopt}};
  for (const Budget& budget : options.budgets) {
    if (budget.amount_minor < 0) return fail(ErrorCode::invalid_argument, "a budget is below 0", "give an amount in minor units, for 30 days");
    const auto found = budget.category.empty() ? categories.end() : std::ranges::find(categories, budget.category);
    if (found == categories.end() && !budget.category.empty())
      return fail(ErrorCode::invalid_argument, "a budget is of a category that the model does not know", "give one of the plan's, or none for all spending");
    const auto category = static_cast<std::uint32_t>(found - categories.begin());
    const auto before = std::ranges::find(wanted, category, &Wanted::category);
    if (before != wanted.end() && before->budget) return fail(ErrorCode::invalid_argument, "two budgets are of one category", "give each once");
    if (before != wanted.end()) before->budget = budget.amount_minor;
    else wanted.push_back({category, budget.amount_minor});
  }
  return wanted;
}

void hold_against_budget(SpendLine& line) {
  if (!line.budget_minor) return;
  const auto budget = static_cast<double>(*line.budget_minor);
  line.outlook = line.abstains ? BudgetOutlook::unknown : line.middle_minor > budget ? BudgetOutlook::likely_to_run_over : line.high_minor > budget ? BudgetOutlook::may_run_over : BudgetOutlook::within;
  line.over_minor = line.outlook == BudgetOutlook::likely_to_run_over ? line.middle_minor - budget : 0;
}

// kept: output_count() floats a set, of all sets in order.
std::vector<SpendReason> reasons_of(const models::Trainer& trainer, std::span<const float> kept, std::uint32_t series) {
  const std::span<const std::string_view> groups = trainer.feature_groups();
  std::vector<double> totals(std::size_t{1} << groups.size());
  for (std::size_t set = 0; set < totals.size(); ++set) totals[set] = static_cast<double>(kept[set * trainer.output_count() + 3 * series + 1]);
  const std::vector<double> values = models::shapley_values(totals);
  std::vector<SpendReason> reasons;
  for (std::size_t group = 0; group < groups.size(); ++group) reasons.push_back({groups[group], values[group]});
  std::ranges::stable_sort(reasons, [](const SpendReason& a, const SpendReason& b) { return std::abs(a.minor) > std::abs(b.minor); });
  return reasons;
}

std::int64_t first_of_month(std::int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  return day - static_cast<std::int64_t>(static_cast<unsigned>(date.day())) + 1;
}

std::string amount(double minor) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f", minor / 100);
  return text;
}

std::string reason_text_of(const SpendReason& reason) {
  const auto words = std::ranges::find(kWords, reason.id, &Words::id);
  return std::string(words == kWords.end() ? std::string_view("something else") : words->what) + (reason.minor < 0 ? " takes " : " adds ") + amount(std::abs(reason.minor));
}

std::string name_of(const SpendLine& line, std::span<const std::string> categories) {
  return line.category < categories.size() ? shown_text(categories[line.category], kMostNameBytes) : std::string("in all");
}

std::string line_text(const SpendLine& line) {
  std::string text = line.abstains ? "not enough months yet to say" : "likely " + amount(line.middle_minor) + " (" + amount(line.low_minor) + " to " + amount(line.high_minor) + ")";
  text += "; so far this month " + amount(line.spent_this_month_minor) + ".";
  if (line.could_save_minor > 0) text += " A month at the low of what is usual for you would save " + amount(line.could_save_minor) + ".";
  if (line.outlook == BudgetOutlook::within) text += " Within the budget of " + amount(static_cast<double>(*line.budget_minor)) + ".";
  if (line.outlook == BudgetOutlook::may_run_over) text += " It may run over the budget of " + amount(static_cast<double>(*line.budget_minor)) + ".";
  if (line.outlook == BudgetOutlook::likely_to_run_over) text += " Likely to run over the budget of " + amount(static_cast<double>(*line.budget_minor)) + ", by " + amount(line.over_minor) + ".";
  return text;
}

}  // namespace

std::string_view to_string(BudgetOutlook outlook) {
  switch (outlook) {
    case BudgetOutlook::none: return "none";
    case BudgetOutlook::unknown: return "unknown";
    case BudgetOutlook::within: return "within";
    case BudgetOutlook::may_run_over: return "may-run-over";
    case BudgetOutlook::likely_to_run_over: return "likely-to-run-over";
  }
  return "none";
}

Result<Insight> forecast_insight(const Consents& consents, models::Trainer& trainer, std::span<const float> weights, std::span<const models::HistoryRow> history,
                                 std::span<const std::string> categories, std::int64_t now_s, const InsightOptions& options) {
  if (!consents.is_given(kPurposePersonalInsights)) return fail(ErrorCode::refused, "the customer has not consented to personal insights", "ask for it, and for nothing else");
  if (trainer.outputs() != models::Outputs::spend_quantiles || trainer.output_count() != 3 * (categories.size() + 1))
    return fail(ErrorCode::invalid_argument, "this model forecasts no spend", "use a plan's spend_forecast with its categories");
  if (weights.size() != trainer.parameter_count()) return fail(ErrorCode::invalid_argument, "the weights are not those of this model", "use the weights of this plan's model");
  FEDSPEND_ASSIGN(std::vector<Wanted> wanted, budgets_of(options, categories));
  const auto total = static_cast<std::uint32_t>(categories.size());
  std::vector<models::HistoryRow> known;
  std::ranges::copy_if(history, std::back_inserter(known), [now_s](const models::HistoryRow& row) { return row.time_s <= now_s; });
  Insight insight{.kind = InsightKind::forecast, .next = {}, .rows = known.size(), .reasons = {}};
  if (!known.empty()) known.push_back({.time_s = now_s, .category = total});  // nothing was spent, and it is today
  const models::SpendCalendar calendar(known, categories.size());
  const std::int64_t today = models::day_of(now_s);
  std::vector<std::uint32_t> sets(std::size_t{1} << trainer.feature_groups().size());
  std::iota(sets.begin(), sets.end(), 0u);
  std::vector<float> kept(sets.size() * trainer.output_count());
  FEDSPEND_TRY(trainer.predict_kept(weights, known, sets, kept));
  const std::span<const float> spends = std::span<const float>(kept).last(trainer.output_count());

  const auto is_regular = [&](std::uint32_t series) { return calendar.own(series, today + 1).is_regular; };
  std::vector<std::uint32_t> others;
  for (std::uint32_t category = 0; category < total; ++category)
    if (std::ranges::find(wanted, category, &Wanted::category) == wanted.end() && is_regular(category)) others.push_back(category);
  std::ranges::stable_sort(others, std::ranges::greater(), [&](std::uint32_t category) { return spends[3 * category + 1]; });
  others.resize(std::min(others.size(), options.most_categories));
  for (const std::uint32_t category : others) wanted.push_back({category, std::nullopt});
  for (const Wanted& each : wanted) {
    SpendLine line{.category = each.category, .spent_this_month_minor = calendar.spent(each.category, first_of_month(today), today + 1), .budget_minor = each.budget, .reasons = {}};
    line.abstains = !is_regular(each.category);
    if (!line.abstains) {
      const std::span<const float> quantiles = spends.subspan(3 * each.category, 3);
      line.low_minor = static_cast<double>(quantiles[0]);
      line.middle_minor = static_cast<double>(quantiles[1]);
      line.high_minor = static_cast<double>(quantiles[2]);
      line.could_save_minor = line.middle_minor - line.low_minor;
      line.reasons = reasons_of(trainer, kept, each.category);
    }
    hold_against_budget(line);
    insight.spends.push_back(std::move(line));
  }
  const SpendLine& all = insight.spends.front();
  insight.abstains = all.abstains;
  const bool is_hardship = !all.abstains && all.budget_minor && all.low_minor > static_cast<double>(*all.budget_minor);
  insight.hand_over = insight.abstains ? HandOver::low_confidence : is_hardship ? HandOver::hardship : HandOver::none;
  return insight;
}

std::string forecast_text(const Insight& insight, std::span<const std::string> categories) {
  if (insight.rows == 0) return "Nothing is known of you yet.\n";
  std::string text = "The next 30 days:\n";
  for (const SpendLine& line : insight.spends) text += "  - " + name_of(line, categories) + ": " + line_text(line) + "\n";
  if (insight.abstains) return text;
  const SpendLine& all = insight.spends.front();
  text += "Why " + amount(all.middle_minor) + " in all:\n";
  for (const SpendReason& reason : all.reasons)
    if (std::abs(reason.minor) >= kSaidShare * all.middle_minor) text += "  - " + reason_text_of(reason) + "\n";
  return text;
}

Json forecast_json(const Insight& insight, std::span<const std::string> categories) {
  JsonArray lines;
  for (const SpendLine& line : insight.spends) {
    JsonArray reasons;
    for (const SpendReason& reason : line.reasons) reasons.add(JsonObject().add("id", reason.id).add("minor", reason.minor).add("text", reason_text_of(reason)));
    lines.add(JsonObject()
                  .add("category", line.category < categories.size() ? Json(line.category) : Json(nullptr))
                  .add("name", name_of(line, categories))
                  .add("abstains", line.abstains)
                  .add("low_minor", line.low_minor)
                  .add("middle_minor", line.middle_minor)
                  .add("high_minor", line.high_minor)
                  .add("could_save_minor", line.could_save_minor)
                  .add("spent_this_month_minor", line.spent_this_month_minor)
                  .add("budget_minor", line.budget_minor)
                  .add("outlook", to_string(line.outlook))
                  .add("over_minor", line.over_minor)
                  .add("reasons", reasons));
  }
  return insight_head_json(insight).add("forecast", lines);
}

}  // namespace fedspend::client
