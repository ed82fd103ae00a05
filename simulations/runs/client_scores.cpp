#include "simulations/runs/client_scores.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "models/stock_models.h"
#include "simulations/reports/csv.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kGroups = 4;

double gain_over_own(const ClientScore& score) { return score.federated.headline() - score.own_best.headline(); }
double gain_over_local(const ClientScore& score) { return score.federated.headline() - score.local_only->headline(); }

bool has_local(std::span<const ClientScore> scores) { return !scores.empty() && scores.front().local_only.has_value(); }

template <class Function>
std::vector<double> values_of(std::span<const ClientScore> scores, Function value) {
  std::vector<double> values;
  for (const ClientScore& score : scores) values.push_back(value(score));
  return values;
}

nlohmann::json to_json(const Distribution& distribution) {
  return {{"mean", distribution.mean},
          {"quantiles", distribution.quantiles},
          {"share_gain", distribution.share_gain},
          {"share_lose", distribution.share_lose}};
}

// Accuracies of a group are of its rows, not means over clients: they add up to those of the whole.
nlohmann::json group_json(std::span<const ClientScore> group) {
  HeldOutScore federated, own, local;
  for (const ClientScore& score : group) {
    federated += score.federated;
    own += score.own_best;
    if (score.local_only) local += *score.local_only;
  }
  const Distribution gain = distribution_of(values_of(group, gain_over_own));
  nlohmann::json json = {{"clients", group.size()},
                         {"training_rows_from", group.front().training_rows},
                         {"training_rows_to", group.back().training_rows},
                         {"accuracy", federated.headline()},
                         {"own_best_accuracy", own.headline()},
                         {"share_gain", gain.share_gain},
                         {"share_lose", gain.share_lose}};
  if (has_local(group)) json["local_only_accuracy"] = local.headline();
  return json;
}

// Clients in the order of their histories, in four groups as equal as clients with equally long histories allow.
nlohmann::json by_history(std::span<const ClientScore> scores) {
  std::vector<ClientScore> sorted(scores.begin(), scores.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const ClientScore& a, const ClientScore& b) { return a.training_rows < b.training_rows; });
  nlohmann::json groups = nlohmann::json::array();
  for (std::size_t group = 0, begin = 0; group < kGroups && begin < sorted.size(); ++group) {
    std::size_t end = std::max(begin + 1, sorted.size() * (group + 1) / kGroups);
    while (end < sorted.size() && sorted[end].training_rows == sorted[end - 1].training_rows) ++end;
    groups.push_back(group_json(std::span(sorted).subspan(begin, end - begin)));
    begin = end;
  }
  return groups;
}

}  // namespace

std::vector<ClientScore> client_scores(const Plan& plan, std::span<const FederatedClient> clients, const Baselines& baselines, std::span<const HeldOutScore> federated,
                                       std::span<const HeldOutScore> local_only) {
  std::vector<ClientScore> scores;
  for (std::size_t i = 0; i < baselines.evaluated.size(); ++i) {
    const std::size_t client = baselines.evaluated[i];
    if (federated[client].predictions == 0) continue;
    ClientScore score{.label = clients[client].label,
                      .training_rows = models::training_rows(plan.model, clients[client].rows, plan.evaluation.holdout_fraction),
                      .federated = federated[client],
                      .own_best = {},
                      .local_only = {}};
    for (const Baseline& line : baselines.lines)
      if (line.own_counts && (score.own_best.predictions == 0 || line.by_client[i].headline() > score.own_best.headline())) score.own_best = line.by_client[i];
    if (!local_only.empty()) score.local_only = local_only[client];
    scores.push_back(std::move(score));
  }
  return scores;
}

Distribution distribution_of(std::vector<double> differences) {
  Distribution result{.clients = differences.size()};
  if (differences.empty()) return result;
  std::sort(differences.begin(), differences.end());
  const auto count = static_cast<double>(differences.size());
  result.mean = std::accumulate(differences.begin(), differences.end(), 0.0) / count;
  for (std::size_t i = 0; i < Distribution::kQuantiles; ++i) {
    const double place = static_cast<double>(i) / (Distribution::kQuantiles - 1) * (count - 1);
    const auto below = static_cast<std::size_t>(place);
    const double above = differences[std::min(below + 1, differences.size() - 1)];
    result.quantiles[i] = differences[below] + (place - std::floor(place)) * (above - differences[below]);
  }
  result.share_gain = static_cast<double>(std::count_if(differences.begin(), differences.end(), [](double d) { return d > 0; })) / count;
  result.share_lose = static_cast<double>(std::count_if(differences.begin(), differences.end(), [](double d) { return d < 0; })) / count;
  return result;
}

nlohmann::json client_summary(std::span<const ClientScore> scores) {
  if (scores.empty()) return nullptr;
  nlohmann::json json = {{"clients", scores.size()}, {"against_own_best", to_json(distribution_of(values_of(scores, gain_over_own)))}, {"against_local_only", nullptr}};
  if (has_local(scores)) json["against_local_only"] = to_json(distribution_of(values_of(scores, gain_over_local)));
  json["by_history"] = by_history(scores);
  return json;
}

std::string client_csv(std::span<const ClientScore> scores, ClientNames names) {
  std::vector<const ClientScore*> ranked;
  for (const ClientScore& score : scores) ranked.push_back(&score);
  std::stable_sort(ranked.begin(), ranked.end(), [](const ClientScore* a, const ClientScore* b) { return gain_over_own(*a) > gain_over_own(*b); });
  std::string text = names == ClientNames::labels ? "rank,client," : "rank,";
  text += "training_rows,predictions,accuracy,own_best_accuracy,local_only_accuracy\n";
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    const ClientScore& score = *ranked[i];
    text += std::to_string(i + 1) + ",";
    if (names == ClientNames::labels) text += csv_cell(score.label) + ",";
    char figures[160];
    std::snprintf(figures, sizeof figures, "%zu,%llu,%.6f,%.6f,", score.training_rows, static_cast<unsigned long long>(score.federated.predictions), score.federated.headline(), score.own_best.headline());
    text += figures;
    if (score.local_only) {
      std::snprintf(figures, sizeof figures, "%.6f", score.local_only->headline());
      text += figures;
    }
    text += "\n";
  }
  return text;
}

}  // namespace fedspend::simulations
