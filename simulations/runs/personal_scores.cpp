#include "simulations/runs/personal_scores.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <utility>

#include "common/program/program.h"
#include "models/personal_model.h"
#include "models/stock_models.h"
#include "simulations/parallel.h"
#include "simulations/reports/quantities.h"

namespace fedspend::simulations {
namespace {

constexpr double kLeastProbability = 1e-30;
constexpr std::array<std::size_t, 3> kHistories = {50, 200, 1'000};  // bounds of the groups by training rows

struct ClientPersonal {
  HeldOutScore shared, personal;
  PersonalWay way = kSharedAsItIs;
  std::size_t training_rows = 0;
  double seconds = 0;
};

PersonalWay way_of(const models::PersonalModel& model) {
  if (model.is_shared()) return kSharedAsItIs;
  if (!model.has_head()) return kOwnCountsAlone;
  return model.is_proximal() ? kProximal : kHead;
}

Result<HeldOutScore> score_of(models::Trainer& trainer, const Plan& plan, const models::PersonalModel& model, std::span<const float> weights, std::span<const models::HistoryRow> history, std::size_t first) {
  const std::size_t outputs = trainer.output_count(), categories = plan.model.categories.size();
  std::vector<float> probabilities((history.size() - first) * outputs);
  FEDSPEND_TRY(model.predict_each(trainer, weights, history, first, probabilities));
  HeldOutScore score;
  for (std::size_t i = 0; i < history.size() - first; ++i) {
    const std::uint32_t truth = history[first + i].category;
    if (truth >= categories) continue;
    const auto row = std::span<const float>(probabilities).subspan(i * outputs, categories);
    score.add(row, truth, -std::log(std::max(kLeastProbability, static_cast<double>(row[truth]))));
  }
  return score;
}

Result<ClientPersonal> score_one(models::Trainer& trainer, const Plan& plan, std::span<const float> weights, std::span<const models::HistoryRow> history) {
  ClientPersonal client;
  if (history.size() < plan.evaluation.min_rows) return client;
  client.training_rows = models::training_rows(plan.model, history, plan.evaluation.holdout_fraction);
  models::PersonalFit fit;
  const auto begin = std::chrono::steady_clock::now();
  FEDSPEND_ASSIGN(const models::PersonalModel model, models::PersonalModel::adapt(trainer, weights, history.first(client.training_rows), {}, fit));
  client.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  client.way = way_of(model);
  FEDSPEND_ASSIGN(client.shared, score_of(trainer, plan, models::PersonalModel(), weights, history, client.training_rows));
  client.personal = client.shared;
  if (client.way != kSharedAsItIs) {
    FEDSPEND_ASSIGN(client.personal, score_of(trainer, plan, model, weights, history, client.training_rows));
  }
  return client;
}

void add(PersonalGroup& group, const ClientPersonal& client) {
  ++group.clients;
  group.worse += client.personal.loss_sum > client.shared.loss_sum ? 1u : 0u;
  group.better += client.personal.loss_sum < client.shared.loss_sum ? 1u : 0u;
  group.shared += client.shared;
  group.personal += client.personal;
}

nlohmann::json group_json(const PersonalGroup& group) {
  return {{"name", group.name}, {"clients", group.clients}, {"worse", group.worse}, {"better", group.better}, {"predictions", group.shared.predictions},
          {"shared_accuracy", group.shared.headline()}, {"personal_accuracy", group.personal.headline()}, {"shared_loss", group.shared.loss()}, {"personal_loss", group.personal.loss()}};
}

}  // namespace

std::string_view to_string(PersonalWay way) {
  switch (way) {
    case kSharedAsItIs: return "the shared model as it is";
    case kOwnCountsAlone: return "mixed with its own counts";
    case kHead: return "its head fine-tuned";
    case kProximal: return "all weights, near the shared ones";
    case kPersonalWays: break;
  }
  return "unknown";
}

Status check_personal(const Plan& plan, const models::TrainerChoice& trainers) {
  FEDSPEND_ASSIGN(const auto trainer, models::make_trainer(plan.model, trainers));
  if (trainer->outputs() == models::Outputs::probabilities) return {};
  return fail(ErrorCode::invalid_argument, "of the model " + plan.model.name + " there is no personal one: it gives no probabilities of a category", "leave --personalise out");
}

Result<PersonalScores> score_personal(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, unsigned threads, const models::TrainerChoice& trainers) {
  FEDSPEND_TRY(check_personal(plan, trainers));
  std::vector<std::unique_ptr<models::Trainer>> of_worker;
  for (unsigned i = 0; i < threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model, trainers));
    of_worker.push_back(std::move(trainer));
  }
  std::vector<Result<ClientPersonal>> results(clients.size());
  for_each_index(clients.size(), threads, [&](std::size_t i, unsigned worker) { results[i] = score_one(*of_worker[worker], plan, weights, clients[i].rows); });

