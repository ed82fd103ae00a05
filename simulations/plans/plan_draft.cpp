#include "simulations/plans/plan_draft.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <toml++/toml.h>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "models/next_category.h"
#include "models/torchscript_spec.h"
#include "models/trainer.h"

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

// A cohort of a hundred is the least that a device's own policy accepts; a small population gives half of itself.
void choose_federation(Plan& plan, std::size_t eligible) {
  constexpr std::uint32_t kCohort = 100;
  constexpr double kOverSelection = 1.2;
  FederationSpec& federation = plan.federation;
  federation.rounds = 100;
  const auto devices = static_cast<std::uint32_t>(std::min<std::size_t>(eligible, 1'000'000));
  federation.cohort = devices >= kCohort ? kCohort : std::max<std::uint32_t>(1, (devices + 1) / 2);
  federation.over_selection = federation.cohort * kOverSelection <= devices ? kOverSelection : 1.0;
}

// "model.sizes.hidden" in the document; nullptr where there is no such key.
toml::node* find_key(toml::table& document, const std::string& path) {
  toml::node* node = &document;
  std::istringstream parts(path);
  for (std::string part; std::getline(parts, part, '.');) {
    toml::table* table = node->as_table();
    node = table == nullptr ? nullptr : table->get(part);
    if (node == nullptr) return nullptr;
  }
  return node->is_table() ? nullptr : node;
}

std::string known_keys(const toml::table& document, const std::string& path) {
  const std::string section = path.substr(0, std::min(path.rfind('.'), path.size()));
  const toml::table* table = path.find('.') == std::string::npos ? &document : document.at_path(section).as_table();
  const std::string prefix = table == nullptr || table == &document ? "" : section + ".";
  std::string list;
  for (const auto& [key, node] : table == nullptr ? document : *table) (list += list.empty() ? "" : ", ") += prefix + std::string(key.str()) + (node.is_table() ? ".*" : "");
  return list;
}

// The text as a TOML value; a bare word is a string, so that --set aggregation.mode=open needs no quotes.
Status set_key(toml::table& document, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) return fail(ErrorCode::invalid_argument, "--set \"" + setting + "\" is not of the form section.key=value", "for example --set federation.rounds=20");
  const std::string path = setting.substr(0, equals), value = setting.substr(equals + 1);
  toml::node* node = find_key(document, path);
  if (node == nullptr) return fail(ErrorCode::invalid_argument, "--set " + path + ": a plan has no such key", "known here: " + known_keys(document, path));
  toml::table parsed;
  try {
    parsed = toml::parse("value = " + value);
  } catch (const toml::parse_error&) {
    parsed = toml::table{{"value", value}};
  }
  if (parsed.size() != 1 || !parsed.contains("value")) parsed = toml::table{{"value", value}};
  const toml::node& given = *parsed.get("value");
  const bool same_kind = given.type() == node->type() || (given.is_number() && node->is_floating_point());
  if (!same_kind) {
    std::ostringstream kind;
    kind << node->type();
    return fail(ErrorCode::invalid_argument, "--set " + path + ": \"" + value + "\" is of another kind than the key", "it must be: " + kind.str());
  }
  const std::size_t dot = path.rfind('.');
  toml::table& table = dot == std::string::npos ? document : *document.at_path(path.substr(0, dot)).as_table();
  const std::string key = dot == std::string::npos ? path : path.substr(dot + 1);
  given.visit([&](const auto& typed) { table.insert_or_assign(key, typed); });
  return {};
}

Status check_model(const PlanDraftOptions& options) {
  if (options.model == "next_category" && options.model_file == nullptr) return {};
  if (options.model == kTorchScriptModel && options.model_file != nullptr) return {};
  if (options.model == kTorchScriptModel) return fail(ErrorCode::invalid_argument, "a torchscript model needs its file", "give it by --module FILE");
  if (options.model == "next_category") return fail(ErrorCode::invalid_argument, "--module is for a torchscript model", "add --model torchscript, or leave --module out");
  return fail(ErrorCode::invalid_argument, "there is no model \"" + options.model + "\"", "--model can be next_category or torchscript");
}

