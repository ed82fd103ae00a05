// What the engine says to the customer: predictions, their reasons, a personal model, figures of how well it does. Of the model that is held.

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "client/device_state.h"
#include "client/forecast_insight.h"
#include "client/host_examples.h"
#include "client/local_training.h"
#include "client/row_codec.h"
#include "client/unusual_insight.h"
#include "common/protocol/model_file.h"
#include "models/personal_model.h"
#include "models/row_maker.h"
#include "models/stock_models.h"

namespace fedspend::client {
namespace {

constexpr std::uint8_t kFalseAlarmsForm = 1;

// The held model with what it is used on; of its own, so that the vault's lock is not needed while it works.
struct Model {
  HeldPlan plan;
  HeldModel shared;
  models::PersonalModel personal;
  std::unique_ptr<models::Trainer> trainer;
  std::vector<models::Transaction> transactions;  // what the purpose's retention allows, oldest first
  std::vector<models::HistoryRow> history;        // of those that have a category
  std::shared_ptr<const Consents> consents;
  std::int64_t now_s = 0;
  std::optional<double> alarms_per_month = {};    // that the customer chose

  SharedModel reference() const { return {.name = plan.plan->model.name, .hash = shared.hash, .weights = *shared.weights}; }
};

tl::unexpected<Error> wiped() { return fail(ErrorCode::not_found, "this device was wiped", "make a new one, and enrol it"); }

// With the vault's lock: whether the purpose is consented to, and was all the time since `stop` was made.
Status check_consent(const Device::State& state, std::string_view purpose, const std::stop_token& stop) {
  if (state.vault == nullptr) return wiped();
  if (state.is_closing.load()) return fail(ErrorCode::conflict, "the device is being closed");
  if (!state.consents_to(purpose)) return fail(ErrorCode::refused, "the customer has not consented to " + std::string(purpose), "ask for it, and for nothing else");
  if (stop.stop_requested()) return fail(ErrorCode::refused, "it was cancelled, or the customer withdrew");
  return {};
}

// `stop` is made before: a withdrawal that came earlier is seen here, and one that comes later stops it. `name`: plan.model.name; empty: the
// newest. `asked`: ids of transactions, each of which is replaced by its place in `transactions` (nothing: not there).
enum class Personal : std::uint8_t { wanted, unwanted };
struct Asked {
  std::string_view id;
  std::optional<std::size_t> place = {};
};
Result<Model> model_of(Device::State& state, std::string_view name, std::string_view purpose, Personal personal, const std::stop_token& stop, std::span<Asked> asked = {}) {
  const std::int64_t now_s = state.host.unix_time_s();
  std::uint32_t days = 0;
  Model model;
  model.now_s = now_s;
  {
    const std::lock_guard lock(state.vault_mutex);
    FEDSPEND_TRY(check_consent(state, purpose, stop));
    const auto newest = state.cache->find_plan(state.held_plan);
    const std::string wanted(!name.empty() || !newest ? name : std::string_view(newest->plan->model.name));
    auto held = state.cache->of_model(wanted);
    if (!held || held->model.weights->size() != held->plan.plan->model.parameter_count)
      return fail(ErrorCode::not_found, wanted.empty() ? "this device holds no model yet" : "this device holds no model " + wanted + " yet", "install the one that the app brings, or take part in a round");
    model.plan = std::move(held->plan);
    model.shared = std::move(held->model);
    model.consents = state.consents;
    model.alarms_per_month = state.false_alarms_per_month;
    days = state.options.limits.days_for(purpose);
    if (personal == Personal::wanted && state.consents_to(kPurposePersonalInsights)) {
      FEDSPEND_ASSIGN(model.personal, Personalisation(*state.vault).find(*state.consents, model.reference()));
    }
    if (!state.options.examples) {
      const std::span<const models::Transaction> all = state.transactions->transactions(), own = state.transactions->transactions_for(purpose, now_s);
      model.transactions.assign(own.begin(), own.end());
      for (Asked& each : asked)
        if (const auto at = state.transactions->find(each.id); at && *at >= all.size() - own.size()) each.place = *at - (all.size() - own.size());
    }
  }
  FEDSPEND_ASSIGN(model.trainer, models::make_trainer(model.plan.plan->model));
  if (state.options.examples) {
    FEDSPEND_ASSIGN(model.transactions, host_examples(state.options, now_s, days, stop));
  }
  model.history = history_rows(model.transactions, model.plan.plan->model);
  return model;
}

// The rows before it that have a category, and the row itself, whose own category a model that is told the row does not look at.
std::vector<models::HistoryRow> history_to(const Model& model, std::size_t place) {
  const std::span<const models::Transaction> before = std::span(model.transactions).first(place);
  const auto rows = static_cast<std::size_t>(std::ranges::count_if(before, [](const models::Transaction& each) { return !each.category.empty(); }));
  std::vector<models::HistoryRow> history(model.history.begin(), model.history.begin() + static_cast<std::ptrdiff_t>(rows));
  history.push_back(models::RowMaker(model.plan.plan->model).row(model.transactions[place]));
  return history;
}

Result<Insight> insight_of(const InsightRequest& request, Model& model, std::optional<std::size_t> place) {
  if (request.kind == InsightKind::forecast)
    return forecast_insight(*model.consents, *model.trainer, *model.shared.weights, model.history, model.plan.plan->model.categories, model.now_s, request.options);
  if (!model.trainer->sees_row()) {
    FEDSPEND_ASSIGN(Insight insight, category_insight(*model.consents, *model.trainer, *model.shared.weights, model.personal, model.history, request.options));
    if (request.kind == InsightKind::next)
      for (CategoryChance& chance : insight.next) chance.expected = expected_occurrence(model.history, chance.category, model.now_s);
    return insight;
  }
  if (!place) return fail(ErrorCode::not_found, "there is no transaction of this id", "hand it in first");
  const bool of_unusual = request.kind == InsightKind::unusual;
  if (of_unusual && model.transactions[*place].category.empty())
    return fail(ErrorCode::invalid_argument, "the transaction has no category, and what is usual goes by categories", "give it one");
  const std::vector<models::HistoryRow> history = history_to(model, *place);
  InsightOptions options = request.options;
  if (!options.alarms_per_month) options.alarms_per_month = model.alarms_per_month;
  FEDSPEND_ASSIGN(Insight insight, of_unusual ? unusual_insight(*model.consents, *model.trainer, *model.shared.weights, history, options)
                                              : category_insight(*model.consents, *model.trainer, *model.shared.weights, model.personal, history, options));
  insight.transaction_id = request.transaction_id;
  return insight;
}

// The true class of each row from `first` on is its category; rows of "other" are no predictions, as for Trainer::evaluate.
Result<models::EvaluationResult> score(const models::PersonalModel& personal, Model& model, std::size_t first) {
  if (model.trainer->outputs() != models::Outputs::probabilities)  // of such a model there is no personal one
    return model.trainer->evaluate(*model.shared.weights, model.history, first, models::Counting::prequential);
  const std::size_t outputs = model.trainer->output_count(), scored = model.history.size() - first;
  std::vector<float> probabilities(scored * outputs);
  FEDSPEND_TRY(personal.predict_each(*model.trainer, *model.shared.weights, model.history, first, probabilities));
  models::EvaluationResult result;
  for (std::size_t i = 0; i < scored; ++i) {
    const std::uint32_t truth = model.history[first + i].category;
    if (truth >= model.plan.plan->model.categories.size()) continue;
    const std::span<const float> row = std::span<const float>(probabilities).subspan(i * outputs, outputs);
    const auto above = std::ranges::count_if(row.first(model.plan.plan->model.categories.size()), [&](float p) { return p > row[truth]; });
    ++result.predictions;
    result.correct_top1 += above < 1 ? 1 : 0;
    result.correct_top3 += above < 3 ? 1 : 0;
    result.loss_sum -= std::log(std::max(1e-30, static_cast<double>(row[truth])));
  }
  return result;
}

}  // namespace

Status Device::State::open_false_alarms() {
  FEDSPEND_ASSIGN(const std::optional<Bytes> kept, setting(Setting::false_alarms));
  if (!kept) return {};
  RowReader row(*kept, kFalseAlarmsForm);
  const double per_month = row.f64();
  if (!row.done() || !(per_month >= 0 && per_month <= kMostAlarmsPerMonth)) return fail(ErrorCode::malformed, "the device's rate of false alarms is damaged");
  if (per_month > 0) false_alarms_per_month = per_month;
  return {};
}

Status Device::set_false_alarms(double per_month) {
  if (!(per_month >= 0 && per_month <= kMostAlarmsPerMonth)) return fail(ErrorCode::invalid_argument, "the false alarms a month are out of range", "above 0 and at most 1,000, or 0 for the default");
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  FEDSPEND_TRY(state_->keep_setting(Setting::false_alarms, RowWriter(kFalseAlarmsForm).f64(per_month).take()));
  state_->false_alarms_per_month = per_month > 0 ? std::optional(per_month) : std::nullopt;
  return {};
}

// A customer who looks at an app waits for this: it takes milliseconds a transaction.
void Device::State::speak_of(std::vector<std::string> added) {
  speak_of_rows(InsightKind::category, added);
  speak_of_rows(InsightKind::unusual, added);
  speak_of_offers(added);
}

void Device::State::log_no_insight(const Error& error) {
  if (error.code != ErrorCode::not_found && error.code != ErrorCode::refused && error.code != ErrorCode::conflict) host.log(true, "no insights: " + error.message);
}

// Which category it has, of those that have none; whether it is unusual, of those that have one.
void Device::State::speak_of_rows(InsightKind kind, std::span<const std::string> added) {
  const InsightRule& rule = *find_insight_rule(kind);
  const std::stop_token stop = predicting.begin();
  std::vector<Asked> asked(added.begin(), added.end());
  Result<Model> model = model_of(*this, rule.model, kPurposePersonalInsights, Personal::wanted, stop, asked);
  if (!model) return log_no_insight(model.error());
  // In the order of time, the newest of too many.
  std::erase_if(asked, [&](const Asked& each) { return !each.place || model->transactions[*each.place].category.empty() != (kind == InsightKind::category); });
  std::ranges::sort(asked, {}, &Asked::place);
  const std::size_t first = asked.size() > Device::kMostSpoken ? asked.size() - Device::kMostSpoken : 0;
  for (const Asked& each : std::span(asked).subspan(first)) {
    const Result<Insight> insight = insight_of({.kind = rule.kind, .transaction_id = std::string(each.id)}, *model, each.place);
    if (!insight) return log_no_insight(insight.error());
    if (kind == InsightKind::unusual && !insight->is_alert) continue;
    {
      const std::lock_guard lock(vault_mutex);
      if (!check_consent(*this, kPurposePersonalInsights, stop)) return;
    }
    host.insight(*insight, *model->plan.plan);
  }
}

// A suggestion is worth a word when it is new: the first one after these transactions was not the first one before them.
void Device::State::speak_of_offers(std::span<const std::string> added) {
  const InsightRule& rule = *find_insight_rule(InsightKind::offers);
  const std::stop_token stop = predicting.begin();
  const auto check = [&]() -> Status {
    const std::lock_guard lock(vault_mutex);
    FEDSPEND_TRY(check_consent(*this, rule.purpose, stop));
    return check_consent(*this, kPurposePersonalInsights, stop);
  };
  if (!check()) return;
  std::vector<Asked> asked(added.begin(), added.end());
  Result<Model> model = model_of(*this, rule.model, kPurposePersonalInsights, Personal::wanted, stop, asked);
  if (!model) return log_no_insight(model.error());
  std::vector<bool> is_new(model->transactions.size());
  for (const Asked& each : asked)
    if (each.place) is_new[*each.place] = true;
  const auto suggest = [&] { return insight_of({.kind = rule.kind}, *model, {}); };
  const Result<Insight> after = suggest();
  if (!after) return log_no_insight(after.error());
  if (after->abstains) return;
  std::vector<models::Transaction> earlier;
  for (std::size_t i = 0; i < is_new.size(); ++i)
    if (!is_new[i]) earlier.push_back(model->transactions[i]);
  model->history = history_rows(earlier, model->plan.plan->model);
  const Result<Insight> before = suggest();
  if (!before) return log_no_insight(before.error());
  if (!before->abstains && before->next.front().category == after->next.front().category) return;
  if (check()) host.insight(*after, *model->plan.plan);
}

void Device::State::stop_insights(std::string_view purpose) {
  if (purpose == kPurposeEvaluation) evaluating.stop();
  if (!stays_on_device(purpose)) return;
  predicting.stop();
  if (purpose == kPurposePersonalInsights) adapting.stop();
}

void Device::State::stop_all_insights() {
  predicting.stop();
  adapting.stop();
  evaluating.stop();
}

Status Device::install_model(const SignedPlan& plan, ByteSpan model_file) {
  FEDSPEND_ASSIGN(Plan opened, open_plan(plan, state_->options.release_key));
  if (opened.population != state_->options.population) return fail(ErrorCode::refused, "the plan is for another population than this device's");
  FEDSPEND_ASSIGN(ModelFile file, decode_model_file(model_file));
  const PlanHash hash = hash_of_plan(plan.bytes);
  if (file.plan_hash != hash || file.weights.size() != opened.model.parameter_count) return fail(ErrorCode::malformed, "the model file is of another plan", "bring the plan that the model was trained by");
  FEDSPEND_TRY(models::make_trainer(opened.model));  // one that this library knows
  const ModelHash model_hash = hash_of_weights(weights_to_bytes(file.weights));
  const HeldPlan held_plan{std::make_shared<const Plan>(std::move(opened)), plan, hash};
  const HeldModel held_model{std::make_shared<const std::vector<float>>(std::move(file.weights)), model_hash};
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  state_->cache->keep(held_plan);
  state_->cache->keep(held_model);
  state_->held_plan = held_plan.hash;
  state_->held_model = held_model.hash;
  return {};
}

Result<Prediction> Device::insight(const InsightRequest& request) {
  const InsightRule* rule = find_insight_rule(request.kind);
  if (rule == nullptr) return fail(ErrorCode::invalid_argument, "there is no such kind of insight");
  const std::stop_token stop = state_->predicting.begin();
  if (!rule->purpose.empty()) {
    const std::lock_guard lock(state_->vault_mutex);
    FEDSPEND_TRY(check_consent(*state_, rule->purpose, stop));
  }
  Asked asked{request.transaction_id};
  FEDSPEND_ASSIGN(Model model, model_of(*state_, rule->model, kPurposePersonalInsights, Personal::wanted, stop, {&asked, 1}));
  if (request.transaction_id.empty() && !model.transactions.empty()) asked.place = model.transactions.size() - 1;
  FEDSPEND_ASSIGN(Insight insight, insight_of(request, model, asked.place));
  const std::lock_guard lock(state_->vault_mutex);
  FEDSPEND_TRY(check_consent(*state_, kPurposePersonalInsights, stop));
  if (!rule->purpose.empty()) FEDSPEND_TRY(check_consent(*state_, rule->purpose, stop));
  return Prediction{std::move(insight), model.plan.plan};
}

Result<models::PersonalFit> Device::personalise(std::string_view model_name) {
  models::PersonalOptions options;
  options.stop = state_->adapting.begin();
  options.most_kept_weights = (kMaxVaultRowBytes - 1024) / sizeof(float);  // beside a row's name and hash
  // Without the one before, which may be damaged: it is replaced.
  FEDSPEND_ASSIGN(const Model model, model_of(*state_, model_name, kPurposePersonalInsights, Personal::unwanted, options.stop));
  const std::size_t known = models::training_rows(model.plan.plan->model, model.history, model.plan.plan->evaluation.holdout_fraction);
  models::PersonalFit fit;
  FEDSPEND_ASSIGN(const models::PersonalModel personal,
                  models::PersonalModel::adapt(*model.trainer, *model.shared.weights, std::span<const models::HistoryRow>(model.history).first(known), options, fit));
  const std::lock_guard lock(state_->vault_mutex);
  FEDSPEND_TRY(check_consent(*state_, kPurposePersonalInsights, options.stop));
  const auto held = state_->cache->of_model(model.plan.plan->model.name);
  if (!held || held->model.hash != model.shared.hash) return fail(ErrorCode::conflict, "a newer shared model came while the personal one was made", "make it again");
  FEDSPEND_TRY(Personalisation(*state_->vault).keep(*state_->consents, model.reference(), personal));
  return fit;
}

Result<Evaluation> Device::evaluate(std::string_view model_name) {
  const std::stop_token stop = state_->evaluating.begin();
  // Of a personal model that is withdrawn meanwhile there are no figures either.
  const std::stop_token insights_stop = state_->predicting.begin();
  FEDSPEND_ASSIGN(Model model, model_of(*state_, model_name, kPurposeEvaluation, Personal::wanted, stop));
  const std::size_t first = models::training_rows(model.plan.plan->model, model.history, model.plan.plan->evaluation.holdout_fraction);
  Evaluation evaluation;
  FEDSPEND_ASSIGN(evaluation.shared, score(models::PersonalModel(), model, first));
  if (!model.personal.is_shared() && !stop.stop_requested() && !insights_stop.stop_requested()) {
    evaluation.has_personal = true;
    FEDSPEND_ASSIGN(evaluation.personal, score(model.personal, model, first));
  }
  const std::lock_guard lock(state_->vault_mutex);
  FEDSPEND_TRY(check_consent(*state_, kPurposeEvaluation, stop));
  if (evaluation.has_personal && !check_consent(*state_, kPurposePersonalInsights, insights_stop)) {
    evaluation.has_personal = false;
    evaluation.personal = {};
  }
  return evaluation;
}

}  // namespace fedspend::client
