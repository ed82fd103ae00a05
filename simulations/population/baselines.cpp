#include "simulations/population/baselines.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "models/day_features.h"
#include "models/history.h"
#include "models/offers/offers.h"
#include "models/spend_forecast/spend_forecast.h"
#include "models/stock_models.h"
#include "models/unusual_activity/unusual_activity.h"

namespace fedspend::simulations {
namespace {

// The mixture's weights, set by hand.
constexpr double kOwnMarkovWeight = 1.0, kOwnMarkovPrior = 2.0, kOwnWeight = 0.3, kGlobalMarkovWeight = 0.3, kRecentWeight = 1.0, kRecentDecay = 0.8;

// Counts of a few categories, in the order in which they were met.
class Counts {
 public:
  struct Entry {
    std::uint32_t category;
    std::uint64_t count;
    std::uint64_t last_met;
  };
  void add(std::uint32_t category) {
    ++total_;
    for (Entry& entry : entries_) {
      if (entry.category != category) continue;
      ++entry.count;
      entry.last_met = total_;
      return;
    }
    entries_.push_back({category, 1, total_});
  }
  std::optional<std::uint32_t> most_frequent_met_first() const {
    const Entry* best = nullptr;
    for (const Entry& entry : entries_)
      if (best == nullptr || entry.count > best->count) best = &entry;
    return best == nullptr ? std::nullopt : std::optional(best->category);
  }
  std::optional<std::uint32_t> most_frequent_used_last() const {
    const Entry* best = nullptr;
    for (const Entry& entry : entries_)
      if (best == nullptr || entry.count > best->count || (entry.count == best->count && entry.last_met > best->last_met)) best = &entry;
    return best == nullptr ? std::nullopt : std::optional(best->category);
  }
  const std::vector<Entry>& entries() const { return entries_; }
  double total() const { return static_cast<double>(total_); }

 private:
  std::vector<Entry> entries_;
  std::uint64_t total_ = 0;
};

using CountsBy = std::unordered_map<std::uint32_t, Counts>;

std::optional<std::uint32_t> lookup(const CountsBy& counts, std::uint32_t key) {
  const auto found = counts.find(key);
  return found == counts.end() ? std::nullopt : found->second.most_frequent_met_first();
}

struct Learned {
  Counts categories;
  CountsBy after;        // by the category before
  CountsBy at_merchant;

  void add(std::span<const PopulationRow> history, std::size_t i) {
    categories.add(history[i].category);
    at_merchant[history[i].merchant].add(history[i].category);
    if (i > 0) after[history[i - 1].category].add(history[i].category);
  }
};

// Own Markov, own and global counts, and a decayed count of the recent rows; it keeps counting as it goes.
class Mixture {
 public:
  Mixture(const Learned& global, std::size_t categories) : global_(global), recent_(categories, 0), score_(categories, 0) {}

  std::uint32_t predict(std::uint32_t before) {
    touched_.clear();
    if (const auto own = own_after_.find(before); own != own_after_.end()) vote(own->second, kOwnMarkovWeight / (own->second.total() + kOwnMarkovPrior));
    vote(own_, kOwnWeight / own_.total());
    if (const auto all = global_.after.find(before); all != global_.after.end()) vote(all->second, kGlobalMarkovWeight / all->second.total());
    for (const Counts::Entry& entry : own_.entries()) score_[entry.category] += kRecentWeight * recent_[entry.category];
    std::uint32_t best = touched_.front();
    for (const std::uint32_t category : touched_)
      if (score_[category] > score_[best]) best = category;
    for (const std::uint32_t category : touched_) score_[category] = 0;
    return best;
  }

  void learn(std::optional<std::uint32_t> before, std::uint32_t category) {
    if (before) own_after_[*before].add(category);
    own_.add(category);
    for (const Counts::Entry& entry : own_.entries()) recent_[entry.category] *= kRecentDecay;
    recent_[category] += 1 - kRecentDecay;
  }

 private:
  void vote(const Counts& counts, double weight) {
    for (const Counts::Entry& entry : counts.entries()) {
      if (score_[entry.category] == 0) touched_.push_back(entry.category);
      score_[entry.category] += weight * static_cast<double>(entry.count);
    }
  }

