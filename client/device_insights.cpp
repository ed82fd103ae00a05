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

// The held model, ready for use; the vault's mutex is held.
struct Model {
  HeldPlan plan;
  HeldModel shared;
  std::unique_ptr<models::Trainer> trainer;
  std::vector<models::HistoryRow> history;

  SharedModel reference() const { return {.name = plan.plan->model.name, .hash = shared.hash, .weights = *shared.weights}; }
};

// What the purpose's retention allows.
Result<std::vector<models::HistoryRow>> history_of(Device::State& state, const Plan& plan, std::string_view purpose) {
  const models::Vocabulary vocabulary(plan.model.categories);
  const std::int64_t now_s = state.host.unix_time_s();
  if (!state.options.examples) return history_rows(state.transactions->transactions_for(purpose, now_s), vocabulary);
  FEDSPEND_ASSIGN(const std::vector<models::Transaction> given, host_examples(state.options, now_s, state.options.limits.days_for(purpose)));
  return history_rows(given, vocabulary);
}

Result<Model> model_of(Device::State& state, std::string_view purpose) {
  if (state.vault == nullptr) return fail(ErrorCode::not_found, "this device was wiped", "make a new one, and enrol it");
  if (!state.consents_to(purpose)) return fail(ErrorCode::refused, "the customer has not consented to " + std::string(purpose), "ask for it, and for nothing else");
  auto plan = state.cache->find_plan(state.held_plan);
  auto shared = state.cache->find_model(state.held_model);
  if (!plan || !shared || shared->weights->size() != plan->plan->model.parameter_count)
    return fail(ErrorCode::not_found, "this device holds no model yet", "install the one that the app brings, or take part in a round");
  FEDSPEND_ASSIGN(std::unique_ptr<models::Trainer> trainer, models::make_trainer(plan->plan->model));
  FEDSPEND_ASSIGN(std::vector<models::HistoryRow> history, history_of(state, *plan->plan, purpose));
  return Model{std::move(*plan), std::move(*shared), std::move(trainer), std::move(history)};
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

void Device::State::stop_adapting() {
  const std::lock_guard lock(adapting_mutex);
  adapting.request_stop();
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
  if (state_->vault == nullptr) return fail(ErrorCode::not_found, "this device was wiped", "make a new one, and enrol it");
  state_->cache->keep(held_plan);
  state_->cache->keep(held_model);
  state_->held_plan = held_plan.hash;
  state_->held_model = held_model.hash;
  return {};
}

Result<Prediction> Device::predict(const InsightOptions& options) {
  const std::lock_guard lock(state_->vault_mutex);
  FEDSPEND_ASSIGN(Model model, model_of(*state_, kPurposePersonalInsights));
  Personalisation kept(*state_->vault);
  FEDSPEND_ASSIGN(const models::PersonalModel personal, kept.find(*state_->consents, model.reference()));
  FEDSPEND_ASSIGN(Insight insight, predict_next(*state_->consents, *model.trainer, *model.shared.weights, personal, model.history, options));
  return Prediction{std::move(insight), model.plan.plan};
}

Result<models::PersonalFit> Device::personalise() {
  const std::lock_guard lock(state_->vault_mutex);
  models::PersonalOptions options;
  {
    const std::lock_guard stop_lock(state_->adapting_mutex);
    state_->adapting = std::stop_source();
    options.stop = state_->adapting.get_token();
  }
  // Asked after the stop was made: a withdrawal that comes before is seen here, one that comes later stops it.
  FEDSPEND_ASSIGN(Model model, model_of(*state_, kPurposePersonalInsights));
  const std::size_t known = models::training_rows(model.history.size(), model.plan.plan->evaluation.holdout_fraction);
  Personalisation kept(*state_->vault);
  return kept.adapt(*state_->consents, *model.trainer, model.reference(), std::span<const models::HistoryRow>(model.history).first(known), options);
}

Result<Evaluation> Device::evaluate() {
  const std::lock_guard lock(state_->vault_mutex);
  FEDSPEND_ASSIGN(Model model, model_of(*state_, kPurposeEvaluation));
  const std::size_t first = models::training_rows(model.history.size(), model.plan.plan->evaluation.holdout_fraction);
  Evaluation evaluation;
  FEDSPEND_ASSIGN(evaluation.shared, score(models::PersonalModel(), model, first));
  if (!state_->consents_to(kPurposePersonalInsights)) return evaluation;
  Personalisation kept(*state_->vault);
  FEDSPEND_ASSIGN(const models::PersonalModel personal, kept.find(*state_->consents, model.reference()));
  if (personal.is_shared()) return evaluation;
  evaluation.has_personal = true;
  FEDSPEND_ASSIGN(evaluation.personal, score(personal, model, first));
  return evaluation;
}

}  // namespace fedspend::client