  PersonalScores scores;
  for (std::size_t way = 0; way < kPersonalWays; ++way) scores.by_way.push_back({.name = std::string(to_string(static_cast<PersonalWay>(way))), .shared = {}, .personal = {}});
  for (std::size_t i = 0; i <= kHistories.size(); ++i)
    scores.by_history.push_back({.name = i == 0 ? "under " + std::to_string(kHistories[0]) + " rows" : "from " + std::to_string(kHistories[i - 1]) + " rows on", .shared = {}, .personal = {}});
  PersonalGroup all;
  std::vector<double> uplifts;
  double seconds = 0;
  for (const auto& result : results) {
    if (!result) return fail(result.error());
    if (result->shared.predictions == 0) continue;
    add(all, *result);
    add(scores.by_way[result->way], *result);
    add(scores.by_history[static_cast<std::size_t>(std::ranges::upper_bound(kHistories, result->training_rows) - kHistories.begin())], *result);
    uplifts.push_back(result->personal.headline() - result->shared.headline());
    seconds += result->seconds;
  }
  scores.shared = all.shared;
  scores.personal = all.personal;
  scores.clients = all.clients;
  scores.worse = all.worse;
  scores.better = all.better;
  scores.seconds_each = all.clients == 0 ? 0 : seconds / static_cast<double>(all.clients);
  scores.uplift = distribution_of(std::move(uplifts));
  return scores;
}

std::string to_text(const PersonalScores& scores) {
  std::vector<std::vector<std::string>> table = {{"personal models, counting on", "clients", "shared", "personal", "loss, shared", "personal", "better", "worse"}};
  const auto row = [&](const std::string& name, std::uint64_t clients, const HeldOutScore& shared, const HeldOutScore& personal, std::uint64_t better, std::uint64_t worse) {
    const auto share = [&](std::uint64_t part) { return clients == 0 ? std::string() : fixed_text(100 * static_cast<double>(part) / static_cast<double>(clients), 0) + "%"; };
    table.push_back({name, std::to_string(clients), fixed_text(shared.headline(), 4), fixed_text(personal.headline(), 4), fixed_text(shared.loss(), 3), fixed_text(personal.loss(), 3), share(better), share(worse)});
  };
  row("all", scores.clients, scores.shared, scores.personal, scores.better, scores.worse);
  for (const auto* groups : {&scores.by_way, &scores.by_history})
    for (const PersonalGroup& group : *groups)
      if (group.clients > 0) row(group.name, group.clients, group.shared, group.personal, group.better, group.worse);
  return program::format_table(table) + "\nbetter and worse: clients by the loss on their held-out rows, which had no say in the choice; one adaptation took " + fixed_text(1'000 * scores.seconds_each, 1) + " ms\n";
}

nlohmann::json to_json(const PersonalScores& scores) {
  nlohmann::json ways = nlohmann::json::array(), histories = nlohmann::json::array();
  for (const PersonalGroup& group : scores.by_way) ways.push_back(group_json(group));
  for (const PersonalGroup& group : scores.by_history) histories.push_back(group_json(group));
  return {{"clients", scores.clients}, {"worse", scores.worse}, {"better", scores.better}, {"shared_accuracy", scores.shared.headline()}, {"personal_accuracy", scores.personal.headline()},
          {"shared_loss", scores.shared.loss()}, {"personal_loss", scores.personal.loss()}, {"shared_top3", scores.shared.second()}, {"personal_top3", scores.personal.second()},
          {"uplift_mean", scores.uplift.mean}, {"uplift_quantiles", scores.uplift.quantiles}, {"by_way", ways}, {"by_history", histories}};
}

}  // namespace fedspend::simulations
