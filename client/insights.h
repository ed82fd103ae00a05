#pragma once
// What a model says to the customer, and why: of the shared model, or of the personal one, on the device, with the
// reasons in numbers and words. Only with the customer's consent (kPurposePersonalInsights, and for offers kPurposeOfferSuggestions). Nothing of it
// leaves the device, and nothing of it acts: an app shows it, or asks.
//
// Here: what all kinds of insight share, and the three that give a category: of the next transaction, of one that is there, or one that is new to the customer. The forecast:
// forecast_insight.h; alerts: unusual_insight.h.
//
// A reason is the Shapley value (models/shapley.h) of a group of what the model sees, on the log-odds of the category that is explained,
// log(p / (1 - p)), computed exactly from all 2^g sets of g groups (g is 7, or 8 with own counts). A group that is put aside has the value it
// has at the start of a history. So the reasons add up: baseline_log_odds, which is the prediction for a customer of whom nothing is known, plus
// all the reasons is log_odds. They say what moved the model, not what makes a customer buy. Log-odds are bounded to those of 10^-9 and 1 - 10^-9.
//
// What happens with odd input: an empty history gives the model's guess for a newcomer, without reasons, and abstains; one transaction gives a
// prediction with reasons; categories that the plan does not know count as "other", which is never predicted; clocks that jump and huge
// amounts are bounded in the features. A prediction is never NaN: weights that would give one are an error. Pure; one thread per trainer.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>


#include "client/consent.h"
#include "client/expected_occurrence.h"
#include "client/json_text.h"
#include "common/result.h"
#include "models/history.h"
#include "models/personal_model.h"
#include "models/trainer.h"

namespace fedspend::client {

// Values are in the C ABI: never renumber.
enum class InsightKind : std::uint8_t { next = 1, category = 2, forecast = 3, unusual = 4, offers = 5 };
struct InsightRule {
  InsightKind kind;
  std::string_view name;     // in JSON
  std::string_view model;    // plan.model.name
  std::string_view purpose;  // beside kPurposePersonalInsights; empty: none
};
std::span<const InsightRule> insight_rules();
const InsightRule* find_insight_rule(InsightKind kind);            // null: there is none of this number
const InsightRule* find_insight_rule_of_model(std::string_view model);

// Whether a person should answer rather than a screen, and why. Values are in the C ABI.
enum class HandOver : std::uint8_t { none = 0, low_confidence = 1, hardship = 2, dispute = 3 };
std::string_view to_string(HandOver hand_over);  // "none", "low-confidence" ...

// For 30 days, of the kind forecast.
struct Budget {
  std::string category = {};  // of the plan; empty: of all spending
  std::int64_t amount_minor = 0;
};

inline constexpr double kAlarmsPerMonth = 1, kMostAlarmsPerMonth = 1'000;

struct InsightOptions {
  double min_confidence = 0.4;       // below it the prediction abstains: an app shows nothing, or says that it does not know
  std::size_t most_categories = 3;   // that are given, the likeliest first
  std::size_t most_rows = 1'024;     // the newest of the history are looked at, so that ten years of it cost no more than a few
  std::vector<Budget> budgets = {};
  double min_offer_chance = 0.05;    // as min_confidence, of the kind offers: among a hundred categories none is likely
  std::optional<double> alarms_per_month = {};  // of the kind unusual: how many false alarms the customer will bear, 0 to kMostAlarmsPerMonth; nothing: kAlarmsPerMonth
};

struct CategoryChance {
  std::uint32_t category = 0;  // index into the plan's categories
  double probability = 0;
  std::optional<ExpectedOccurrence> expected = {};  // of the kind next
};

struct Reason {
  std::string_view id;         // "last_category" ...: the key of the app's own text; static storage
  double log_odds = 0;         // above 0: made the category likelier
};

// A line of the kind forecast (forecast_insight.h), in minor units.
enum class BudgetOutlook : std::uint8_t;
struct SpendReason {
  std::string_view id;   // static storage
  double minor = 0;      // of the middle
};
struct SpendLine {
  std::uint32_t category = 0;  // the number of the plan's categories: all spending
  bool abstains = true;        // then nothing is said of the next 30 days
  double low_minor = 0, middle_minor = 0, high_minor = 0;
  double could_save_minor = 0;           // by a month at the low, beside the middle
  double spent_this_month_minor = 0;  // the calendar's month, of UTC, today with it
  std::optional<std::int64_t> budget_minor = {};
  BudgetOutlook outlook{};
  double over_minor = 0;       // by how much it is likely to run over
  std::vector<SpendReason> reasons = {};  // all groups, the weightiest first; they add up to middle_minor
};

struct Insight {
  InsightKind kind{};
  std::vector<CategoryChance> next;      // by falling probability; equal ones by index
  bool abstains = true;                  // the likeliest is below min_confidence, or nothing is known
  HandOver hand_over{};
  std::string transaction_id = {};       // of the kinds that are about one, where it has an id
  bool personal = false;                 // of an adapted model
  std::size_t rows = 0;                  // that it was made from
  // Of next.front(), unless the history is empty.
  std::vector<Reason> reasons;           // all groups, the weightiest first
  double baseline_log_odds = 0;
  double log_odds = 0;
  std::vector<SpendLine> spends = {};    // of the kind forecast, which has nothing of `next` and of the reasons above
  // Of the kind unusual (unusual_insight.h), whose reasons are of the surprise, log_odds.
  bool is_alert = false;
  std::string_view way = {};               // of being unusual, the likeliest; static storage
  std::optional<float> threshold = {};     // nothing: it abstains
  double alarms_per_month = 0;
};

// refused: no consent. invalid_argument: weights or options that do not fit, a trainer that cannot explain or gives no probabilities, or, for a trainer that is told the row
// (Trainer::sees_row), no row. limit: weights that give values that are not finite. `model`: as it is, for the shared one. `history`: of a trainer that
// is told the row the last one is asked for; its own category is not looked at. Of a trainer that gives suggestions all rows are looked at, since what lies
// beyond the newest would be taken for new.
Result<Insight> category_insight(const Consents& consents, models::Trainer& trainer, std::span<const float> weights, const models::PersonalModel& model,
                             std::span<const models::HistoryRow> history, const InsightOptions& options = {});

// In English, from a fixed table: "what you bought last makes this much likelier". Hosts translate by id and strength. A reason of little weight
// is "hardly changes this". Thresholds: .05, .3 and 1 in log-odds, which are factors of 1.05, 1.35 and 2.7 of the odds.
enum class ReasonStrength { none, slight, clear, strong };
ReasonStrength strength_of(const Reason& reason);
std::string reason_text(InsightKind kind, const Reason& reason);

// For a person: what is likely, and the reasons that weigh; or that it is not known. Lines, each with its end.
std::string insight_text(const Insight& insight, std::span<const std::string> categories);

// {"schema_version": 1, "kind", "abstains", "hand_over", "next": [{"category", "name", "probability", and of the kind next "in_days", "amount_minor"}], "reasons": [{"id", "log_odds", "strength", "text"}], ...}.
// `categories`: the plan's.
Json reasons_json(const Insight& insight);
JsonObject insight_head_json(const Insight& insight);  // what those of all kinds have
Json insight_json(const Insight& insight, std::span<const std::string> categories);

}  // namespace fedspend::client
