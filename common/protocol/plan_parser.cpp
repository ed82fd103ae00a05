// parse_plan: a small reader for a TOML table, and the plan's tables read with it. The first fault is the one reported, but a key
// that nobody asked for comes before all others: a misspelt key is at once an unknown and a missing one, and only the unknown
// one has a line to look at.

#include <algorithm>
#include <cmath>
#include <exception>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

#include <toml++/toml.h>

#include "common/protocol/messages.h"
#include "common/protocol/near_keys.h"
#include "common/protocol/plain_text.h"
#include "common/protocol/plan.h"
#include "common/protocol/plan_consistency.h"
#include "common/protocol/server_optimizers.h"
#include "common/shown_number.h"

namespace fedspend {
namespace {

enum class Presence { optional, required };
enum class Bounds { closed, without_least, without_most };  // which end the range leaves out

constexpr std::int64_t kMaxRounds = 1'000'000;
constexpr std::int64_t kMaxDelayMs = 7LL * 24 * 3600 * 1000;
constexpr std::int64_t kMaxParameterCount = 1LL << 24;
constexpr double kMillion = 1e6;
constexpr std::size_t kMaxCategories = 4096;
constexpr std::size_t kMaxCategoryBytes = 128;
constexpr std::size_t kMaxSizes = 64;
constexpr std::int64_t kMaxSize = 1'000'000;
// toml++ 3.3 takes a dotted key of any depth and walks it recursively: half a million of them end the process on a stack of
// 8 MiB. A key stands in one line, so a limit on the dots of a line is one on the depth.
constexpr std::ptrdiff_t kMaxDotsInALine = 256;

std::string shown_key(std::string_view key) {
  return is_plain_text(key) && key.size() <= kMaxTextBytes ? std::string(key) : std::string("(a key that is no short plain text)");
}

struct Faults {
  std::optional<Error> unknown;
  std::optional<Error> other;
  std::string unknown_path;
  std::set<std::string> known;  // every key that was asked for, whether it is there or not

  static void note(std::optional<Error>& slot, const std::string& key, std::uint32_t line, const std::string& what, std::string hint) {
    if (slot) return;
    const std::string place = line == 0 ? std::string() : " (line " + std::to_string(line) + ")";
    slot = Error{ErrorCode::malformed, "plan: " + key + place + ": " + what, std::move(hint)};
  }
  Status status() const {
    if (unknown) {
      const std::string near = near_keys(unknown_path, known);
      return fail(unknown->code, unknown->message, (near.empty() ? "" : "did you mean " + near + "? ") + unknown->hint);
    }
    if (other) return fail(*other);
    return {};
  }
};

// Every reader leaves `out` as it is where the key is absent, and notes a fault where a required key is absent or a value has
// another type or lies outside its range.
class Table {
 public:
  Table(const toml::table* table, std::string path, Faults& faults) : table_(table), path_(std::move(path)), faults_(&faults) {}

  template <class Integer>
  void integer(const char* key, Integer& out, std::int64_t least, std::int64_t most, Presence presence = Presence::optional) {
    const toml::node* node = find(key, presence);
    if (node == nullptr) return;
    if (!node->is_integer()) return fault(key, "a whole number expected");
    const std::int64_t value = **node->as_integer();
    if (value < least || value > most)
      return fault(key, std::to_string(value) + " is outside " + std::to_string(least) + " ... " + std::to_string(most));
    out = static_cast<Integer>(value);
  }

  // `meaning`: what a value outside the range would mean, for the message.
  void number(const char* key, double& out, double least, double most, Bounds bounds = Bounds::closed, Presence presence = Presence::optional, std::string (*meaning)(double) = nullptr) {
    const toml::node* node = find(key, presence);
    if (node == nullptr) return;
    if (!node->is_number()) return fault(key, "a number expected");
    // Not toml++'s value<double>(), which is empty for a whole number that a double cannot hold exactly.
    const double value = node->is_integer() ? static_cast<double>(**node->as_integer()) : **node->as_floating_point();
    const bool above = bounds == Bounds::without_least ? value > least : value >= least;  // false for NaN
    const bool below = bounds == Bounds::without_most ? value < most : value <= most;
    if (!above || !below) {
      const std::string low = bounds == Bounds::without_least ? "above " : "from ";
      const std::string high = bounds == Bounds::without_most ? " to below " : " to ";
      return fault(key, shown_number(value) + " is outside the range " + low + shown_number(least) + high + shown_number(most) + (meaning == nullptr ? "" : meaning(value)));
    }
    out = value;
  }

