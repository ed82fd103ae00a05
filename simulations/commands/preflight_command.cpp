// fedspend-sim preflight: whether a TorchScript file keeps the contract, before a run of hours finds out.

#include <algorithm>
#include <cstdio>

#include "simulations/commands/commands.h"
#include "simulations/commands/read_command.h"
#include "simulations/plans/plan_file.h"
#include "simulations/runs/evaluation_table.h"
#include "simulations/runs/preflight.h"

namespace fedspend::simulations {
namespace {

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text;
  for (const std::size_t n : shape) text += (text.empty() ? "" : " x ") + std::to_string(n);
  return text.empty() ? "1 number" : text;
}

std::string text_of(const Plan& plan, const models::TorchScriptReport& found) {
  std::string text = plan.model.file + ": " + std::to_string(found.parameter_count) + " trained parameters\n";
  for (const models::LayoutEntry& entry : found.parameters) {
    const bool idle = std::find(found.without_gradient.begin(), found.without_gradient.end(), entry.name) != found.without_gradient.end();
    text += "  " + entry.name + "  " + shape_text(entry.shape) + (idle ? "  (the dry step left it as it was)" : "") + "\n";
  }
  for (const std::string& name : found.frozen) text += "  " + name + "  frozen: as in the file, for ever\n";
  char line[200];
  std::snprintf(line, sizeof line, "dry step: %zu predictions, loss %.4f, update of norm %.3g, %.0f ms\n", found.predictions, found.loss, found.update_norm_l2, 1e3 * found.seconds);
  return text + (found.takes_past ? "its forward takes the own past\n" : "its forward does not take the own past (a fourth input)\n") + line;
}

Result<program::Report> run(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string path, arguments.text("plan"));
  FEDSPEND_ASSIGN(const PlanFile plan, read_plan_file(path));
  FEDSPEND_ASSIGN(const ReadPopulation data, read_data(arguments));
  FEDSPEND_ASSIGN(const models::TorchScriptReport found, preflight(plan, federated_clients(data.population, plan.plan)));
  program::Report report;
  nlohmann::json parameters = nlohmann::json::array();
  for (const models::LayoutEntry& entry : found.parameters) parameters.push_back({{"name", entry.name}, {"shape", entry.shape}, {"offset", entry.offset}});
  report.data = {{"file", plan.plan.model.file},
                 {"parameters", found.parameter_count},
                 {"layout", parameters},
                 {"without_gradient", found.without_gradient},
                 {"frozen", found.frozen},
                 {"takes_past", found.takes_past},
                 {"predictions", found.predictions},
                 {"loss", found.loss},
                 {"update_norm_l2", found.update_norm_l2},
                 {"seconds", found.seconds}};
  report.text = text_of(plan.plan, found);
  return report;
}

}  // namespace

program::Command preflight_command() {
  std::vector<program::Option> options = data_options();
  options.push_back({.name = "plan", .value_name = "FILE", .help = "a plan of a TorchScript model, with the model's file beside it", .required = true});
  return {.name = "preflight",
          .summary = "try a TorchScript model: parameters, shapes, looking ahead, one dry step",
          .example = "fedspend-sim preflight --plan plan.toml --data simulations/data/synthetic.toml",
          .options = std::move(options),
          .positional = "",
          .run = run};
}

}  // namespace fedspend::simulations