bool sets_parameter_count(std::span<const std::string> settings) {
  return std::any_of(settings.begin(), settings.end(), [](const std::string& setting) { return setting.starts_with("model.parameter_count="); });
}

}  // namespace

std::vector<std::size_t> eligible_clients(const Population& population, const Plan& plan) {
  std::vector<std::size_t> clients;
  for (std::size_t client = 0; client < population.clients(); ++client)
    if (models::training_rows(population.history(client).size(), plan.evaluation.holdout_fraction) >= plan.eligibility.min_examples) clients.push_back(client);
  return clients;
}

Result<Plan> apply_settings(const Plan& plan, std::span<const std::string> settings, const models::TrainerChoice& trainers) {
  if (settings.empty()) return plan;
  toml::table document;
  try {
    document = toml::parse(write_plan(plan));
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::internal, "the plan that was written cannot be read: " + std::string(error.description()));
  }
  for (const std::string& setting : settings) FEDSPEND_TRY(set_key(document, setting));
  std::ostringstream text;
  text << document;
  FEDSPEND_ASSIGN(Plan changed, parse_plan(text.str()));
  if (!sets_parameter_count(settings)) changed.model.parameter_count = 0;
  FEDSPEND_ASSIGN(const std::unique_ptr<models::Trainer> trainer, models::make_trainer(changed.model, trainers));
  changed.model.parameter_count = trainer->parameter_count();
  return parse_plan(write_plan(changed));
}

Result<PlanDraft> draft_plan(const Population& population, const PlanDraftOptions& options) {
  FEDSPEND_TRY(check_model(options));
  PlanDraft draft;
  Plan& plan = draft.plan;
  plan.population = options.population;
  plan.name = options.population + "-next-category";
  plan.purpose = "next_category";
  plan.task = task_id(options);
  std::vector<std::string> categories = population.vocabulary();
  const std::size_t all = categories.size();
  std::erase_if(categories, [](const std::string& category) { return !may_stand_in_a_plan(category); });
  const std::size_t most = options.max_categories == 0 ? kMaxCategories : std::min(options.max_categories, kMaxCategories);
  if (categories.size() > most) categories.resize(most);
  draft.categories_left_to_other = all - categories.size();
  const bool script = options.model == kTorchScriptModel;
  plan.model = script ? models::default_torchscript(categories, options.model_file_name, *options.model_file) : models::default_next_category(categories);
  const models::TrainerChoice trainers{.family = script ? models::TrainerFamily::torch : models::TrainerFamily::lean, .model_file = options.model_file};
  if (script) {
    FEDSPEND_ASSIGN(const auto trainer, models::make_trainer(plan.model, trainers));
    plan.model.parameter_count = trainer->parameter_count();
  }
  plan.training = models::default_next_category_training();
  plan.server.learning_rate = 2.0;  // with these: models/README.md
  if (options.seed) plan.model.initial_seed = *options.seed;
  draft.eligible_clients = eligible_clients(population, plan).size();
  if (draft.eligible_clients == 0)
    return fail(ErrorCode::malformed, "no client has the " + std::to_string(plan.eligibility.min_examples) + " training rows that a plan asks for", "give more data, or check columns.client");
  choose_federation(plan, draft.eligible_clients);
  if (options.demonstration) {
    plan.aggregation.mode = Aggregation::open;
    plan.privacy.mode = PrivacyMode::none;
    plan.federation.selection_window_ms = 1'000;
    plan.federation.retry_after_ms = 500;
  }
  FEDSPEND_ASSIGN(plan, parse_plan(write_plan(plan)));
  FEDSPEND_ASSIGN(plan, apply_settings(plan, options.settings, trainers));
  draft.eligible_clients = eligible_clients(population, plan).size();
  return draft;
}

}  // namespace fedspend::simulations