  // A fraction as whole parts per million, exactly: a double is such a decimal if it is the one nearest to it, which is what the
  // division gives.
  void millionths(const char* key, std::uint32_t& out) {
    double value = out / kMillion;
    number(key, value, 0, 0.999999);
    const double parts = std::round(value * kMillion);
    if (parts / kMillion != value) return fault(key, "at most six decimals expected, so that every device counts with the same number");
    out = static_cast<std::uint32_t>(parts);
  }

  void text(const char* key, std::string& out, Presence presence) {
    const toml::node* node = find(key, presence);
    if (node == nullptr) return;
    if (!node->is_string()) return fault(key, "a string expected");
    const std::string& value = **node->as_string();
    if (value.empty() || value.size() > kMaxTextBytes || !is_plain_text(value))
      return fault(key, "1 ... " + std::to_string(kMaxTextBytes) + " bytes of text without control characters expected");
    out = value;
  }

  template <class Enum>
  void choice(const char* key, Enum& out, std::initializer_list<Enum> values) {
    const toml::node* node = find(key, Presence::optional);
    if (node == nullptr) return;
    std::string names;
    for (const Enum value : values) {
      if (node->is_string() && **node->as_string() == to_string(value)) {
        out = value;
        return;
      }
      names += (names.empty() ? "\"" : ", \"") + std::string(to_string(value)) + "\"";
    }
    fault(key, "one of " + names + " expected");
  }

  void task_id(const char* key, TaskId& out) {
    const toml::node* node = find(key, Presence::required);
    if (node == nullptr) return;
    const auto id = node->is_string() ? TaskId::parse(**node->as_string()) : TaskId::parse("");
    if (!id || id->is_zero()) return fault(key, "a string of 32 hexadecimal digits, not all zero, expected", "take 16 random bytes");
    out = *id;
  }

  void day(const char* key, std::optional<std::chrono::sys_days>& out) {
    const toml::node* node = find(key, Presence::optional);
    if (node == nullptr) return;
    const toml::value<toml::date>* date = node->as_date();
    if (date == nullptr || (*date)->year < 1970 || (*date)->year > 9999) return fault(key, "a day from 1970 on expected", "write it without quotation marks, e.g. 2027-06-30");
    out = std::chrono::year((*date)->year) / (*date)->month / (*date)->day;
  }

  // A name and no path: the file lies beside the plan, and goes with it.
  void file_name(const char* key, std::string& out) {
    std::string name;
    text(key, name, Presence::required);
    if (name.find_first_of("/\\") != std::string::npos || name == "." || name == "..")
      return fault(key, "the name of a file, without folders, expected", "lay the file beside the plan");
    out = std::move(name);
  }

  void file_hash(const char* key, ModelFileHash& out) {
    const toml::node* node = find(key, Presence::required);
    if (node == nullptr) return;
    const auto hash = node->is_string() ? ModelFileHash::parse(**node->as_string()) : ModelFileHash::parse("");
    if (!hash || hash->is_zero()) return fault(key, "a string of 64 hexadecimal digits expected", "`fedspend-sim plan --model torchscript --module FILE` writes it");
    out = *hash;
  }

