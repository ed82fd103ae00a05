#include "simulations/runs/occurrence_scores.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include "client/expected_occurrence.h"
#include "client/insights.h"
#include "common/program/program.h"
#include "models/day_features.h"
#include "models/stock_models.h"
#include "simulations/parallel.h"
#include "simulations/reports/quantities.h"

namespace fedspend::simulations {
namespace {

using Ranks = std::array<OccurrenceScore, kOccurrencesShown>;

// What came after the row before `row`, of what was expected of `category` then.
void score_one(std::span<const models::HistoryRow> history, std::size_t row, std::uint32_t category, OccurrenceScore& score) {
  ++score.moments;
  const std::size_t seen = std::min(row, client::InsightOptions{}.most_rows);
  const auto past = history.first(row).last(seen);
  const std::int64_t now_s = past.back().time_s, today = models::day_of(now_s);
  const auto expected = client::expected_occurrence(past, category, now_s);
  if (!expected) {
    ++score.silent;
    return;
  }
  const auto last = std::ranges::find(past.rbegin(), past.rend(), category, &models::HistoryRow::category);
  const auto came = std::ranges::find_if(history.subspan(row), [&](const models::HistoryRow& later) { return later.category == category && later.direction == last->direction; });
  const bool comes = came != history.end();
  if (comes) {
    const auto amount = static_cast<double>(came->amount_minor);
    const auto& [low, middle, high] = expected->amount_minor;
    ++score.amounts;
    score.amounts_within += amount >= low && amount <= high ? 1u : 0u;
    score.amounts_below += amount < low ? 1u : 0u;
    if (middle > 0) score.amount_widths.push_back((high - low) / middle);
  }
  if (!expected->in_days) {
    ++score.overdue;
    return;
  }
  const auto& [earliest, middle, latest] = *expected->in_days;
  if (today + latest >= models::day_of(history.back().time_s)) {  // what comes later that day is not in the data
    ++score.open;
    return;
  }
  ++score.days;
  score.day_widths.push_back(static_cast<double>(latest - earliest));
  if (!comes) return;
  const std::int64_t day = models::day_of(came->time_s) - today;
  score.days_within += day >= earliest && day <= latest ? 1u : 0u;
  score.days_before += day < earliest ? 1u : 0u;
  score.day_errors.push_back(std::abs(static_cast<double>(day - middle)));
}

Result<Ranks> score_client(models::Trainer& trainer, const Plan& plan, std::span<const float> weights, std::span<const models::HistoryRow> history) {
  Ranks ranks;
  if (history.size() < plan.evaluation.min_rows) return ranks;
  const std::size_t first = std::max<std::size_t>(1, models::training_rows(plan.model, history, plan.evaluation.holdout_fraction)), outputs = trainer.output_count();
  if (first >= history.size()) return ranks;
  std::vector<float> probabilities((history.size() - first) * outputs);
  FEDSPEND_TRY(trainer.predict_each(weights, history, first, probabilities));
  std::vector<std::uint32_t> categories(plan.model.categories.size());
  std::iota(categories.begin(), categories.end(), 0u);
  const std::size_t shown = std::min(kOccurrencesShown, categories.size());
  for (std::size_t row = first; row < history.size(); ++row) {
    const auto chance = [&](std::uint32_t category) { return probabilities[(row - first) * outputs + category]; };
    std::vector<std::uint32_t> likeliest(shown);
    std::ranges::partial_sort_copy(categories, likeliest, [&](std::uint32_t a, std::uint32_t b) { return chance(a) > chance(b) || (chance(a) == chance(b) && a < b); });
    for (std::size_t rank = 0; rank < shown; ++rank) score_one(history, row, likeliest[rank], ranks[rank]);
  }
  return ranks;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

double share(std::uint64_t part, std::uint64_t of) { return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of); }

}  // namespace

OccurrenceScore& OccurrenceScore::operator+=(const OccurrenceScore& other) {
  moments += other.moments, silent += other.silent, overdue += other.overdue, open += other.open;
  days += other.days, days_within += other.days_within, days_before += other.days_before;
  amounts += other.amounts, amounts_within += other.amounts_within, amounts_below += other.amounts_below;
  day_widths.insert(day_widths.end(), other.day_widths.begin(), other.day_widths.end());
  day_errors.insert(day_errors.end(), other.day_errors.begin(), other.day_errors.end());
  amount_widths.insert(amount_widths.end(), other.amount_widths.begin(), other.amount_widths.end());
  return *this;
}

Result<OccurrenceScores> score_occurrences(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, unsigned threads, const models::TrainerChoice& trainers) {
  std::vector<std::unique_ptr<models::Trainer>> of_worker;
  for (unsigned i = 0; i < threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model, trainers));
    of_worker.push_back(std::move(trainer));
  }
  if (of_worker.front()->outputs() != models::Outputs::probabilities || of_worker.front()->sees_row())
    return fail(ErrorCode::invalid_argument, "the model " + plan.model.name + " does not say which category comes next", "leave --occurrences out");
  std::vector<Result<Ranks>> results(clients.size());
  for_each_index(clients.size(), threads, [&](std::size_t i, unsigned worker) { results[i] = score_client(*of_worker[worker], plan, weights, clients[i].rows); });
  OccurrenceScores scores;
  scores.by_rank.resize(kOccurrencesShown);
  for (const auto& result : results) {
    if (!result) return fail(result.error());
    for (std::size_t rank = 0; rank < kOccurrencesShown; ++rank) scores.by_rank[rank] += (*result)[rank];
  }
  return scores;
}

std::string to_text(const OccurrenceScores& scores) {
  std::vector<std::vector<std::string>> table = {{"day and amount, counting on", "moments", "amount said", "holds", "below", "width", "days said", "hold", "too early", "wide", "off by"}};
  for (std::size_t rank = 0; rank < scores.by_rank.size(); ++rank) {
    const OccurrenceScore& one = scores.by_rank[rank];
    const std::uint64_t said = one.moments - one.silent;
    table.push_back({rank == 0 ? "of the likeliest category" : rank == 1 ? "of the second" : "of the third", std::to_string(one.moments), percent_text(share(said, one.moments), 0),
                     percent_text(share(one.amounts_within, one.amounts)), percent_text(share(one.amounts_below, one.amounts)), percent_text(median(one.amount_widths), 0),
                     percent_text(share(said - one.overdue, one.moments), 0), percent_text(share(one.days_within, one.days)), percent_text(share(one.days_before, one.days)),
                     fixed_text(median(one.day_widths), 0), fixed_text(median(one.day_errors), 0)});
  }
  return program::format_table(table) + "\n80% are meant to hold. below: the amount was lower than the lowest said, and width is from lowest to highest in parts of the middle. Days are held against the data where these\n"
         "reach far enough; too early: it came before the earliest; wide, and off by from the middle, in days. Widths and errors are medians\n";
}

nlohmann::json to_json(const OccurrenceScores& scores) {
  nlohmann::json ranks = nlohmann::json::array();
  for (const OccurrenceScore& one : scores.by_rank)
    ranks.push_back({{"moments", one.moments}, {"silent", one.silent}, {"overdue", one.overdue}, {"open", one.open}, {"days", one.days}, {"days_within", one.days_within}, {"days_before", one.days_before},
                     {"amounts", one.amounts}, {"amounts_within", one.amounts_within}, {"amounts_below", one.amounts_below}, {"day_width_median", median(one.day_widths)},
                     {"day_error_median", median(one.day_errors)}, {"amount_width_median", median(one.amount_widths)}});
  return {{"by_rank", ranks}};
}

}  // namespace fedspend::simulations
