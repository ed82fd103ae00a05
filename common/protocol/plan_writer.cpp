#include <array>
#include <charconv>
#include <concepts>

#include "common/check.h"
#include "common/protocol/plan.h"
#include "common/protocol/server_optimizers.h"

namespace fedspend {
namespace {

// A basic string (TOML 1.0, "String"): quotation mark, backslash and control characters are escaped, all else stands as it is.
std::string quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// The shortest form that reads back as the same double, with a point or an exponent so that it is a TOML float.
std::string shortest(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  FEDSPEND_CHECK(end.ec == std::errc{}, "room for a double");
  std::string text(buffer.data(), end.ptr);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";  // "n": nan, inf
  return text;
}

class TomlText {
 public:
  void table(std::string_view name) { text_ += "\n[" + std::string(name) + "]\n"; }
  void line(std::string_view key, std::string_view value) { text_ += std::string(key) + " = " + std::string(value) + "\n"; }
  void text(std::string_view key, std::string_view value) { line(key, quoted(value)); }
  void number(std::string_view key, double value) { line(key, shortest(value)); }
  template <std::integral Integer>
  void integer(std::string_view key, Integer value) {
    line(key, std::to_string(value));
  }
  void list(std::string_view key, const std::vector<std::string>& values) {
    text_ += std::string(key) + " = [\n";
    for (const std::string& value : values) text_ += "  " + quoted(value) + ",\n";
    text_ += "]\n";
  }
  std::string finish() { return std::move(text_); }

 private:
  std::string text_;
};

void write_model(TomlText& out, const ModelSpec& model) {
  FEDSPEND_CHECK(model.initial_seed < (std::uint64_t{1} << 63), "a seed that a TOML integer can hold");
  out.table("model");
  out.text("name", model.name);
  out.integer("parameter_count", model.parameter_count);
  out.integer("initial_seed", model.initial_seed);
  if (model.is_torchscript()) {
    out.text("file", model.file);
    out.text("file_hash", model.file_hash.hex());
  }
  out.list("categories", model.categories);
  out.table("model.sizes");
  for (const auto& [name, value] : model.sizes) out.integer(name, value);
}

void write_schedule(TomlText& out, std::string_view table, const ScheduleSpec& schedule) {
  out.table(table);
  out.text("kind", to_string(schedule.kind));
  out.integer("warmup_rounds", schedule.warmup_rounds);
  const ScheduleKeys keys = keys_of(schedule.kind);
  if (keys.decay) out.number("decay", schedule.decay);
  if (keys.period_rounds) out.integer("period_rounds", schedule.period_rounds);
  if (keys.floor) out.number("floor", schedule.floor);
}

void write_training(TomlText& out, const TrainingSpec& training) {
  out.table("training");
  out.integer("epochs", training.epochs);
  out.integer("batch_size", training.batch_size);
  out.number("learning_rate", training.learning_rate);
  out.number("momentum", training.momentum);
  out.number("proximal_mu", training.proximal_mu);
  out.number("gradient_clip_l2", training.gradient_clip_l2);
  out.integer("max_rows", training.max_rows);
  write_schedule(out, "training.schedule", training.schedule);
}

void write_federation(TomlText& out, const FederationSpec& federation) {
  out.table("federation");
  out.integer("rounds", federation.rounds);
  out.integer("cohort", federation.cohort);
  out.integer("min_cohort", federation.min_cohort);
  out.number("over_selection", federation.over_selection);
  out.integer("round_deadline_ms", federation.round_deadline_ms);
  out.integer("selection_window_ms", federation.selection_window_ms);
  out.integer("selection_pool", federation.selection_pool);
  out.integer("retry_after_ms", federation.retry_after_ms);
}

void write_server(TomlText& out, const ServerSpec& server) {
  const ServerOptimizerKeys* keys = find_server_optimizer(server.optimizer);
  FEDSPEND_CHECK(keys != nullptr, "an optimizer that there is");
  out.table("server");
  out.text("optimizer", server.optimizer);
  out.number("learning_rate", server.learning_rate);
  if (keys->momentum) out.number("momentum", server.momentum);
  if (keys->beta1) out.number("beta1", server.beta1);
  if (keys->beta2) out.number("beta2", server.beta2);
  if (keys->tau) out.number("tau", server.tau);
  write_schedule(out, "server.schedule", server.schedule);
}

void write_aggregation(TomlText& out, const AggregationSpec& aggregation) {
  constexpr double million = 1e6;
  out.table("aggregation");
  out.text("mode", to_string(aggregation.mode));
  out.number("clip_norm_l2", aggregation.clip_norm_l2);
  out.integer("bits", aggregation.bits);
  if (aggregation.mode == Aggregation::open) return;
  out.number("corrupt_fraction", aggregation.corrupt_ppm / million);
  out.number("dropout_fraction", aggregation.dropout_ppm / million);
  out.text("threat", to_string(aggregation.threat));
  out.integer("security_bits", aggregation.security_bits);
  out.integer("failure_bits", aggregation.failure_bits);
  out.text("beacon", to_string(aggregation.beacon));
  out.integer("phase_deadline_ms", aggregation.phase_deadline_ms);
}

void write_privacy(TomlText& out, const PrivacySpec& privacy) {
  out.table("privacy");
  out.text("mode", to_string(privacy.mode));
  if (!privacy.has_noise()) return;
  out.number("noise_multiplier", privacy.noise_multiplier);
  out.number("delta", privacy.delta);
  out.number("max_epsilon", privacy.max_epsilon);
  out.integer("max_participations", privacy.max_participations);
  out.integer("min_separation_rounds", privacy.min_separation_rounds);
  out.integer("noise_cohort", privacy.noise_cohort);
  if (privacy.mode != PrivacyMode::distributed) return;
  out.number("wrap_stddevs", privacy.wrap_stddevs);
  out.number("clip_quantile", privacy.clip_quantile);
  if (privacy.has_adaptive_clip()) out.number("clip_learning_rate", privacy.clip_learning_rate);
}

}  // namespace

std::string write_plan(const Plan& plan) {
  TomlText out;
  out.integer("schema", plan.schema);
  out.text("name", plan.name);
  out.text("population", plan.population);
  out.text("purpose", plan.purpose);
  out.text("task", plan.task.hex());
  if (plan.last_day) out.line("last_day", day_text(*plan.last_day));
  write_model(out, plan.model);
  write_training(out, plan.training);
  write_federation(out, plan.federation);
  write_server(out, plan.server);
  write_aggregation(out, plan.aggregation);
  write_privacy(out, plan.privacy);
  out.table("eligibility");
  out.integer("min_examples", plan.eligibility.min_examples);
  out.table("evaluation");
  out.number("holdout_fraction", plan.evaluation.holdout_fraction);
  out.integer("min_rows", plan.evaluation.min_rows);
  return out.finish();
}

}  // namespace fedspend