  void categories(const char* key, std::vector<std::string>& out) {
    const toml::node* node = find(key, Presence::required);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    if (list == nullptr || list->empty() || list->size() > kMaxCategories)
      return fault(key, "a list of 1 ... " + std::to_string(kMaxCategories) + " strings expected");
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const toml::value<std::string>* entry = (*list)[i].as_string();
      const std::string name = std::string(key).append("[").append(std::to_string(i)).append("]");
      const std::uint32_t line = (*list)[i].source().begin.line;
      if (entry == nullptr || (*entry)->empty() || (*entry)->size() > kMaxCategoryBytes || !is_plain_text(**entry))
        return fault_at(name, line, "a string of 1 ... " + std::to_string(kMaxCategoryBytes) + " bytes without control characters expected");
      if (!seen.insert(**entry).second) return fault_at(name, line, "this category stands in the list already", "name every category once");
      out.push_back(**entry);
    }
  }

  // Every key of this table is a size of the model's own naming.
  void sizes(std::map<std::string, std::int64_t>& out) {
    if (table_ == nullptr) return;
    if (table_->size() > kMaxSizes) return fault_at("", table_->source().begin.line, "more than " + std::to_string(kMaxSizes) + " sizes");
    for (const auto& [toml_key, node] : *table_) {
      const std::string_view name = toml_key.str();
      const std::uint32_t line = node.source().begin.line;
      known_.emplace(name);
      if (name.empty() || name.size() > kMaxTextBytes || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string_view::npos)
        return fault_at(shown_key(name), line, "the name of a size has 1 ... 64 of a-z, 0-9 and _");
      if (!node.is_integer() || **node.as_integer() < 0 || **node.as_integer() > kMaxSize)
        return fault_at(std::string(name), line, "a whole number in 0 ... " + std::to_string(kMaxSize) + " expected");
      out.emplace(name, **node.as_integer());
    }
  }

  Table table(const char* key, Presence presence = Presence::optional) {
    const toml::node* node = find(key, presence);
    if (node != nullptr && !node->is_table()) fault(key, "a table expected");
    return {node == nullptr ? nullptr : node->as_table(), path_of(key), *faults_};
  }

  void fault(const char* key, const std::string& what, std::string hint = {}) { fault_at(key, line_of(key), what, std::move(hint)); }

  void refuse_unknown_keys() {
    if (table_ == nullptr) return;
    for (const auto& [key, node] : *table_) {
      if (known_.contains(key.str())) continue;
      if (!faults_->unknown) faults_->unknown_path = path_of(shown_key(key.str()));
      Faults::note(faults_->unknown, path_of(shown_key(key.str())), key.source().begin.line, "unknown key",
                   "correct its spelling or its table, or remove it");
    }
  }
  // For a key that exists, but not beside what another key of this table says.
  void refuse_key(const char* key, const std::string& what) {
    if (find(key, Presence::optional) != nullptr) fault(key, what, "remove it");
  }

 private:
  const toml::node* find(const char* key, Presence presence) {
    known_.emplace(key);
    faults_->known.insert(path_of(key));
    const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
    if (node == nullptr && presence == Presence::required) fault_at(key, 0, "this key is required and missing", "compare with a plan that `fedspend-sim plan` drafts");
    return node;
  }
  std::uint32_t line_of(const char* key) const {
    const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
    return node == nullptr ? 0 : node->source().begin.line;
  }
  void fault_at(const std::string& key, std::uint32_t line, const std::string& what, std::string hint = {}) {
    Faults::note(faults_->other, path_of(key), line, what, std::move(hint));
  }
  std::string path_of(const std::string& key) const { return path_.empty() || key.empty() ? path_ + key : path_ + "." + key; }

