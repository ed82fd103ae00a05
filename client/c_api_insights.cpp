// The C ABI's predictions, reasons and personal models (client/device_insights.cpp).

#include <algorithm>
#include <cstddef>

#include "client/c_api_support.h"

using namespace fedspend;
using namespace fedspend::client;
using namespace fedspend::client::c_api;

namespace {

constexpr std::size_t kMostCategories = std::extent_v<decltype(fedspend_prediction::next)>;

constexpr std::uint64_t kMostBudgets = 1'024;
constexpr std::size_t kFirstOptions = offsetof(fedspend_predict_options, budgets);
constexpr std::size_t kFirstReport = offsetof(fedspend_personal_report, head_loss);

Result<std::vector<Budget>> budgets_of(const fedspend_budget* budgets, std::uint64_t count) {
  if (count > kMostBudgets) return fail(ErrorCode::limit, "budget_count is " + std::to_string(count) + ", and at most " + std::to_string(kMostBudgets) + " are taken");
  if (count != 0 && budgets == nullptr) return fail(ErrorCode::invalid_argument, "budgets is NULL");
  std::vector<Budget> taken;
  const auto* at = reinterpret_cast<const unsigned char*>(budgets);  // an array's stride is its elements' own size
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto* element = reinterpret_cast<const fedspend_budget*>(at);
    // Before it is read: there are so many bytes of it as of the first.
    if (element->struct_size != budgets->struct_size) return fail(ErrorCode::invalid_argument, "budgets of different struct_size");
    FEDSPEND_ASSIGN(const fedspend_budget known, known_part(element, "budget"));
    at += element->struct_size;
    Budget budget{.amount_minor = known.amount_minor};
    if (known.category != nullptr) {
      FEDSPEND_ASSIGN(budget.category, text_of(known.category, "category"));
      if (budget.category.empty()) return fail(ErrorCode::invalid_argument, "the category of a budget is empty", "give NULL for all spending");
    }
    taken.push_back(std::move(budget));
  }
  return taken;
}

Result<InsightOptions> options_of(InsightKind kind, const fedspend_predict_options* given) {
  InsightOptions options;
  if (given == nullptr) return options;
  FEDSPEND_ASSIGN(const fedspend_predict_options known, known_part(given, "options", kFirstOptions));
  if (known.most_categories > kMostCategories) return fail(ErrorCode::invalid_argument, "most_categories is " + std::to_string(known.most_categories) + ", and at most " + std::to_string(kMostCategories) + " are given");
  if (known.most_categories != 0) options.most_categories = known.most_categories;
  if (known.min_confidence != 0) options.min_confidence = options.min_offer_chance = known.min_confidence;
  if (known.budget_count != 0 && kind != InsightKind::forecast) return fail(ErrorCode::invalid_argument, "budgets are of the insight forecast", "leave them out");
  FEDSPEND_ASSIGN(options.budgets, budgets_of(known.budgets, known.budget_count));
  if (known.false_alarms_per_month != 0 && kind != InsightKind::unusual) return fail(ErrorCode::invalid_argument, "false_alarms_per_month is of the insight unusual", "leave it 0");
  if (known.false_alarms_per_month != 0) options.alarms_per_month = known.false_alarms_per_month;
  return options;
}

Result<SignedPlan> signed_plan_of(const std::uint8_t* plan, std::size_t plan_size, const char* signature) {
  if (plan == nullptr || signature == nullptr) return fail(ErrorCode::invalid_argument, "plan or plan_signature is NULL");
  if (plan_size > kMaxPlanBytes) return fail(ErrorCode::limit, "a plan has at most " + std::to_string(kMaxPlanBytes) + " bytes");
  FEDSPEND_ASSIGN(const std::string text, text_of(signature, "plan_signature"));
  std::string_view digits(text);
  while (!digits.empty() && (digits.back() == '\n' || digits.back() == '\r')) digits.remove_suffix(1);
  SignedPlan signed_plan;
  if (!from_hex(digits, signed_plan.signature)) return fail(ErrorCode::malformed, "plan_signature is not 128 hexadecimal digits");
  signed_plan.bytes.assign(plan, plan + plan_size);
  return signed_plan;
}

fedspend_status predict(Device& engine, const fedspend_predict_options* options, fedspend_prediction* prediction) {
  if (const Status room = check_out(prediction, "prediction"); !room) return failed(room.error());
  const Result<InsightOptions> wanted = options_of(InsightKind::next, options);
  if (!wanted) return failed(wanted.error());
  const Result<Prediction> made = engine.insight({.kind = InsightKind::next, .options = *wanted});
  if (!made) return failed(made.error());
  fedspend_prediction given{};
  given.count = static_cast<std::uint32_t>(std::min(made->insight.next.size(), kMostCategories));
  given.abstains = made->insight.abstains ? 1 : 0;
  given.is_personal = made->insight.personal ? 1 : 0;
  given.transactions = made->insight.rows;
  for (std::size_t i = 0; i < given.count; ++i) {
    const CategoryChance& chance = made->insight.next[i];
    given.next[i].category = chance.category;
    given.next[i].probability = chance.probability;
    put_words(made->plan->model.categories.at(chance.category), given.next[i].name);
  }
  fill(prediction, given);
  return FEDSPEND_OK;
}

