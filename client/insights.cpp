#include "client/insights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "client/forecast_insight.h"
#include "client/shown_text.h"
#include "client/unusual_insight.h"
#include "models/shapley.h"

namespace fedspend::client {
namespace {

constexpr double kLeastProbability = 1e-9;
constexpr double kLeastSaid = 0.005;  // in words, where it would be 0%
constexpr std::size_t kMostNameBytes = 256;

constexpr std::array kRules = {
    InsightRule{InsightKind::next, "next", "next_category", {}},
    InsightRule{InsightKind::category, "category", "categoriser", {}},
    InsightRule{InsightKind::forecast, "forecast", "spend_forecast", {}},
    InsightRule{InsightKind::unusual, "unusual", "unusual_activity", {}},
    InsightRule{InsightKind::offers, "offers", "offers", kPurposeOfferSuggestions},
};

struct Words {
  InsightKind kind;
  std::string_view id, what;
};
// Ids are those of Trainer::feature_groups and PersonalModel::players.
using enum InsightKind;
constexpr std::array kWords = {
    Words{next, "last_category", "the kind of your last transaction"},
    Words{next, "merchant", "where your last transaction was"},
    Words{next, "amount", "the amount of your last transaction"},
    Words{next, "timing", "when your last transaction was, in the week and in the month,"},
    Words{next, "sequence", "the order of your recent transactions"},
    Words{next, "own_frequency", "how often you have had each kind of transaction"},
    Words{next, "own_followers", "what usually followed such a transaction of yours"},
    Words{next, "own_counts", "what you usually do, as counted on this device,"},
    Words{category, "merchant_name", "the name of the merchant"},
    Words{category, "amount", "the amount, and which way it went,"},
    Words{category, "timing", "the day, in the week and in the month,"},
    Words{category, "own_merchant", "what your transactions there were, and your corrections,"},
    Words{category, "own_frequency", "how often you have had each kind of transaction"},
    Words{category, "sequence", "your transactions just before"},
    Words{category, "own_counts", "what you usually have there, as counted on this device,"},
    Words{unusual, "category", "how often you buy of this kind, and of late,"},
    Words{unusual, "amount", "the amount, beside your others of this kind and at this merchant,"},
    Words{unusual, "merchant", "whether you know the merchant"},
    Words{unusual, "rhythm", "when it was, and how soon after your others,"},
    Words{offers, "own_categories", "what you have spent on so far"},
    Words{offers, "recent_categories", "what you have spent on of late"},
    Words{offers, "activity", "how much and how variously you spend"},
};

// From all the others, which are exact where the probability is near 1 and 1 - p would be rounded away.
double log_odds_of(std::span<const float> probabilities, std::size_t category) {
  double others = 0;
  for (std::size_t c = 0; c < probabilities.size(); ++c) others += c == category ? 0.0 : static_cast<double>(probabilities[c]);
  const double bound = std::log((1 - kLeastProbability) / kLeastProbability);
  const double odds = std::log(std::max(kLeastProbability, static_cast<double>(probabilities[category]))) - std::log(std::max(kLeastProbability, others));
  return std::clamp(odds, -bound, bound);
}

std::vector<CategoryChance> likeliest(std::span<const float> probabilities, std::size_t most) {
  std::vector<CategoryChance> chances;
  for (std::size_t c = 0; c + 1 < probabilities.size(); ++c) chances.push_back({static_cast<std::uint32_t>(c), std::min(1.0, static_cast<double>(probabilities[c]))});
  std::ranges::stable_sort(chances, std::ranges::greater(), &CategoryChance::probability);
  chances.resize(std::min(chances.size(), most));
  return chances;
}

Status explain(models::Trainer& trainer, std::span<const float> weights, const models::PersonalModel& model, std::span<const models::HistoryRow> history, Insight& insight) {
  const std::vector<std::string_view> players = model.players(trainer);
  if (players.empty()) return fail(ErrorCode::invalid_argument, "this trainer has no explanations", "use the lean trainer of the model");
  const std::size_t outputs = trainer.output_count(), sets = std::size_t{1} << players.size();
  std::vector<float> kept(sets * outputs);
  FEDSPEND_TRY(model.predict_kept(trainer, weights, history, kept));
  std::vector<double> totals(sets);
  for (std::size_t set = 0; set < sets; ++set) totals[set] = log_odds_of(std::span<const float>(kept).subspan(set * outputs, outputs), insight.next.front().category);
  const std::vector<double> values = models::shapley_values(totals);
  insight.baseline_log_odds = totals.front();
  insight.log_odds = totals.back();
  for (std::size_t player = 0; player < players.size(); ++player) insight.reasons.push_back({players[player], values[player]});
  std::ranges::stable_sort(insight.reasons, [](const Reason& a, const Reason& b) { return std::abs(a.log_odds) > std::abs(b.log_odds); });
  return {};
}

// "Usually in 3 to 8 days, most often 5; 12.00 to 15.50, most often 13.20."
std::string expected_text(const ExpectedOccurrence& expected) {
  const auto amount = [](double minor) {
    char text[64];
    std::snprintf(text, sizeof text, "%.2f", minor / 100);
    return std::string(text);
  };
  std::string text = "Usually ";
  if (expected.in_days) {
    const auto& [earliest, middle, latest] = *expected.in_days;
    if (latest == 0) text += "today";
    else if (earliest == latest) text += "in " + std::to_string(latest) + (latest == 1 ? " day" : " days");
    else text += "in " + std::to_string(earliest) + " to " + std::to_string(latest) + " days, most often " + std::to_string(middle);
    text += "; ";
  }
  const auto& [low, middle, high] = expected.amount_minor;
  const std::string from = amount(low), to = amount(high);
  return text + (from == to ? from : from + " to " + to + ", most often " + amount(middle)) + ".\n";
}

Json days_json(const CategoryChance& chance) {
  if (!chance.expected || !chance.expected->in_days) return nullptr;
  const auto& [earliest, middle, latest] = *chance.expected->in_days;
  return JsonObject().add("earliest", earliest).add("middle", middle).add("latest", latest);
}

Json amounts_json(const CategoryChance& chance) {
  if (!chance.expected) return nullptr;
  const auto& [low, middle, high] = chance.expected->amount_minor;
  return JsonObject().add("low", low).add("middle", middle).add("high", high);
}

const char* name_of(ReasonStrength strength) {
  switch (strength) {
    case ReasonStrength::none: return "none";
    case ReasonStrength::slight: return "slight";
    case ReasonStrength::clear: return "clear";
    case ReasonStrength::strong: return "strong";
  }
  return "none";
}

}  // namespace

std::span<const InsightRule> insight_rules() { return kRules; }

const InsightRule* find_insight_rule(InsightKind kind) {
  const auto found = std::ranges::find(kRules, kind, &InsightRule::kind);
  return found == kRules.end() ? nullptr : &*found;
}

const InsightRule* find_insight_rule_of_model(std::string_view model) {
  const auto found = std::ranges::find(kRules, model, &InsightRule::model);
  return found == kRules.end() ? nullptr : &*found;
}

std::string_view to_string(HandOver hand_over) {
  switch (hand_over) {
    case HandOver::none: return "none";
    case HandOver::low_confidence: return "low-confidence";
    case HandOver::hardship: return "hardship";
    case HandOver::dispute: return "dispute";
  }
  return "unknown";
}

Result<Insight> category_insight(const Consents& consents, models::Trainer& trainer, std::span<const float> weights, const models::PersonalModel& model,
                                 std::span<const models::HistoryRow> history, const InsightOptions& options) {
  if (!consents.is_given(kPurposePersonalInsights)) return fail(ErrorCode::refused, "the customer has not consented to personal insights", "ask for it, and for nothing else");
  if (!(options.min_confidence >= 0 && options.min_confidence <= 1) || options.most_categories == 0 || options.most_rows == 0)
    return fail(ErrorCode::invalid_argument, "the options of the insight are out of range", "min_confidence lies from 0 to 1, and the others are at least 1");
  const bool suggests = trainer.outputs() == models::Outputs::suggestions;
  if (trainer.outputs() != models::Outputs::probabilities && !suggests) return fail(ErrorCode::invalid_argument, "this model gives no category", "ask for the kind of insight that is its own");
  const bool of_row = trainer.sees_row();
  if (of_row && history.empty()) return fail(ErrorCode::invalid_argument, "there is no transaction to give a category to", "ask for one that is there");
  if (weights.size() != trainer.parameter_count()) return fail(ErrorCode::invalid_argument, "the weights are not those of this model", "use the weights of this plan's model");
  if (!suggests) history = history.last(std::min(history.size(), options.most_rows + (of_row ? 1u : 0u)));
  std::vector<float> probabilities(trainer.output_count());
  FEDSPEND_TRY(model.predict(trainer, weights, history, probabilities));
  Insight insight{.kind = suggests ? offers : of_row ? category : next, .next = likeliest(probabilities, options.most_categories), .personal = !model.is_shared(), .rows = history.size() - (of_row ? 1u : 0u), .reasons = {}};
  insight.abstains = history.empty() || !(insight.next.front().probability >= (suggests ? options.min_offer_chance : options.min_confidence));
  if (suggests) std::erase_if(insight.next, [](const CategoryChance& chance) { return chance.probability == 0; });  // in use
  insight.hand_over = insight.abstains && !suggests ? HandOver::low_confidence : HandOver::none;
  if (insight.next.empty()) return insight;  // nothing is new to the customer
  insight.baseline_log_odds = insight.log_odds = log_odds_of(probabilities, insight.next.front().category);
  if (!history.empty()) FEDSPEND_TRY(explain(trainer, weights, model, history, insight));
  return insight;
}

ReasonStrength strength_of(const Reason& reason) {
  const double weight = std::abs(reason.log_odds);
  return weight >= 1 ? ReasonStrength::strong : weight >= 0.3 ? ReasonStrength::clear : weight >= 0.05 ? ReasonStrength::slight : ReasonStrength::none;
}

std::string reason_text(InsightKind kind, const Reason& reason) {
  const auto words = std::ranges::find_if(kWords, [&](const Words& each) { return each.kind == kind && each.id == reason.id; });
  std::string text(words == kWords.end() ? std::string_view("something else") : words->what);
  const bool up = reason.log_odds > 0;
  const std::string what = kind == unusual ? (up ? "more unusual" : "less unusual") : up ? "likelier" : "less likely";
  switch (strength_of(reason)) {
    case ReasonStrength::none: return text + " hardly changes this";
    case ReasonStrength::slight: return text + " makes this a little " + what;
    case ReasonStrength::clear: return text + " makes this " + what;
    case ReasonStrength::strong: return text + " makes this much " + what;
  }
  return text;
}

std::string insight_text(const Insight& insight, std::span<const std::string> categories) {
  if (insight.kind == forecast) return forecast_text(insight, categories);
  if (insight.kind == unusual) return unusual_text(insight);
  const bool of_row = insight.kind == category;
  if (insight.rows == 0 && !of_row) return "Nothing is known of you yet.\n";
  const auto name = [&](std::uint32_t category) { return category < categories.size() ? shown_text(categories[category], kMostNameBytes) : std::string("other"); };
  const auto percent = [](double probability) { return std::to_string(std::lround(100 * probability)) + "%"; };
  const bool offer = insight.kind == offers;
  if (offer && insight.abstains) return "Nothing to suggest.\n";
  const std::string what(of_row ? "This is" : offer ? "New to you, and perhaps for you:" : "Likely next:"), unsure(of_row ? "Not sure what this is." : "Not sure what comes next.");
  std::string text = insight.abstains ? unsure : what + " " + name(insight.next.front().category) + " (" + percent(insight.next.front().probability) + ").";
  std::string others;
  for (std::size_t i = insight.abstains ? 0 : 1; i < insight.next.size(); ++i)
    if (insight.next[i].probability >= kLeastSaid) others += (others.empty() ? "" : ", ") + name(insight.next[i].category) + " (" + percent(insight.next[i].probability) + ")";
  if (!others.empty()) text += (insight.abstains ? " Possible: " : " Otherwise: ") + others;
  text += "\n";
  if (insight.abstains) return text;
  if (insight.next.front().expected) text += expected_text(*insight.next.front().expected);
  text += "Why " + name(insight.next.front().category) + ":\n";
  for (const Reason& reason : insight.reasons)
    if (strength_of(reason) != ReasonStrength::none) text += "  - " + reason_text(insight.kind, reason) + "\n";
  return text;
}

Json reasons_json(const Insight& insight) {
  JsonArray reasons;
  for (const Reason& reason : insight.reasons)
    reasons.add(JsonObject().add("id", reason.id).add("log_odds", reason.log_odds).add("strength", name_of(strength_of(reason))).add("text", reason_text(insight.kind, reason)));
  return reasons;
}

JsonObject insight_head_json(const Insight& insight) {
  JsonObject made;
  made.add("schema_version", 1)
      .add("kind", find_insight_rule(insight.kind)->name)
      .add("transaction_id", insight.transaction_id.empty() ? Json(nullptr) : Json(insight.transaction_id))
      .add("abstains", insight.abstains)
      .add("hand_over", to_string(insight.hand_over))
      .add("personal", insight.personal)
      .add("transactions", insight.rows);
  return made;
}

Json insight_json(const Insight& insight, std::span<const std::string> categories) {
  if (insight.kind == forecast) return forecast_json(insight, categories);
  if (insight.kind == unusual) return unusual_json(insight);
  JsonArray next;
  for (const CategoryChance& chance : insight.next) {
    const std::string name = chance.category < categories.size() ? shown_text(categories[chance.category], kMostNameBytes) : std::string();
    JsonObject one = JsonObject().add("category", chance.category).add("name", name).add("probability", chance.probability);
    if (insight.kind == InsightKind::next) one.add("in_days", days_json(chance)).add("amount_minor", amounts_json(chance));
    next.add(one);
  }
  return insight_head_json(insight).add("next", next).add("reasons", reasons_json(insight)).add("baseline_log_odds", insight.baseline_log_odds).add("log_odds", insight.log_odds);
}

}  // namespace fedspend::client