  const Learned& global_;
  Counts own_;
  CountsBy own_after_;
  std::vector<double> recent_, score_;
  std::vector<std::uint32_t> touched_;
};

enum Line : std::size_t {  // in the order of Baselines::lines
  kGlobal, kOwn, kMarkov, kOwnMarkov, kMixture, kMerchant, kOwnMerchantAlone, kOwnMerchant, kLines
};

void score_client(std::span<const PopulationRow> history, std::size_t trained, const Learned& global, std::size_t categories, std::array<std::uint32_t, kLines>& correct) {
  Learned own;
  Mixture mixture(global, categories);
  for (std::size_t i = 0; i < trained; ++i) {
    own.add(history, i);
    mixture.learn(i > 0 ? std::optional(history[i - 1].category) : std::nullopt, history[i].category);
  }
  const std::uint32_t global_best = *global.categories.most_frequent_met_first();
  const std::uint32_t own_best = own.categories.most_frequent_used_last().value_or(global_best);
  for (std::size_t i = trained; i < history.size(); ++i) {
    const std::uint32_t truth = history[i].category, merchant = history[i].merchant;
    const std::uint32_t before = i > 0 ? history[i - 1].category : global_best;
    const std::uint32_t by_merchant = lookup(global.at_merchant, merchant).value_or(global_best);
    correct[kGlobal] += global_best == truth;
    correct[kOwn] += own_best == truth;
    correct[kMarkov] += lookup(global.after, before).value_or(global_best) == truth;
    correct[kOwnMarkov] += lookup(own.after, before).value_or(own_best) == truth;
    correct[kMixture] += (i > 0 ? mixture.predict(before) : global_best) == truth;
    correct[kMerchant] += by_merchant == truth;
    correct[kOwnMerchantAlone] += lookup(own.at_merchant, merchant).value_or(own_best) == truth;
    correct[kOwnMerchant] += lookup(own.at_merchant, merchant).value_or(by_merchant) == truth;
    mixture.learn(i > 0 ? std::optional(before) : std::nullopt, truth);
  }
}

std::vector<Baseline> category_lines(bool sees_row) {
  return {
      {.key = "global_most_frequent", .name = "global most frequent category", .short_name = "most frequent"},
      {.key = "own_most_frequent", .name = "the client's own most frequent", .short_name = "own frequent", .own_counts = true},
      {.key = "markov_global", .name = "order-1 Markov, global", .short_name = "Markov"},
      {.key = "markov_own", .name = "order-1 Markov of the client, else its most frequent", .short_name = "own Markov", .own_counts = true},
      {.key = "mixture", .name = "mixture of own and global counts (keeps counting)", .short_name = "mixture", .prequential = true},
      {.key = "merchant_lookup", .name = "merchant lookup (sees the merchant)", .short_name = "merchant", .sees_merchant = !sees_row},
      {.key = "own_merchant_alone", .name = "own merchant lookup, else the client's most frequent", .short_name = "own alone", .sees_merchant = !sees_row, .own_counts = sees_row},
      {.key = "own_merchant_lookup", .name = "own merchant lookup, then the global one", .short_name = "own merchant", .sees_merchant = !sees_row},
  };
}

void score_categories(const Population& population, const EvaluationRule& rule, Baselines& baselines) {
  Learned global;
  for (const std::size_t client : baselines.evaluated) {
    const auto history = population.history(client);
    for (std::size_t i = 0; i < models::training_rows(history.size(), rule.holdout_fraction); ++i) global.add(history, i);
  }
  if (global.categories.total() == 0) return;
  for (const std::size_t client : baselines.evaluated) {
    const auto history = population.history(client);
    const std::size_t trained = models::training_rows(history.size(), rule.holdout_fraction);
    std::array<std::uint32_t, kLines> correct{};
    score_client(history, trained, global, population.categories().size(), correct);
    for (std::size_t line = 0; line < kLines; ++line) baselines.lines[line].by_client.push_back({.predictions = history.size() - trained, .correct_top1 = correct[line]});
  }
}

enum SpendLine : std::size_t { kLastMonth, kThreeMonths, kSmoothing, kOwnQuantiles, kSpendLines };

std::vector<Baseline> spend_lines() {
  return {
      {.key = "last_month", .name = "the last 30 days again", .short_name = "last month", .own_counts = true},
      {.key = "three_months", .name = "the mean of the last 90 days", .short_name = "three months", .own_counts = true},
      {.key = "smoothing", .name = "exponential smoothing of the client's months", .short_name = "smoothing", .own_counts = true},
      {.key = "own_quantiles", .name = "the client's own quantiles of 30 days", .short_name = "own quantiles", .own_counts = true},
  };
}

// A single figure is given for all three quantiles.
void score_spend(const Population& population, const EvaluationRule& rule, Baselines& baselines) {
  const HistoryEncoder encoder(population, rule.model);
  for (const std::size_t client : baselines.evaluated) {
    const std::vector<models::HistoryRow> history = encoder.encode(client);
    std::array<models::EvaluationResult, kSpendLines> scores{};
    for (const models::SpendStep& step : models::scored_spend_steps(history, rule.model.categories.size(), models::training_rows(rule.model, history, rule.holdout_fraction), models::Counting::frozen)) {
      const auto add = [&](SpendLine line, float all) { models::add_spend_score(step, std::array{all, all, all}, scores[line]); };
      add(kLastMonth, step.last);
      add(kThreeMonths, step.mean);
      add(kSmoothing, step.smoothed);
      models::add_spend_score(step, step.own, scores[kOwnQuantiles]);
    }
    for (std::size_t line = 0; line < kSpendLines; ++line) baselines.lines[line].by_client.push_back(scores[line]);
  }
}

std::vector<Baseline> unusual_lines() {
  return {
      {.key = "amount", .name = "the amount alone", .short_name = "amount", .own_counts = true},
      {.key = "category_deviation", .name = "how far above the client's amounts in the category", .short_name = "deviation", .own_counts = true},
      {.key = "new_merchant", .name = "a merchant that is new to the client", .short_name = "new merchant", .own_counts = true},
      {.key = "rare_category", .name = "how rare the category is for the client", .short_name = "rare category", .own_counts = true},
  };
}

// One figure each, of what the model sees too. Of two that are equal every other counts as ranked rightly.
void score_unusual(const Population& population, const EvaluationRule& rule, Baselines& baselines) {
  const HistoryEncoder encoder(population, rule.model);
  for (const std::size_t client : baselines.evaluated) {
    const std::vector<models::HistoryRow> history = encoder.encode(client);
    const models::UnusualPairs pairs =
        models::scored_unusual_pairs(history, rule.model.categories.size(), models::training_rows(rule.model, history, rule.holdout_fraction), models::Counting::frozen);
    std::array<models::EvaluationResult, kUnusualLines> scores{};
    for (std::size_t i = 0; i < pairs.usual.size(); ++i) {
      const auto usual = unusual_line_figures(pairs.usual[i]), made_up = unusual_line_figures(pairs.made_up[i]);
      for (std::size_t line = 0; line < kUnusualLines; ++line) {
        ++scores[line].predictions;
        scores[line].correct_top1 += made_up[line] > usual[line] || (made_up[line] == usual[line] && i % 2 == 0) ? 1u : 0u;
      }
    }
    for (std::size_t line = 0; line < kUnusualLines; ++line) baselines.lines[line].by_client.push_back(scores[line]);
  }
}

enum OfferLine : std::size_t { kPlanOrder, kPopular, kTakenUpOften, kUsedTogether, kOfferLines };

std::vector<Baseline> offer_lines() {
  return {
      {.key = "plan_order", .name = "the first of the plan's categories that are new", .short_name = "plan's order", .own_counts = true},
      {.key = "popularity", .name = "the new categories that most clients use", .short_name = "popularity"},
      {.key = "taken_up", .name = "the new categories that were taken up most often", .short_name = "taken up"},
      {.key = "used_together", .name = "what clients use who use the same", .short_name = "used together"},
  };
}

// Counted over the training rows of all clients: who uses a category, how often one was taken up on the grid's days, and who uses two.
void score_offers(const Population& population, const EvaluationRule& rule, Baselines& baselines) {
  const HistoryEncoder encoder(population, rule.model);
  const std::size_t categories = rule.model.categories.size();
  std::vector<float> order(categories), popular(categories, 0), taken_up(categories, 0), together(categories * categories, 0);
  for (std::size_t c = 0; c < categories; ++c) order[c] = -static_cast<float>(c);
  for (const std::size_t client : baselines.evaluated) {
    std::vector<models::HistoryRow> history = encoder.encode(client);
    history.resize(models::training_rows(rule.model, history, rule.holdout_fraction));
    if (history.empty()) continue;
    std::int64_t day = 0;
    for (const models::HistoryRow& row : history) day = std::max(day, models::day_of(row.time_s) + 1);
    const models::OfferStep last = models::offer_step(history, categories, day);
    for (const models::OfferUse& use : last.used) {
      ++popular[use.category];
      for (const models::OfferUse& other : last.used) ++together[use.category * categories + other.category];
    }
    std::vector<models::OfferStep> steps;
    models::append_offer_steps(history, categories, 0, models::OfferSteps::first, 1'000, steps);
    for (const models::OfferStep& step : steps)
      for (const std::uint32_t category : step.taken_up) ++taken_up[category];
  }
  for (const std::size_t client : baselines.evaluated) {
    const std::vector<models::HistoryRow> history = encoder.encode(client);
    std::array<models::EvaluationResult, kOfferLines> scores{};
    for (const models::OfferStep& step : models::scored_offer_steps(history, categories, models::training_rows(rule.model, history, rule.holdout_fraction), models::Counting::frozen)) {
      std::vector<float> beside(categories, 0);
      for (const models::OfferUse& use : step.used)
        for (std::size_t c = 0; c < categories; ++c) beside[c] += together[use.category * categories + c] / std::max(popular[use.category], 1.0f);
      models::add_offer_score(step, order, scores[kPlanOrder]);
      models::add_offer_score(step, popular, scores[kPopular]);
      models::add_offer_score(step, taken_up, scores[kTakenUpOften]);
      models::add_offer_score(step, beside, scores[kUsedTogether]);
    }
    for (std::size_t line = 0; line < kOfferLines; ++line) baselines.lines[line].by_client.push_back(scores[line]);
  }
}

// By the name of its model: what the lines are, and a function that fills by_client of each.
struct Task {
  std::string_view model;
  std::vector<Baseline> (*lines)();
  void (*score)(const Population& population, const EvaluationRule& rule, Baselines& baselines);
};
constexpr std::array kTasks = {
    Task{"next_category", [] { return category_lines(false); }, score_categories},
    Task{"categoriser", [] { return category_lines(true); }, score_categories},
    Task{"spend_forecast", spend_lines, score_spend},
    Task{"unusual_activity", unusual_lines, score_unusual},
    Task{"offers", offer_lines, score_offers},
};

// A model that a data scientist brings gives the next category.
const Task& task_of(std::string_view model) {
  const auto found = std::ranges::find(kTasks, model, &Task::model);
  return found == kTasks.end() ? kTasks.front() : *found;
}

}  // namespace

std::array<float, kUnusualLines> unusual_line_figures(const models::UnusualStep& step) {
  const auto& amount = step.numeric[models::kUnusualAmount];
  return {amount[0], amount[1], -step.numeric[models::kUnusualMerchant][0], -step.numeric[models::kUnusualCategory][2]};
}

std::vector<Baseline> baseline_lines(std::string_view model) { return task_of(model).lines(); }

Baselines compute_baselines(const Population& population, const EvaluationRule& rule) {
  Baselines result;
  result.evaluated = population.clients_with(std::max<std::size_t>(rule.min_rows, 1));
  result.clients = result.evaluated.size();
  for (const std::size_t client : result.evaluated) {
    const std::size_t rows = population.history(client).size();
    result.held_out += rows - models::training_rows(rows, rule.holdout_fraction);
  }
  result.model = rule.model.name;
  const Task& task = task_of(rule.model.name);
  result.lines = task.lines();
  task.score(population, rule, result);
  for (Baseline& line : result.lines)
    for (const models::EvaluationResult& score : line.by_client) line.score += score;
  return result;
}

}  // namespace fedspend::simulations