fedspend_status insight(Device& engine, std::int32_t kind, const char* transaction_id, const fedspend_predict_options* options, std::int32_t format, char* buffer, std::size_t capacity, std::size_t* needed) {
  if (format != FEDSPEND_FORMAT_TEXT && format != FEDSPEND_FORMAT_JSON) return failed(FEDSPEND_INVALID_ARGUMENT, "no such format");
  if (kind < 0 || kind > 0xff || find_insight_rule(static_cast<InsightKind>(kind)) == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "no such kind of insight");
  const Result<InsightOptions> wanted = options_of(static_cast<InsightKind>(kind), options);
  if (!wanted) return failed(wanted.error());
  InsightRequest request{.kind = static_cast<InsightKind>(kind), .options = *wanted};
  if (transaction_id != nullptr) {
    const Result<std::string> id = text_of(transaction_id, "transaction_id");
    if (!id) return failed(id.error());
    if (id->empty()) return failed(FEDSPEND_INVALID_ARGUMENT, "transaction_id is empty");
    request.transaction_id = *id;
  }
  const Result<Prediction> made = engine.insight(request);
  if (!made) return failed(made.error());
  const std::span<const std::string> categories = made->plan->model.categories;
  if (format == FEDSPEND_FORMAT_TEXT) return give_text(insight_text(made->insight, categories), buffer, capacity, needed);
  return give_text(insight_json(made->insight, categories).text(), buffer, capacity, needed);
}

// NULL: the newest.
Result<std::string> model_name_of(const char* model) {
  if (model == nullptr) return std::string();
  return text_of(model, "model");
}

fedspend_status personalise(Device& engine, const char* model, fedspend_personal_report* report) {
  if (report != nullptr) {
    if (const Status room = check_out(report, "report", kFirstReport); !room) return failed(room.error());
  }
  const Result<std::string> name = model_name_of(model);
  if (!name) return failed(name.error());
  const Result<models::PersonalFit> fit = engine.personalise(*name);
  if (!fit) return failed(fit.error());
  if (report == nullptr) return FEDSPEND_OK;
  fedspend_personal_report made{};
  made.is_personal = fit->chosen_loss < fit->shared_loss ? 1 : 0;
  made.predictions = fit->predictions;
  made.shared_loss = fit->shared_loss;
  made.chosen_loss = fit->chosen_loss;
  made.head_loss = fit->head_loss;
  made.proximal_loss = fit->proximal_loss;
  made.own_counts_loss = fit->own_counts_loss;
  fill(report, made);
  return FEDSPEND_OK;
}

fedspend_status evaluate(Device& engine, const char* model, fedspend_evaluation* evaluation) {
  if (const Status room = check_out(evaluation, "evaluation"); !room) return failed(room.error());
  const Result<std::string> name = model_name_of(model);
  if (!name) return failed(name.error());
  const Result<Evaluation> made = engine.evaluate(*name);
  if (!made) return failed(made.error());
  fedspend_evaluation given{};
  given.has_personal = made->has_personal ? 1 : 0;
  given.predictions = made->shared.predictions;
  given.shared_correct = made->shared.correct_top1;
  given.shared_correct_in_3 = made->shared.correct_top3;
  given.shared_loss = made->shared.loss_sum;
  given.personal_correct = made->personal.correct_top1;
  given.personal_correct_in_3 = made->personal.correct_top3;
  given.personal_loss = made->personal.loss_sum;
  fill(evaluation, given);
  return FEDSPEND_OK;
}

}  // namespace

extern "C" {

const char* fedspend_insight_name(std::int32_t kind) {
  const InsightRule* rule = kind < 0 || kind > 0xff ? nullptr : find_insight_rule(static_cast<InsightKind>(kind));
  return rule == nullptr ? "unknown" : rule->name.data();
}

const char* fedspend_hand_over_name(std::int32_t hand_over) {
  return hand_over < 0 || hand_over > 0xff ? "unknown" : to_string(static_cast<HandOver>(hand_over)).data();
}

fedspend_status fedspend_install_model(fedspend_device* device, const std::uint8_t* plan, std::size_t plan_size, const char* plan_signature, const std::uint8_t* model, std::size_t model_size) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    const Result<SignedPlan> signed_plan = signed_plan_of(plan, plan_size, plan_signature);
    if (!signed_plan) return failed(signed_plan.error());
    if (model == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "model is NULL");
    return done(engine.install_model(*signed_plan, ByteSpan(model, model_size)));
  });
}

fedspend_status fedspend_predict(fedspend_device* device, const fedspend_predict_options* options, fedspend_prediction* prediction) {
  return with_device(device, [&](Device& engine) { return predict(engine, options, prediction); });
}

fedspend_status fedspend_insight(fedspend_device* device, std::int32_t kind, const char* transaction_id, const fedspend_predict_options* options, std::int32_t format, char* buffer, std::size_t capacity, std::size_t* needed) {
  return with_device(device, [&](Device& engine) { return insight(engine, kind, transaction_id, options, format, buffer, capacity, needed); });
}

fedspend_status fedspend_personalise(fedspend_device* device, const char* model, fedspend_personal_report* report) {
  return with_device(device, [&](Device& engine) { return personalise(engine, model, report); });
}

fedspend_status fedspend_evaluate(fedspend_device* device, const char* model, fedspend_evaluation* evaluation) {
  return with_device(device, [&](Device& engine) { return evaluate(engine, model, evaluation); });
}
}
