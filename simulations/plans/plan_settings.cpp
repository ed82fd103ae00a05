#include "simulations/plans/plan_settings.h"

#include <algorithm>
#include <memory>
#include <set>
#include <sstream>
#include <string_view>

#include <toml++/toml.h>

#include "common/protocol/near_keys.h"
#include "common/protocol/server_optimizers.h"
#include "models/trainer.h"

namespace fedspend::simulations {
namespace {

constexpr std::string_view kSizes = "model.sizes.";
constexpr std::size_t kMaxKeyBytes = 100;  // twice the longest: beyond, nobody can have meant one of them

struct Setting {
  std::string table;  // "server.schedule"; empty: the plan's top
  std::string key;
  std::string value;
  std::string path() const { return table.empty() ? key : table + "." + key; }
};

Result<Setting> parse_setting(const std::string& text, const std::set<std::string>& keys) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return fail(ErrorCode::invalid_argument, "--set \"" + text + "\" is not of the form section.key=value", "for example --set federation.rounds=20");
  const std::string path = text.substr(0, equals);
  const bool size = path.starts_with(kSizes) && path.size() > kSizes.size() && path.find('.', kSizes.size()) == std::string::npos;
  if (!size && !keys.contains(path)) {
    const std::string near = path.size() > kMaxKeyBytes ? std::string() : near_keys(path, keys);
    std::string here;  // the keys of this table, if it is one
    for (const std::string& key : keys)
      if (key.starts_with(path + ".") && key.find('.', path.size() + 1) == std::string::npos) here += (here.empty() ? "" : ", ") + key;
    return fail(ErrorCode::invalid_argument, "--set " + path + ": a plan has no such key",
                !here.empty() ? "it is a table: set " + here : !near.empty() ? "did you mean " + near + "?" : "common/protocol/PROTOCOL.md lists the keys");
  }
  const std::size_t dot = path.rfind('.');
  return Setting{dot == std::string::npos ? "" : path.substr(0, dot), path.substr(dot == std::string::npos ? 0 : dot + 1), text.substr(equals + 1)};
}

// The text as a TOML value; a bare word is a string, so that --set aggregation.mode=open needs no quotes.
toml::table parse_value(const std::string& text) {
  try {
    toml::table parsed = toml::parse("value = " + text);
    if (parsed.size() == 1 && parsed.contains("value")) return parsed;
  } catch (const toml::parse_error&) {
  }
  return toml::table{{"value", text}};
}

// Of a name with dots; made where it is not there. The name is of known keys, so what it passes through are tables.
toml::table& table_of(toml::table& document, const std::string& name) {
  toml::table* table = &document;
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '.');) {
    table->insert(part, toml::table{});
    table = table->get(part)->as_table();
  }
  return *table;
}

void drop_keys_of_former_choices(toml::table& document, const std::set<std::string>& set) {
  const auto drop = [&](const std::string& table, const char* key, bool has) {
    if (!has && !set.contains(table + "." + key)) table_of(document, table).erase(key);
  };
  if (set.contains("server.optimizer")) {
    if (const ServerOptimizerKeys* keys = find_server_optimizer(document["server"]["optimizer"].value_or(std::string()))) {
      drop("server", "momentum", keys->momentum.has_value());
      drop("server", "beta1", keys->beta1.has_value());
      drop("server", "beta2", keys->beta2.has_value());
      drop("server", "tau", keys->tau.has_value());
    }
  }
  if (set.contains("aggregation.mode")) {
    const bool secure = document["aggregation"]["mode"].value_or(std::string()) == to_string(Aggregation::secure);
    for (const std::string_view key : kSecureAggregationKeys) drop("aggregation", key.data(), secure);
  }
  if (set.contains("privacy.mode")) {
    const std::string mode = document["privacy"]["mode"].value_or(std::string());
    for (const std::string_view key : kNoiseKeys) drop("privacy", key.data(), mode != to_string(PrivacyMode::none));
    for (const std::string_view key : kDistributedKeys) drop("privacy", key.data(), mode == to_string(PrivacyMode::distributed));
  }
  if (set.contains("privacy.clip_quantile")) drop("privacy", "clip_learning_rate", document["privacy"]["clip_quantile"].value_or(0.0) > 0);
  for (const std::string table : {"training.schedule", "server.schedule"}) {
    if (!set.contains(table + ".kind")) continue;
    const std::string name = table_of(document, table)["kind"].value_or(std::string());
    for (const ScheduleKind kind : {ScheduleKind::constant, ScheduleKind::step, ScheduleKind::exponential, ScheduleKind::cosine, ScheduleKind::inverse_sqrt}) {
      if (name != to_string(kind)) continue;
      drop(table, "decay", keys_of(kind).decay);
      drop(table, "period_rounds", keys_of(kind).period_rounds);
      drop(table, "floor", keys_of(kind).floor);
    }
  }
}

// The lines are those of a text that nobody has seen.
Error without_line(Error error) {
  const std::size_t begin = error.message.find(" (line ");
  const std::size_t end = begin == std::string::npos ? begin : error.message.find(')', begin);
  if (end != std::string::npos) error.message.erase(begin, end + 1 - begin);
  error.message = "--set: " + error.message;
  return error;
}

}  // namespace

Result<PlanFile> apply_settings(const PlanFile& plan, std::span<const std::string> settings) {
  if (settings.empty()) return plan;
  toml::table document;
  try {
    document = toml::parse(write_plan(plan.plan));
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::internal, "the plan that was written cannot be read: " + std::string(error.description()));
  }
  const std::set<std::string> keys = plan_keys();
  std::set<std::string> set;
  bool of_the_model = false;
  for (const std::string& text : settings) {
    FEDSPEND_ASSIGN(const Setting setting, parse_setting(text, keys));
    set.insert(setting.path());
    of_the_model = of_the_model || setting.path().starts_with("model.");
    const toml::table parsed = parse_value(setting.value);
    toml::table& table = table_of(document, setting.table);
    parsed.get("value")->visit([&](const auto& typed) { table.insert_or_assign(setting.key, typed); });
  }
  drop_keys_of_former_choices(document, set);
  std::ostringstream text;
  text << document;
  Result<Plan> changed = parse_plan(text.str());
  if (!changed) return fail(without_line(changed.error()));
  if (of_the_model) {
    if (!set.contains("model.parameter_count")) changed->model.parameter_count = 0;
    FEDSPEND_ASSIGN(const std::unique_ptr<models::Trainer> trainer, models::make_trainer(changed->model, plan.trainers));
    changed->model.parameter_count = trainer->parameter_count();
  }
  std::string resolved = write_plan(*changed);
  FEDSPEND_ASSIGN(Plan again, parse_plan(resolved));
  return plan_file_of(std::move(resolved), std::move(again), plan.trainers);
}

}  // namespace fedspend::simulations
