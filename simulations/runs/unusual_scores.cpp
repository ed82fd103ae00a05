#include "simulations/runs/unusual_scores.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "common/program/program.h"
#include "models/day_features.h"
#include "models/stock_models.h"
#include "models/unusual_activity/alarm_threshold.h"
#include "models/unusual_activity/unusual_activity.h"
#include "simulations/parallel.h"
#include "simulations/population/baselines.h"
#include "simulations/reports/quantities.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kFigures = 1 + kUnusualLines;  // the model's surprise, and those of the lines

struct ScoredRow {
  std::array<float, kFigures> figures{};
  std::array<bool, kFigures> alarms{};
  std::uint16_t label = 0;
};

struct ScoredClient {
  std::vector<ScoredRow> rows;  // held out
  double months = 0;
};

Result<ScoredClient> score_one(models::Trainer& trainer, const Plan& plan, std::span<const float> weights, std::span<const models::HistoryRow> history, std::span<const PopulationRow> rows) {
  ScoredClient client;
  const std::size_t cut = models::training_rows(plan.model, history, plan.evaluation.holdout_fraction);
  if (history.size() < plan.evaluation.min_rows || cut >= history.size()) return client;
  const std::size_t first = cut > models::kThresholdRows ? cut - models::kThresholdRows : 0, count = history.size() - first;
  std::vector<float> outputs(count * trainer.output_count());
  FEDSPEND_TRY(trainer.predict_each(weights, history, first, outputs));
  std::vector<models::UnusualStep> steps;
  models::append_unusual_steps(history, plan.model.categories.size(), first, history.size(), steps, nullptr, nullptr);
  std::array<std::vector<float>, kFigures> figures;
  for (std::size_t i = 0; i < count; ++i) {
    figures[0].push_back(outputs[(i + 1) * trainer.output_count() - 1]);
    const auto lines = unusual_line_figures(steps[i]);
    for (std::size_t line = 0; line < kUnusualLines; ++line) figures[1 + line].push_back(lines[line]);
  }
  const std::size_t past = cut - first;
  const std::int64_t days = past == 0 ? 0 : models::day_of(history[cut - 1].time_s) - models::day_of(history[first].time_s) + 1;
  client.rows.resize(history.size() - cut);
  client.months = static_cast<double>(models::day_of(history.back().time_s) - models::day_of(history[cut].time_s) + 1) / 30;
  for (std::size_t figure = 0; figure < kFigures; ++figure) {
    const std::optional<float> threshold = models::alarm_threshold(std::span(figures[figure]).first(past), days, models::kAlarmsPerMonth);
    for (std::size_t i = 0; i < client.rows.size(); ++i) {
      const float value = figures[figure][past + i];
      client.rows[i].figures[figure] = value;
      client.rows[i].alarms[figure] = threshold && value > *threshold;
    }
  }
  for (std::size_t i = 0; i < client.rows.size(); ++i) client.rows[i].label = rows[cut + i].label;
  return client;
}

// How often one of `positive` lies above one of `negative`, equal ones half; in pairs.
double pairs_above(std::vector<float> positive, std::vector<float> negative) {
  std::ranges::sort(positive);
  std::ranges::sort(negative);
  double above = 0;
  std::size_t below = 0, up_to = 0;
  for (const float value : positive) {
    while (below < negative.size() && negative[below] < value) ++below;
    while (up_to < negative.size() && negative[up_to] <= value) ++up_to;
    above += static_cast<double>(below + up_to) / 2;
  }
  return above;
}

double area_of(std::vector<float> positive, std::vector<float> negative) {
  const double pairs = static_cast<double>(positive.size()) * static_cast<double>(negative.size());
  return pairs == 0 ? 0 : pairs_above(std::move(positive), std::move(negative)) / pairs;
}

void split(const ScoredClient& client, std::size_t figure, std::vector<float>& labelled, std::vector<float>& unlabelled) {
  for (const ScoredRow& row : client.rows) (row.label == 0 ? unlabelled : labelled).push_back(row.figures[figure]);
}

UnusualScore score_of(std::string name, const std::vector<ScoredClient>& clients, std::size_t figure) {
  UnusualScore score{.name = std::move(name)};
  std::vector<float> labelled, unlabelled;
  double above = 0, pairs = 0;
  for (const ScoredClient& client : clients) {
    std::vector<float> own_labelled, own_unlabelled;
    split(client, figure, own_labelled, own_unlabelled);
    labelled.insert(labelled.end(), own_labelled.begin(), own_labelled.end());
    unlabelled.insert(unlabelled.end(), own_unlabelled.begin(), own_unlabelled.end());
    pairs += static_cast<double>(own_labelled.size()) * static_cast<double>(own_unlabelled.size());
    above += pairs_above(std::move(own_labelled), std::move(own_unlabelled));
    for (const ScoredRow& row : client.rows)
      if (row.alarms[figure]) ++(row.label == 0 ? score.false_alarms : score.caught);
  }
  score.area = area_of(std::move(labelled), std::move(unlabelled));
  score.area_within = pairs == 0 ? 0 : above / pairs;
  return score;
}

}  // namespace

