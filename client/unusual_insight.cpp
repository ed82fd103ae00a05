#include "client/unusual_insight.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "models/day_features.h"
#include "models/shapley.h"
#include "models/unusual_activity/alarm_threshold.h"
#include "models/unusual_activity/unusual_activity.h"

namespace fedspend::client {
namespace {

struct Way {
  std::string_view id, question;
};
// Of models::UnusualWay, in its order. Ids are keys of texts in apps: never rename.
constexpr std::array<Way, models::kUnusualWays> kWays = {
    Way{"wrong_amount", "The amount is unlike your others."},
    Way{"charged_again", "It looks as if it was charged twice."},
    Way{"out_of_place", "It is unlike what you buy, where and when."},
};

Status explain(models::Trainer& trainer, std::span<const float> weights, std::span<const models::HistoryRow> history, Insight& insight) {
  const std::span<const std::string_view> parts = trainer.feature_groups();
  std::vector<std::uint32_t> sets(std::size_t{1} << parts.size());
  std::iota(sets.begin(), sets.end(), 0u);
  std::vector<float> kept(sets.size() * trainer.output_count());
  FEDSPEND_TRY(trainer.predict_kept(weights, history, sets, kept));
  std::vector<double> totals;
  for (const std::uint32_t set : sets) totals.push_back(static_cast<double>(kept[(set + 1) * trainer.output_count() - 1]));
  const std::vector<double> values = models::shapley_values(totals);
  insight.baseline_log_odds = totals.front();
  insight.log_odds = totals.back();
  for (std::size_t part = 0; part < parts.size(); ++part) insight.reasons.push_back({parts[part], values[part]});
  std::ranges::stable_sort(insight.reasons, [](const Reason& a, const Reason& b) { return std::abs(a.log_odds) > std::abs(b.log_odds); });
  return {};
}

}  // namespace

Result<Insight> unusual_insight(const Consents& consents, models::Trainer& trainer, std::span<const float> weights, std::span<const models::HistoryRow> history,
                                const InsightOptions& options) {
  if (!consents.is_given(kPurposePersonalInsights)) return fail(ErrorCode::refused, "the customer has not consented to personal insights", "ask for it, and for nothing else");
  if (trainer.outputs() != models::Outputs::surprises || trainer.output_count() != kWays.size() + 1)
    return fail(ErrorCode::invalid_argument, "this model does not say what is unusual", "use a plan's unusual_activity");
  const double alarms_per_month = options.alarms_per_month.value_or(kAlarmsPerMonth);
  if (!(alarms_per_month >= 0 && alarms_per_month <= kMostAlarmsPerMonth) || options.most_rows == 0)
    return fail(ErrorCode::invalid_argument, "the options of the insight are out of range", "false alarms a month are 0 to 1,000");
  if (history.empty()) return fail(ErrorCode::invalid_argument, "there is no transaction to look at", "ask for one that is there");
  if (weights.size() != trainer.parameter_count()) return fail(ErrorCode::invalid_argument, "the weights are not those of this model", "use the weights of this plan's model");
  const std::size_t outputs = trainer.output_count(), before = history.size() - 1, looked_at = std::min(before, options.most_rows), first = before - looked_at;
  std::vector<float> each((looked_at + 1) * outputs);
  FEDSPEND_TRY(trainer.predict_each(weights, history, first, each));
  std::vector<float> past;
  for (std::size_t i = 0; i < looked_at; ++i) past.push_back(each[(i + 1) * outputs - 1]);
  const std::span<const float> asked = std::span<const float>(each).last(outputs);

  Insight insight{.kind = InsightKind::unusual, .next = {}, .rows = before, .reasons = {}};
  insight.alarms_per_month = alarms_per_month;
  insight.way = kWays[static_cast<std::size_t>(std::ranges::max_element(asked.first(kWays.size())) - asked.begin())].id;
  const std::int64_t days = looked_at == 0 ? 0 : models::day_of(history[before - 1].time_s) - models::day_of(history[first].time_s) + 1;
  if (days >= kLeastUnusualDays) insight.threshold = models::alarm_threshold(past, days, alarms_per_month);
  insight.abstains = !insight.threshold;
  insight.is_alert = insight.threshold && asked.back() > *insight.threshold;
  insight.hand_over = insight.abstains ? HandOver::low_confidence : insight.is_alert ? HandOver::dispute : HandOver::none;
  FEDSPEND_TRY(explain(trainer, weights, history, insight));
  return insight;
}

std::string unusual_text(const Insight& insight) {
  if (insight.rows == 0) return "Nothing is known of you yet.\n";
  if (insight.abstains) return "Not enough is known yet to say what is unusual.\n";
  if (!insight.is_alert) return "Nothing unusual.\n";
  const auto way = std::ranges::find(kWays, insight.way, &Way::id);
  std::string text = "Was this you? " + std::string(way == kWays.end() ? std::string_view() : way->question) + "\nWhy we ask:\n";
  for (const Reason& reason : insight.reasons)
    if (strength_of(reason) != ReasonStrength::none) text += "  - " + reason_text(insight.kind, reason) + "\n";
  return text;
}

Json unusual_json(const Insight& insight) {
  return insight_head_json(insight)
      .add("alert", insight.is_alert)
      .add("way", insight.way)
      .add("threshold", insight.threshold)
      .add("false_alarms_per_month", insight.alarms_per_month)
      .add("reasons", reasons_json(insight))
      .add("baseline_log_odds", insight.baseline_log_odds)
      .add("log_odds", insight.log_odds);
}

}  // namespace fedspend::client