  const toml::table* table_;  // null: every key is absent
  std::string path_;
  Faults* faults_;
  std::set<std::string, std::less<>> known_;
};

void read_model(Table table, ModelSpec& model) {
  table.text("name", model.name, Presence::required);
  table.integer("parameter_count", model.parameter_count, 1, kMaxParameterCount, Presence::required);
  table.integer("initial_seed", model.initial_seed, 0, std::numeric_limits<std::int64_t>::max());
  table.categories("categories", model.categories);
  table.table("sizes").sizes(model.sizes);
  // Of any other model these two are unknown keys.
  if (model.is_torchscript()) {
    table.file_name("file", model.file);
    table.file_hash("file_hash", model.file_hash);
  }
  table.refuse_unknown_keys();
}

void read_schedule(Table table, ScheduleSpec& schedule) {
  table.choice("kind", schedule.kind,
               {ScheduleKind::constant, ScheduleKind::step, ScheduleKind::exponential, ScheduleKind::cosine, ScheduleKind::inverse_sqrt});
  table.integer("warmup_rounds", schedule.warmup_rounds, 0, kMaxRounds);
  const ScheduleKeys keys = keys_of(schedule.kind);
  const std::string none = "the schedule \"" + std::string(to_string(schedule.kind)) + "\" has no such key";
  const bool step = schedule.kind == ScheduleKind::step;
  if (keys.decay) table.number("decay", schedule.decay, 0, 1, Bounds::without_least, Presence::required);
  if (!keys.decay) table.refuse_key("decay", none);
  if (schedule.kind == ScheduleKind::inverse_sqrt) schedule.period_rounds = 1;
  if (keys.period_rounds)
    table.integer("period_rounds", schedule.period_rounds, schedule.kind == ScheduleKind::cosine ? 0 : 1, kMaxRounds, step ? Presence::required : Presence::optional);
  if (!keys.period_rounds) table.refuse_key("period_rounds", none);
  if (keys.floor) table.number("floor", schedule.floor, 0, 1);
  if (!keys.floor) table.refuse_key("floor", none);
  table.refuse_unknown_keys();
}

void read_training(Table table, TrainingSpec& training) {
  table.integer("epochs", training.epochs, 1, 1000);
  table.integer("batch_size", training.batch_size, 1, 65'536);
  table.number("learning_rate", training.learning_rate, 0, 1000, Bounds::without_least);
  table.number("momentum", training.momentum, 0, 1, Bounds::without_most);
  table.number("proximal_mu", training.proximal_mu, 0, 1000);
  table.number("gradient_clip_l2", training.gradient_clip_l2, 0, 1e6);
  table.integer("max_rows", training.max_rows, 0, 1'000'000'000);
  read_schedule(table.table("schedule"), training.schedule);
  table.refuse_unknown_keys();
}

void read_federation(Table table, FederationSpec& federation) {
  table.integer("rounds", federation.rounds, 1, kMaxRounds);
  table.integer("cohort", federation.cohort, 1, kMaxDevices);
  table.integer("min_cohort", federation.min_cohort, 0, kMaxDevices);
  table.number("over_selection", federation.over_selection, 1, 100);
  table.integer("round_deadline_ms", federation.round_deadline_ms, 1, kMaxDelayMs);
  table.integer("selection_window_ms", federation.selection_window_ms, 0, kMaxDelayMs);
  table.integer("selection_pool", federation.selection_pool, 0, kMaxDevices);
  table.integer("retry_after_ms", federation.retry_after_ms, 0, kMaxDelayMs);
  table.refuse_unknown_keys();
}

void read_server(Table table, ServerSpec& server) {
  table.text("optimizer", server.optimizer, Presence::optional);
  const ServerOptimizerKeys* has = find_server_optimizer(server.optimizer);
  if (has == nullptr) {
    table.fault("optimizer", "one of " + server_optimizer_names() + " expected");
    has = server_optimizers().data();
  }
  table.number("learning_rate", server.learning_rate, 0, 1000, Bounds::without_least);
  const auto own_key = [&](const char* key, const std::optional<double>& otherwise, double& out, double most, Bounds bounds) {
    if (!otherwise) return table.refuse_key(key, "the optimizer \"" + server.optimizer + "\" has no such key");
    out = *otherwise;
    table.number(key, out, 0, most, bounds);
  };
  own_key("momentum", has->momentum, server.momentum, 1, Bounds::without_most);
  own_key("beta1", has->beta1, server.beta1, 1, Bounds::without_most);
  own_key("beta2", has->beta2, server.beta2, 1, Bounds::without_most);
  own_key("tau", has->tau, server.tau, 1000, Bounds::without_least);
  read_schedule(table.table("schedule"), server.schedule);
  table.refuse_unknown_keys();
}

void read_aggregation(Table table, AggregationSpec& aggregation) {
  table.choice("mode", aggregation.mode, {Aggregation::open, Aggregation::secure});
  table.number("clip_norm_l2", aggregation.clip_norm_l2, 0, 1e6, Bounds::without_least);
  table.integer("bits", aggregation.bits, 2, 32);
  if (aggregation.mode == Aggregation::secure) {
    table.millionths("corrupt_fraction", aggregation.corrupt_ppm);
    table.millionths("dropout_fraction", aggregation.dropout_ppm);
    table.choice("threat", aggregation.threat, {Threat::curious, Threat::semi_malicious});
    table.integer("security_bits", aggregation.security_bits, 1, 128);
    table.integer("failure_bits", aggregation.failure_bits, 1, 128);
    table.choice("beacon", aggregation.beacon, {BeaconSource::roster, BeaconSource::external});
    table.integer("phase_deadline_ms", aggregation.phase_deadline_ms, 100, 3'600'000);
  } else {
    for (const std::string_view key : kSecureAggregationKeys) table.refuse_key(key.data(), "open aggregation has no such key");
  }
  table.refuse_unknown_keys();
}

constexpr double kLeastWrapStddevs = 3;

// p = erfc(k / sqrt 2): what k is chosen for.
std::string wrap_meaning(double wrap_stddevs) {
  const auto probability = [](double k) { return shown_number(std::erfc(k / std::sqrt(2.0))); };
  if (!(wrap_stddevs < kLeastWrapStddevs)) return ": a wrap probability of 1.5e-23 a coordinate is the least";
  return ": a coordinate of the sum would wrap with probability p = " + probability(wrap_stddevs) + ", and " + probability(kLeastWrapStddevs) + " is the most";
}

void read_distributed(Table& table, PrivacySpec& privacy) {
  table.number("wrap_stddevs", privacy.wrap_stddevs, kLeastWrapStddevs, 10, Bounds::closed, Presence::optional, wrap_meaning);
  table.number("clip_quantile", privacy.clip_quantile, 0, 1, Bounds::without_most);
  if (!privacy.has_adaptive_clip()) return table.refuse_key("clip_learning_rate", "a fixed clip norm has no such key (clip_quantile is 0)");
  constexpr double default_rate = 0.2;  // Andrew et al. 2021
  privacy.clip_learning_rate = default_rate;
  table.number("clip_learning_rate", privacy.clip_learning_rate, 0, 1, Bounds::without_least);
}

void read_privacy(Table table, PrivacySpec& privacy) {
  table.choice("mode", privacy.mode, {PrivacyMode::none, PrivacyMode::central, PrivacyMode::distributed});
  if (privacy.has_noise()) {
    table.number("noise_multiplier", privacy.noise_multiplier, 0, 1000, Bounds::without_least);
    table.number("delta", privacy.delta, 0, 0.1, Bounds::without_least);
    table.number("max_epsilon", privacy.max_epsilon, 0, 1e6, Bounds::without_least);
    table.integer("max_participations", privacy.max_participations, 1, kMaxRounds);
    table.integer("min_separation_rounds", privacy.min_separation_rounds, 0, kMaxRounds);
    table.integer("noise_cohort", privacy.noise_cohort, 0, 1'000'000'000);
    if (privacy.mode == PrivacyMode::distributed) {
      read_distributed(table, privacy);
    } else {
      for (const std::string_view key : kDistributedKeys) table.refuse_key(key.data(), "central noise has no such key");
    }
  } else {
    for (const std::string_view key : kNoiseKeys) table.refuse_key(key.data(), "a plan without noise has no such key");
  }
  table.refuse_unknown_keys();
}

void read_evaluation(Table table, EvaluationSpec& evaluation) {
  table.number("holdout_fraction", evaluation.holdout_fraction, 0, 1, Bounds::without_most);
  table.integer("min_rows", evaluation.min_rows, 1, kMaxDevices);
  table.refuse_unknown_keys();
}

void read_plan(Table root, Plan& plan, Faults& faults) {
  root.integer("schema", plan.schema, 1, 1, Presence::required);
  root.text("name", plan.name, Presence::required);
  root.text("population", plan.population, Presence::required);
  root.text("purpose", plan.purpose, Presence::required);
  root.task_id("task", plan.task);
  root.day("last_day", plan.last_day);
  read_model(root.table("model", Presence::required), plan.model);
  read_training(root.table("training"), plan.training);
  Table federation = root.table("federation");
  read_federation(federation, plan.federation);
  read_server(root.table("server"), plan.server);

  Table aggregation = root.table("aggregation");
  read_aggregation(aggregation, plan.aggregation);

  Table privacy = root.table("privacy");
  read_privacy(privacy, plan.privacy);

  Table eligibility = root.table("eligibility");
  eligibility.integer("min_examples", plan.eligibility.min_examples, 0, 1'000'000);
  eligibility.refuse_unknown_keys();
  read_evaluation(root.table("evaluation"), plan.evaluation);
  root.refuse_unknown_keys();

  // Consistency is looked at only where every value by itself is right.
  if (!faults.status()) return;
  if (const std::optional<Contradiction> found = find_contradiction(plan)) {
    Table& table = found->table == PlanTable::federation ? federation : found->table == PlanTable::privacy ? privacy : aggregation;
    table.fault(found->key, found->what, found->hint);
  }
}

// A plan of another schema has keys that this program does not know: say that first, and not that they are unknown.
Status check_schema(const toml::table& document) {
  const auto schema = document["schema"].value_exact<std::int64_t>();
  if (!schema || *schema == 1) return {};
  return fail(ErrorCode::malformed, "plan: schema (line " + std::to_string(document["schema"].node()->source().begin.line) + "): " +
                                        std::to_string(*schema) + " is not known to this program, which reads schema 1",
              "update this program, or write the plan in schema 1");
}

Status check_depth(std::string_view toml_text) {
  for (std::size_t number = 1; !toml_text.empty(); ++number) {
    const std::string_view line = toml_text.substr(0, toml_text.find('\n'));
    toml_text.remove_prefix(std::min(line.size() + 1, toml_text.size()));
    if (std::count(line.begin(), line.end(), '.') > kMaxDotsInALine)
      return fail(ErrorCode::limit, "plan: line " + std::to_string(number) + ": more than " + std::to_string(kMaxDotsInALine) + " dots in one line",
                  "write a list with one entry a line");
  }
  return {};
}

Result<Plan> parse_document(std::string_view toml_text) {
  const toml::table document = toml::parse(toml_text);
  FEDSPEND_TRY(check_schema(document));
  Plan plan;
  Faults faults;
  read_plan(Table(&document, "", faults), plan, faults);
  FEDSPEND_TRY(faults.status());
  return plan;
}

}  // namespace

std::set<std::string> plan_keys() {
  Plan plan;
  Faults faults;
  read_plan(Table(nullptr, "", faults), plan, faults);  // of a plan with nothing in it: it asks for every key
  std::set<std::string> keys = std::move(faults.known);
  keys.erase("model.sizes");
  std::erase_if(keys, [&](const std::string& key) {  // what has keys under it is a table
    const auto under = keys.lower_bound(key + ".");
    return under != keys.end() && under->starts_with(key + ".");
  });
  return keys;
}

Result<Plan> parse_plan(std::string_view toml_text) {
  if (toml_text.size() > kMaxPlanBytes)
    return fail(ErrorCode::limit, "plan: " + std::to_string(toml_text.size()) + " bytes, at most " + std::to_string(kMaxPlanBytes));
  FEDSPEND_TRY(check_depth(toml_text));
  try {
    return parse_document(toml_text);
  } catch (const toml::parse_error& error) {
    const std::string_view description = error.description();
    return fail(ErrorCode::malformed,
                "plan: line " + std::to_string(error.source().begin.line) + ", column " + std::to_string(error.source().begin.column) + ": " +
                    (is_plain_text(description) ? std::string(description) : std::string("not TOML")),
                "a plan is a TOML file (toml.io)");
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, std::string("plan: ") + error.what());
  }
}

}  // namespace fedspend
