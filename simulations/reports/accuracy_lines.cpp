#include "simulations/reports/accuracy_lines.h"

#include <algorithm>

#include "simulations/population/baselines.h"
#include "simulations/reports/quantities.h"
#include "simulations/reports/run_facts.h"

namespace fedspend::simulations {
namespace {

std::string epochs_of(const nlohmann::json& summary, const std::string& reference) {
  const auto epochs = number_at(summary, "/references/" + reference + "/epochs");
  if (!epochs) return {};
  return " (" + count_text(*epochs) + (*epochs == 1 ? " epoch)" : " epochs)");
}

}  // namespace

std::vector<AccuracyLine> accuracy_lines(const nlohmann::json& summary) {
  std::vector<AccuracyLine> lines;
  const auto add = [&](const std::string& pointer, AccuracyLine line) {
    const auto accuracy = number_at(summary, pointer);
    if (!accuracy) return;
    line.accuracy = *accuracy;
    lines.push_back(std::move(line));
  };
  add("/eval_accuracy", {.key = "federated", .name = "federated model", .short_name = "federated", .federated = true});
  add("/references/central/accuracy", {.key = "central", .name = "central training, all rows in one place" + epochs_of(summary, "central"), .short_name = "central"});
  add("/references/local_only/accuracy", {.key = "local_only", .name = "local-only training, each client alone" + epochs_of(summary, "local_only"), .short_name = "local-only"});
  add("/untrained_accuracy", {.key = "untrained", .name = "the model before the first round", .short_name = "untrained"});
  add("/prequential_accuracy", {.key = "federated_counting_on", .name = "federated model, counting on", .short_name = "counting on", .kind = LineKind::counting_on, .federated = true});
  for (const Baseline& line : baseline_lines(text_at(summary, "/model"))) {
    const LineKind kind = line.sees_merchant ? LineKind::sees_merchant : line.prequential ? LineKind::counting_on : LineKind::frozen;
    add("/baselines/" + line.key, {.key = line.key, .name = line.name, .short_name = line.short_name, .kind = kind, .baseline = true});
  }
  std::stable_sort(lines.begin(), lines.end(), [](const AccuracyLine& a, const AccuracyLine& b) { return a.kind != b.kind ? a.kind < b.kind : a.accuracy > b.accuracy; });
  return lines;
}

std::optional<AccuracyLine> best_baseline(const std::vector<AccuracyLine>& lines) {
  const auto best = std::find_if(lines.begin(), lines.end(), [](const AccuracyLine& line) { return line.kind == LineKind::frozen && line.baseline; });
  return best == lines.end() ? std::nullopt : std::optional(*best);
}

}  // namespace fedspend::simulations
