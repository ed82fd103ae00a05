#include <cstdio>

#include "common/program/files.h"
#include "common/secagg/dp_statement.h"
#include "models/stock_models.h"
#include "models/torchscript_spec.h"
#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/plans/plan_draft.h"

namespace fedspend::simulations {
namespace {

// What a device may spend under the plan, in a line.
std::string budget_of(const PlanDraft& draft) {
  const PrivacySpec& privacy = draft.plan.privacy;
  char numbers[96];
  std::snprintf(numbers, sizeof numbers, "delta %s (noise multiplier %s, clip norm %g)", bound_text(privacy.delta, 6).c_str(), least_text(privacy.noise_multiplier, 6).c_str(), draft.plan.aggregation.clip_norm_l2);
  return "A device that takes part as often as the plan allows, " + std::to_string(privacy.max_participations) + (privacy.max_participations == 1 ? " time" : " times") + ", spends epsilon " + bound_text(*draft.epsilon_at_cap) + " at " +
         numbers + "; no device spends more than " + bound_text(privacy.max_epsilon) + ".";
}

std::string note_of(const PlanDraft& draft) {
  const Plan& plan = draft.plan;
  const std::string modes = "(aggregation " + std::string(to_string(plan.aggregation.mode)) + ", privacy " + std::string(to_string(plan.privacy.mode)) + ")";
  const std::string budget = plan.privacy.noise_cohort != 0 ? "\n" + std::string(plan.demonstration_note()) : draft.epsilon_at_cap ? "\n" + budget_of(draft) : "";
  if (plan.is_demonstration())
    return "a demonstration plan " + modes + ": to try things out, not for people's data.\nA device refuses it unless its own policy allows demonstrations." + budget;
  return "a plan with secure aggregation and differential privacy " + modes + "." + budget;
}

// Text as a TOML comment.
std::string commented(std::string_view text) {
  std::string comment = "# ";
  for (const char c : text) c == '\n' ? comment += "\n# " : comment += c;
  return comment + "\n";
}

Result<PlanDraftOptions> options_of(const program::Arguments& arguments) {
  PlanDraftOptions options;
  FEDSPEND_ASSIGN(options.model, arguments.text("model"));
  FEDSPEND_ASSIGN(const std::string data, arguments.text("data"));
  options.population = std::filesystem::path(data).stem().string();
  FEDSPEND_ASSIGN(const std::int64_t most, arguments.integer("max-categories", 0, 4096));
  options.max_categories = static_cast<std::size_t>(most);
  if (arguments.has("seed")) {
    FEDSPEND_ASSIGN(const std::int64_t seed, arguments.integer("seed", 0, INT64_MAX));
    options.seed = static_cast<std::uint64_t>(seed);
  }
  if (const auto module = arguments.optional_text("module")) {
    FEDSPEND_ASSIGN(Bytes bytes, program::read_file(*module, models::kMaxModelFileBytes));
    options.model_file_name = std::filesystem::path(*module).filename().string();
    options.model_file = std::make_shared<const Bytes>(std::move(bytes));
  }
  options.demonstration = arguments.flag("demonstration");
  options.settings = arguments.texts("set");
  return options;
}

// A plan and its model's file belong together: the file is copied beside the plan, unless it lies there already.
Status lay_beside(const std::filesystem::path& plan, const PlanDraftOptions& options) {
  if (options.model_file == nullptr) return {};
  const std::filesystem::path place = plan.parent_path() / options.model_file_name;
  std::error_code error;
  if (!std::filesystem::exists(place, error)) return program::write_file_atomically(place, *options.model_file);
  FEDSPEND_ASSIGN(const Bytes there, program::read_file(place, models::kMaxModelFileBytes));
  if (there == *options.model_file) return {};
  return fail(ErrorCode::conflict, place.string() + " is there already and is another file than --module", "write the plan to another folder, or name the module differently");
}

Result<program::Report> run(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const PlanDraftOptions options, options_of(arguments));
  FEDSPEND_ASSIGN(const std::string out, arguments.text("out"));
  FEDSPEND_ASSIGN(const ReadPopulation read, read_data(arguments));
  FEDSPEND_ASSIGN(const PlanDraft draft, draft_plan(read.population, options));
  const Plan& plan = draft.plan;
  const std::string note = note_of(draft);
  const std::string text = commented(note) + write_plan(plan);
  FEDSPEND_TRY(lay_beside(out, options));
  FEDSPEND_TRY(program::write_file_atomically(out, as_bytes(text)));
  program::Report report;
  report.data = {{"plan", out},
                 {"task", plan.task.hex()},
                 {"demonstration", plan.is_demonstration()},
                 {"epsilon_at_cap", draft.epsilon_at_cap && plan.privacy.noise_cohort == 0 ? nlohmann::json(*draft.epsilon_at_cap) : nlohmann::json()},
                 {"categories", plan.model.categories.size()},
                 {"categories_left_to_other", draft.categories_left_to_other},
                 {"parameters", plan.model.parameter_count},
                 {"eligible_clients", draft.eligible_clients},
                 {"rounds", plan.federation.rounds},
                 {"cohort", plan.federation.cohort},
                 {"data", to_json(read.statistics, read.population)}};
  report.text = to_text(read.statistics, read.population) + "wrote " + out + ": " + std::to_string(plan.model.categories.size()) + " categories, " + std::to_string(plan.model.parameter_count) +
                " parameters, " + std::to_string(plan.federation.rounds) + " rounds of " + std::to_string(plan.federation.cohort) + " of " + std::to_string(draft.eligible_clients) + " eligible clients\n" +
                note + "\n";
  return report;
}

}  // namespace

program::Command plan_command() {
  program::Command command{.name = "plan",
                           .summary = "drafts a plan for a data description",
                           .example = "fedspend-sim plan --data simulations/data/purchase-cards.toml --data-root ../shared/data --demonstration --out plan.toml",
                           .options = data_options(),
                           .positional = {},
                           .run = run};
  const std::vector<program::Option> own = {
      {.name = "model", .value_name = "NAME", .help = "the model to train: " + models::stock_model_names() + ", or torchscript", .default_text = "next_category"},
      {.name = "module", .value_name = "FILE", .help = "of --model torchscript: the TorchScript file; it is copied beside the plan"},
      {.name = "out", .value_name = "FILE", .help = "the plan to write", .required = true},
      {.name = "max-categories", .value_name = "N", .help = "name the N most frequent categories only, the rest is \"other\"; 0: all", .default_text = "0"},
      {.name = "seed", .value_name = "S", .help = "makes the task id and the initial weights from it; otherwise the task id is random"},
      {.name = "set", .value_name = "KEY=VALUE", .help = "sets a key of the plan, e.g. federation.rounds=20", .repeated = true},
      {.name = "demonstration", .value_name = "", .help = "no noise (privacy none): to try things out only"},
  };
  command.options.insert(command.options.end(), own.begin(), own.end());
  return command;
}

}  // namespace fedspend::simulations
