#pragma once
// The insight `unusual` (insights.h): whether a transaction is an alert, by the model unusual_activity, at the rate of false alarms a month that the
// customer chose (InsightOptions::alarms_per_month). An alert never acts: it asks the customer, and who says that it was not them should be heard by
// a person (hand_over dispute).
//
// It is one where the transaction's surprise is greater than the threshold that the customer's own options.most_rows rows before it exceed no oftener
// than chosen (models/unusual_activity/alarm_threshold.h). All earlier rows count in what is usual. A reason is the Shapley value (models/shapley.h) of a part of what
// the model sees, in nats of the surprise, which is the log of the odds that the row is unusual: from baseline_log_odds, of nothing known, they add
// up to log_odds. It abstains where the earlier rows cover fewer than kLeastUnusualDays days. Pure; one thread per trainer.

#include <span>
#include <string>


#include "client/insights.h"
#include "client/json_text.h"

namespace fedspend::client {

inline constexpr std::int64_t kLeastUnusualDays = 30;

// refused, limit: as category_insight. invalid_argument: also a trainer whose outputs are other ones, no row, a rate outside 0 to kMostAlarmsPerMonth. The last
// row is the one asked for, its category known.
Result<Insight> unusual_insight(const Consents& consents, models::Trainer& trainer, std::span<const float> weights, std::span<const models::HistoryRow> history,
                                const InsightOptions& options = {});

// As insight_text and insight_json, which call these.
std::string unusual_text(const Insight& insight);
// {"schema_version": 1, "kind", ..., "alert", "way", "threshold": null where it abstains, "false_alarms_per_month", "reasons": as of the other kinds,
// "baseline_log_odds", "log_odds"}
Json unusual_json(const Insight& insight);

}  // namespace fedspend::client