Result<UnusualScores> score_unusual(const Plan& plan, std::span<const float> weights, const Population& population, unsigned threads) {
  if (population.labels().size() < 2)
    return fail(ErrorCode::refused, "the data label no row as unusual", "name columns.label in the data description, or lay some in with --inject-unusual");
  std::vector<std::unique_ptr<models::Trainer>> of_worker;
  for (unsigned i = 0; i < threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model));
    of_worker.push_back(std::move(trainer));
  }
  const HistoryEncoder encoder(population, plan.model);
  std::vector<Result<ScoredClient>> results(population.clients());
  for_each_index(population.clients(), threads,
                 [&](std::size_t i, unsigned worker) { results[i] = score_one(*of_worker[worker], plan, weights, encoder.encode(i), population.history(i)); });
  UnusualScores scores;
  std::vector<ScoredClient> clients;
  std::map<std::uint16_t, std::vector<float>> by_label;
  for (Result<ScoredClient>& result : results) {
    if (!result) return fail(result.error());
    clients.push_back(*std::move(result));
    scores.months += clients.back().months;
    for (const ScoredRow& row : clients.back().rows) {
      ++(row.label == 0 ? scores.unlabelled : scores.labelled);
      by_label[row.label].push_back(row.figures[0]);
    }
  }
  scores.scores.push_back(score_of("unusual_activity", clients, 0));
  const std::vector<Baseline> lines = baseline_lines("unusual_activity");
  for (std::size_t line = 0; line < kUnusualLines; ++line) scores.scores.push_back(score_of(lines[line].name, clients, 1 + line));
  for (const auto& [label, figures] : by_label) {
    if (label == 0) continue;
    UnusualKind kind{.label = population.labels()[label], .rows = figures.size(), .area = area_of(figures, by_label[0])};
    for (const ScoredClient& client : clients)
      kind.caught += static_cast<std::uint64_t>(std::ranges::count_if(client.rows, [&](const ScoredRow& row) { return row.label == label && row.alarms[0]; }));
    scores.kinds.push_back(std::move(kind));
  }
  std::ranges::sort(scores.kinds, {}, &UnusualKind::label);
  return scores;
}

std::string to_text(const UnusualScores& scores) {
  const auto share = [](std::uint64_t part, std::uint64_t of) { return of == 0 ? std::string() : fixed_text(static_cast<double>(part) / static_cast<double>(of), 3); };
  std::vector<std::vector<std::string>> table = {{"labelled rows against the others", "area", "within clients", "caught", "false alarms a month"}};
  for (const UnusualScore& score : scores.scores)
    table.push_back({score.name, fixed_text(score.area, 4), fixed_text(score.area_within, 4), share(score.caught, scores.labelled),
                     scores.months > 0 ? fixed_text(static_cast<double>(score.false_alarms) / scores.months, 2) : ""});
  std::vector<std::vector<std::string>> kinds = {{"kind", "rows", "area", "caught"}};
  for (const UnusualKind& kind : scores.kinds) kinds.push_back({kind.label, std::to_string(kind.rows), fixed_text(kind.area, 4), share(kind.caught, kind.rows)});
  return program::format_table(table) + "\n" + std::to_string(scores.labelled) + " labelled and " + std::to_string(scores.unlabelled) +
         " other held-out rows; caught: above what the client's own earlier rows exceed once a month\n" + program::format_table(kinds);
}

nlohmann::json to_json(const UnusualScores& scores) {
  nlohmann::json lines = nlohmann::json::array(), kinds = nlohmann::json::array();
  for (const UnusualScore& score : scores.scores)
    lines.push_back({{"name", score.name}, {"area", score.area}, {"area_within", score.area_within}, {"caught", score.caught}, {"false_alarms", score.false_alarms}});
  for (const UnusualKind& kind : scores.kinds) kinds.push_back({{"label", kind.label}, {"rows", kind.rows}, {"area", kind.area}, {"caught", kind.caught}});
  return {{"labelled_rows", scores.labelled}, {"other_rows", scores.unlabelled}, {"client_months", scores.months}, {"scores", lines}, {"kinds", kinds}};
}

}  // namespace fedspend::simulations
