#pragma once
// The insight `forecast` (insights.h): what the customer will spend in the next 30 days, in all and by category, as low, middle and high (10, 50 and
// 90% quantiles of the model spend_forecast), beside the budgets that the app gives and what was spent so far this month.
//
// A reason is the Shapley value (models/shapley.h) of a group of what the model sees, in minor units of the middle, computed exactly from all sets
// of groups. With all groups put aside the forecast is 0, so that a line's reasons add up to its middle.
//
// A line abstains where there was no spend in each of the last three blocks of 30 days, which is also so with a short history; the insight
// abstains where the line of all spending does, and then a person should answer. So should one (hardship) where even the low of all spending is above its
// budget: what the customer means to spend is less than they spend in nine months of ten. Rows dated after now are left out. Amounts are taken as they stand: of several currencies the sum
// means nothing, and an app that has such customers asks for none. Pure; one thread per trainer.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>


#include "client/insights.h"
#include "client/json_text.h"

namespace fedspend::client {

// likely: the middle is above the budget; may: the high alone is. unknown: the line abstains.
enum class BudgetOutlook : std::uint8_t { none = 0, unknown = 1, within = 2, may_run_over = 3, likely_to_run_over = 4 };
std::string_view to_string(BudgetOutlook outlook);  // "none", "likely-to-run-over" ...

// refused, invalid_argument, limit: as category_insight; also invalid_argument: a trainer whose outputs are other ones, and a budget below 0, given
// twice, or of a category that the plan does not know. Lines: all spending; the categories with a budget, in the order given; then, by falling
// middle, up to options.most_categories others that do not abstain. `categories`: the plan's.
Result<Insight> forecast_insight(const Consents& consents, models::Trainer& trainer, std::span<const float> weights, std::span<const models::HistoryRow> history,
                                 std::span<const std::string> categories, std::int64_t now_s, const InsightOptions& options = {});

// As insight_text and insight_json, which call these. Amounts in words are in units of the currency, two digits behind the point, without its name.
std::string forecast_text(const Insight& insight, std::span<const std::string> categories);
// {"schema_version": 1, "kind", ..., "forecast": [{"category": null for all spending, "name", "abstains", "low_minor", "middle_minor", "high_minor", "could_save_minor",
// "spent_this_month_minor", "budget_minor", "outlook", "over_minor", "reasons": [{"id", "minor", "text"}]}]}
Json forecast_json(const Insight& insight, std::span<const std::string> categories);

}  // namespace fedspend::client
