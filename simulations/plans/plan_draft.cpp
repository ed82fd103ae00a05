#include "simulations/plans/plan_draft.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "common/privacy/calibration.h"
#include "common/protocol/server_optimizers.h"
#include "common/secagg/plan_check.h"
#include "common/secagg/session_privacy.h"
#include "common/secagg/session_terms.h"
#include "models/stock_models.h"
#include "models/torchscript_spec.h"
#include "models/history.h"
#include "simulations/plans/plan_settings.h"

namespace fedspend::simulations {
namespace {

// The limits of the plan's form (common/protocol/plan_parser.cpp, PROTOCOL.md).
constexpr std::size_t kMaxCategories = 4096;
constexpr std::size_t kMaxCategoryBytes = 128;

bool may_stand_in_a_plan(const std::string& category) {
  return category.size() <= kMaxCategoryBytes && std::none_of(category.begin(), category.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

TaskId task_id(const PlanDraftOptions& options) {
  TaskId task;
  if (options.seed) {
    const Hash256 hash = Hasher("plan-task").field(options.population).u64(*options.seed).finish();
    std::copy_n(hash.begin(), task.bytes.size(), task.bytes.begin());
  } else {
    SystemRandom().fill(task.bytes);
  }
  return task;
}

// Of a cohort of 112 a device's own policy finds its least of 100 after a tenth is lost; a small population gives half of itself, but
// the three that a secure sum needs, if it has them.
void choose_federation(Plan& plan, std::size_t eligible) {
  constexpr std::uint32_t kCohort = 112;
  constexpr double kOverSelection = 1.2;
  FederationSpec& federation = plan.federation;
  federation.rounds = 100;
  const auto devices = static_cast<std::uint32_t>(std::min<std::size_t>(eligible, 1'000'000));
  federation.cohort = devices >= kCohort ? kCohort : std::max(std::min(devices, kMinSecureClients), (devices + 1) / 2);
  federation.over_selection = federation.cohort * kOverSelection <= devices ? kOverSelection : 1.0;
}

// What suits the stock models' default training, which starts from weights that are already as good as a client's counts: models/README.md.
void choose_pace(Plan& plan, double fedadam_rate) {
  const ServerOptimizerKeys& keys = *find_server_optimizer("fedadam");
  plan.server = {.optimizer = std::string(keys.name), .learning_rate = fedadam_rate, .beta1 = *keys.beta1, .beta2 = *keys.beta2, .tau = *keys.tau};
  plan.training.schedule = {.kind = ScheduleKind::cosine, .floor = 0.01};
}

// Counts that reach back over the whole history of three clients in four, and training on as many rows. In powers of two, so that
// one sample of a population gives the same plan as the next. Measured: models/README.md.
void choose_lengths(Plan& plan, const Population& population, std::span<const std::size_t> clients) {
  constexpr std::size_t kLeastPast = 128, kMostPast = 1024, kLeastTrained = 256;
  std::vector<std::size_t> rows;
  for (const std::size_t client : clients) rows.push_back(models::training_rows(population.history(client).size(), plan.evaluation.holdout_fraction));
  const auto third_quartile = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() * 3 / 4);
  std::nth_element(rows.begin(), third_quartile, rows.end());
  const std::size_t past = std::clamp(std::bit_ceil(*third_quartile), kLeastPast, kMostPast);
  if (const auto size = plan.model.sizes.find("past_rows"); size != plan.model.sizes.end()) size->second = static_cast<std::int64_t>(past);
  if (plan.training.max_rows != 0) plan.training.max_rows = static_cast<std::uint32_t>(std::max(past, kLeastTrained));  // 0: the model asks for all
}

// "privacy.mode="
bool sets(const std::vector<std::string>& settings, std::string_view key) {
  return std::any_of(settings.begin(), settings.end(), [&](const std::string& setting) { return setting.starts_with(key); });
}

// A setting may ask for an open sum, or for a cohort of other clients; what is wrong with it then, the plan's own rules say.
Status check_secure_clients(std::size_t eligible, const std::vector<std::string>& settings) {
  if (eligible >= kMinSecureClients || sets(settings, "aggregation.mode=") || sets(settings, "federation.cohort=")) return {};
  return fail(ErrorCode::invalid_argument, "a secure sum needs " + std::to_string(kMinSecureClients) + " clients, and only " + std::to_string(eligible) + " have the training rows that a plan asks for",
              "give more data, or set aggregation.mode=open for a demonstration");
}

// So many participations that the rounds can be filled, with half as many again since devices are not drawn in turns and who is
// spent is not asked.
std::uint32_t enough_participations(const Plan& plan, std::size_t eligible) {
  const std::uint64_t wanted = 3 * std::uint64_t{plan.federation.rounds} * plan.devices_asked(), clients = 2 * std::max<std::uint64_t>(eligible, 1);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>((wanted + clients - 1) / clients, 1, plan.federation.rounds));
}

// The least noise at which that cap is within the plan's max_epsilon, in three digits, and not below what devices ask for by default.
Result<double> enough_noise(const Plan& plan) {
  constexpr double kLeast = 0.5;
  Plan tried = plan;
  const auto epsilon_of = [&](double noise_multiplier) {
    tried.privacy.noise_multiplier = noise_multiplier;
    return epsilon_at_cap(tried, tried.privacy.delta);
  };
  FEDSPEND_ASSIGN(const Calibration least, smallest_noise_multiplier(epsilon_of, plan.privacy.max_epsilon));
  const double unit = std::pow(10.0, std::floor(std::log10(least.noise_multiplier)) - 2);
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", std::max(kLeast, std::ceil(least.noise_multiplier / unit) * unit));
  return std::strtod(text, nullptr);
}

// What no setting has said of the privacy; then the plan's own budget is held against it.
Status choose_privacy(PlanDraft& draft, std::size_t eligible, const std::vector<std::string>& settings) {
  Plan& plan = draft.plan;
  if (!plan.privacy.has_noise()) return {};
  if (!sets(settings, "privacy.max_participations=")) plan.privacy.max_participations = enough_participations(plan, eligible);
  if (!sets(settings, "privacy.noise_multiplier=")) {
    FEDSPEND_ASSIGN(plan.privacy.noise_multiplier, enough_noise(plan));
  }
  FEDSPEND_TRY(check_rounds(plan));
  FEDSPEND_ASSIGN(plan, parse_plan(write_plan(plan)));
  FEDSPEND_ASSIGN(draft.epsilon_at_cap, epsilon_at_cap(plan, plan.privacy.delta));
  return {};
}

Status check_model(const PlanDraftOptions& options) {
  const bool is_stock = models::find_stock_model(options.model) != nullptr;
  if (is_stock && options.model_file == nullptr) return {};
  if (options.model == kTorchScriptModel && options.model_file != nullptr) return {};
  if (options.model == kTorchScriptModel) return fail(ErrorCode::invalid_argument, "a torchscript model needs its file", "give it by --module FILE");
  if (is_stock) return fail(ErrorCode::invalid_argument, "--module is for a torchscript model", "add --model torchscript, or leave --module out");
  return fail(ErrorCode::invalid_argument, "there is no model \"" + options.model + "\"", "--model can be " + models::stock_model_names() + ", or torchscript");
}

}  // namespace

std::vector<std::size_t> eligible_clients(const Population& population, const Plan& plan) {
  std::vector<std::size_t> clients;
  for (std::size_t client = 0; client < population.clients(); ++client)
    if (models::training_rows(population.history(client).size(), plan.evaluation.holdout_fraction) >= plan.eligibility.min_examples) clients.push_back(client);
  return clients;
}

Result<PlanDraft> draft_plan(const Population& population, const PlanDraftOptions& options) {
  FEDSPEND_TRY(check_model(options));
  PlanDraft draft;
  Plan& plan = draft.plan;
  plan.population = options.population;
  const models::StockModel& stock = *models::find_stock_model(options.model == kTorchScriptModel ? "next_category" : options.model);
  std::string dashed(stock.name);
  std::ranges::replace(dashed, '_', '-');
  plan.name = options.population + "-" + dashed;
  plan.purpose = stock.name;
  plan.task = task_id(options);
  std::vector<std::string> categories = population.vocabulary();
  const std::size_t all = categories.size();
  std::erase_if(categories, [](const std::string& category) { return !may_stand_in_a_plan(category); });
  const std::size_t most = options.max_categories == 0 ? kMaxCategories : std::min(options.max_categories, kMaxCategories);
  if (categories.size() > most) categories.resize(most);
  draft.categories_left_to_other = all - categories.size();
  const bool script = options.model == kTorchScriptModel;
  plan.model = script ? models::default_torchscript(categories, options.model_file_name, *options.model_file) : stock.default_model(categories);
  const models::TrainerChoice trainers{.family = script ? models::TrainerFamily::torch : models::TrainerFamily::lean, .model_file = options.model_file};
  if (script) {
    FEDSPEND_ASSIGN(const auto trainer, models::make_trainer(plan.model, trainers));
    plan.model.parameter_count = trainer->parameter_count();
  }
  plan.training = stock.default_training();
  plan.server.learning_rate = 2.0;  // for a model that says nothing of its pace
  if (options.seed) plan.model.initial_seed = *options.seed;
  const std::vector<std::size_t> eligible = eligible_clients(population, plan);
  if (eligible.empty())
    return fail(ErrorCode::malformed, "no client has the " + std::to_string(plan.eligibility.min_examples) + " training rows that a plan asks for", "give more data, or check columns.client");
  FEDSPEND_TRY(check_secure_clients(eligible.size(), options.settings));
  choose_federation(plan, eligible.size());
  if (!script) {
    choose_pace(plan, stock.fedadam_rate);
    choose_lengths(plan, population, eligible);
  }
  if (options.demonstration) {
    plan.privacy.mode = PrivacyMode::none;
    plan.federation.selection_window_ms = 1'000;
    plan.federation.retry_after_ms = 500;
  }
  std::string text = write_plan(plan);
  FEDSPEND_ASSIGN(const PlanFile set, apply_settings(plan_file_of(std::move(text), plan, trainers), options.settings));
  FEDSPEND_ASSIGN(plan, parse_plan(set.text));
  draft.eligible_clients = eligible_clients(population, plan).size();
  FEDSPEND_TRY(choose_privacy(draft, draft.eligible_clients, options.settings));
  return draft;
}

}  // namespace fedspend::simulations
