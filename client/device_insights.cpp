// What the engine says to the customer: predictions, their reasons, a personal model, figures of how well it does. Of the model that is held.

#include <algorithm>
#include <cmath>
#include <utility>

#include "client/device_state.h"
#include "client/host_examples.h"
#include "client/local_training.h"
#include "common/protocol/model_file.h"
#include "models/personal_model.h"

namespace fedspend::client {
namespace {

// The held model with what it is used on; of its own, so that the vault's lock is not needed while it works.
struct Model {
  HeldPlan plan;
  HeldModel shared;
  models::PersonalModel personal;
  std::unique_ptr<models::Trainer> trainer;
  std::vector<models::HistoryRow> history;   // what the purpose's retention allows
  std::shared_ptr<const Consents> consents;

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

// `stop` is made before: a withdrawal that came earlier is seen here, and one that comes later stops it.
enum class Personal : std::uint8_t { wanted, unwanted };
Result<Model> model_of(Device::State& state, std::string_view purpose, Personal personal, const std::stop_token& stop) {
  const std::int64_t now_s = state.host.unix_time_s();
  std::vector<models::Transaction> rows;
  std::uint32_t days = 0;
  Model model;
  {
    const std::lock_guard lock(state.vault_mutex);
    FEDSPEND_TRY(check_consent(state, purpose, stop));
    auto plan = state.cache->find_plan(state.held_plan);
    auto shared = state.cache->find_model(state.held_model);
    if (!plan || !shared || shared->weights->size() != plan->plan->model.parameter_count)
      return fail(ErrorCode::not_found, "this device holds no model yet", "install the one that the app brings, or take part in a round");
    model.plan = std::move(*plan);
    model.shared = std::move(*shared);
    model.consents = state.consents;
    days = state.options.limits.days_for(purpose);
    if (personal == Personal::wanted && state.consents_to(kPurposePersonalInsights)) {
      FEDSPEND_ASSIGN(model.personal, Personalisation(*state.vault).find(*state.consents, model.reference()));
    }
    if (!state.options.examples) {
      const std::span<const models::Transaction> own = state.transactions->transactions_for(purpose, now_s);
      rows.assign(own.begin(), own.end());
    }
  }
  FEDSPEND_ASSIGN(model.trainer, models::make_trainer(model.plan.plan->model));
  if (state.options.examples) {
    FEDSPEND_ASSIGN(rows, host_examples(state.options, now_s, days, stop));
  }
  model.history = history_rows(rows, model.plan.plan->model);
  return model;
}

// The true class of each row from `first` on is its category; rows of "other" are no predictions, as for Trainer::evaluate.
Result<models::EvaluationResult> score(const models::PersonalModel& personal, Model& model, std::size_t first) {
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

void Device::State::stop_insights(std::string_view purpose) {
  if (purpose == kPurposeEvaluation) evaluating.stop();
  if (purpose != kPurposePersonalInsights) return;
  predicting.stop();
  adapting.stop();
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

Result<Prediction> Device::predict(const InsightOptions& options) {
  const std::stop_token stop = state_->predicting.begin();
  FEDSPEND_ASSIGN(Model model, model_of(*state_, kPurposePersonalInsights, Personal::wanted, stop));
  FEDSPEND_ASSIGN(Insight insight, predict_next(*model.consents, *model.trainer, *model.shared.weights, model.personal, model.history, options));
  const std::lock_guard lock(state_->vault_mutex);
  FEDSPEND_TRY(check_consent(*state_, kPurposePersonalInsights, stop));
  return Prediction{std::move(insight), model.plan.plan};
}

Result<models::PersonalFit> Device::personalise() {
  models::PersonalOptions options;
  options.stop = state_->adapting.begin();
  // Without the one before, which may be damaged: it is replaced.
  FEDSPEND_ASSIGN(const Model model, model_of(*state_, kPurposePersonalInsights, Personal::unwanted, options.stop));
  const std::size_t known = models::training_rows(model.history.size(), model.plan.plan->evaluation.holdout_fraction);
  models::PersonalFit fit;
  FEDSPEND_ASSIGN(const models::PersonalModel personal,
                  models::PersonalModel::adapt(*model.trainer, *model.shared.weights, std::span<const models::HistoryRow>(model.history).first(known), options, fit));
  const std::lock_guard lock(state_->vault_mutex);
  FEDSPEND_TRY(check_consent(*state_, kPurposePersonalInsights, options.stop));
  if (state_->held_model != model.shared.hash) return fail(ErrorCode::conflict, "a newer shared model came while the personal one was made", "make it again");
  FEDSPEND_TRY(Personalisation(*state_->vault).keep(*state_->consents, model.reference(), personal));
  return fit;
}

Result<Evaluation> Device::evaluate() {
  const std::stop_token stop = state_->evaluating.begin();
  // Of a personal model that is withdrawn meanwhile there are no figures either.
  const std::stop_token insights_stop = state_->predicting.begin();
  FEDSPEND_ASSIGN(Model model, model_of(*state_, kPurposeEvaluation, Personal::wanted, stop));
  const std::size_t first = models::training_rows(model.history.size(), model.plan.plan->evaluation.holdout_fraction);
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
