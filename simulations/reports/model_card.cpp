#include "simulations/reports/model_card.h"

#include "simulations/reports/accuracy_lines.h"
#include "simulations/reports/privacy_section.h"
#include "simulations/reports/quantities.h"

namespace fedspend::simulations {
namespace {

// Text of a plan (its name, its population) inside Markdown: as code, so that nothing in it is markup.
std::string quoted(const std::string& text) {
  std::string plain = text;
  for (char& c : plain) c = c == '`' ? '\'' : c;
  return "`" + plain + "`";
}

std::string figures(const RunFacts& run) {
  std::string table = "| on the held-out rows | " + std::string(measure_of(run.summary).headline) + " |\n|---|---|\n";
  for (const AccuracyLine& line : accuracy_lines(run.summary)) {
    if (line.kind == LineKind::sees_merchant) continue;
    table += "| " + line.name + " | " + percent_text(line.accuracy) + " |\n";
  }
  return table;
}

std::string gains(const RunFacts& run) {
  const auto gain = number_at(run.summary, "/per_client/against_own_best/share_gain"), lose = number_at(run.summary, "/per_client/against_own_best/share_lose");
  if (!gain || !lose) return {};
  return "Of the clients " + percent_text(*gain, 0) + " gain and " + percent_text(*lose, 0) + " lose against their " + std::string(measure_of(run.summary).alone) + " (few held-out rows each, so noisy).\n";
}

}  // namespace

std::string model_card(const RunFacts& run) {
  const Plan& plan = run.plan;
  const auto count = [&](const char* pointer) { return count_text(number_at(run.summary, pointer).value_or(0)); };
  std::string text = "# Model card: " + quoted(plan.name) + "\n\n";
  if (plan.is_demonstration()) text += "> " + std::string(plan.demonstration_note()) + "\n\n";
  text += "## What it is\n" + quoted(plan.model.name) + ": " + std::string(models::stock_model_or_first(plan.model.name).card) + ", of " + std::to_string(plan.model.categories.size()) + " that the plan names. " +
          count_text(static_cast<double>(plan.model.parameter_count)) + " parameters, " + (plan.model.is_torchscript() ? "a TorchScript model, which devices refuse: for the simulator alone" : "to run on the client's device") + ". Weights: `model.fsm`, after round " + count("/model_round") + ", hash " +
          quoted(text_at(run.summary, "/model_hash")) + "; plan: `plan.toml`, hash " + quoted(text_at(run.summary, "/plan_hash")) + ".\n\n";
  text += "## Training\nA simulated federation over the population " + quoted(plan.population) + ": " + count("/clients") + " clients with " + count("/rows_in_all") + " categorised rows, of whom " +
          count("/eligible_clients") + " have the " + std::to_string(plan.eligibility.min_examples) + " training rows that the plan asks for. " + count("/updates") + " updates in " + count("/rounds") +
          " rounds; aggregation " + std::string(to_string(plan.aggregation.mode)) + ", privacy " + std::string(to_string(plan.privacy.mode)) + ".\n\n";
  text += "## Figures\nThe last " + percent_text(plan.evaluation.holdout_fraction, 0) + " of the rows of each client with " + std::to_string(plan.evaluation.min_rows) +
          " or more, never trained on: " + count("/predictions") + " predictions, each from earlier true rows alone." + chosen_by_its_figure(run) + "\n\n" + figures(run) + "\n" + gains(run) + "\n";
  text += "## Limits\n"
          "- The figures are for these data and the time they cover; spending changes, and the model does not follow without new rounds.\n"
          "- A category that the plan does not name is never predicted.\n"
          "- It learns what is usual: clients who are unlike the others may get less from it (report.html has the gains by length of history).\n";
  text += "- Privacy: " + privacy_in_short(run) + (run.statement.is_object() ? " On which conditions, and against whom: `dp-statement.txt`, which goes with the weights." : "") + "\n";
  text += "\n## Not for\nDecisions about a person: credit, insurance, employment, prices, or the suspicion of fraud. It predicts a category, not what somebody can afford or ought to buy.\n";
  return text;
}

}  // namespace fedspend::simulations
