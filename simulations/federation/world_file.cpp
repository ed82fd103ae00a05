// Scenario files: the TOML form of a World.

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <set>
#include <sstream>

#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

#include "common/program/files.h"
#include "simulations/federation/world.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kMaxWorldBytes = 1 << 20;
constexpr double kMaxSpread = 4;  // octaves

// One table of the file and the words for its errors. `where` is empty, "class.NAME" or the like.
class Section {
 public:
  Section(const toml::table& table, std::string where, const std::string& source) : table_(table), where_(std::move(where)), source_(source) {}

  tl::unexpected<Error> wrong(std::string_view key, const std::string& what, std::string hint) const {
    const toml::node* const node = table_.get(key);
    const auto line = (node != nullptr ? node->source() : table_.source()).begin.line;
    return fail(ErrorCode::malformed, source_ + ":" + std::to_string(line) + ": " + full_name(key) + " " + what, std::move(hint));
  }
  Status only_keys(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, node] : table_) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      std::string list;
      for (const std::string_view name : known) (list += list.empty() ? "" : ", ") += name;
      return fail(ErrorCode::malformed, source_ + ":" + std::to_string(key.source().begin.line) + ": unknown key " + full_name(key.str()), "known here: " + list);
    }
    return {};
  }
  Result<std::string> name() const {
    const auto value = table_["name"].value<std::string>();
    if (!value || value->empty() || value->size() > 64 || std::any_of(value->begin(), value->end(), [](unsigned char c) { return c <= 0x20 || c == 0x7f; }))
      return wrong("name", "must be a word of at most 64 bytes", "for example name = \"phone\"");
    return *value;
  }
  // Within [low, high]; `other` where the key is not there.
  Result<double> number(std::string_view key, double low, double high, double other) const {
    const toml::node* const node = table_.get(key);
    return node == nullptr ? Result<double>(other) : number_of(key, *node, low, high);
  }
  Result<double> number_of(std::string_view key, const toml::node& node, double low, double high) const {
    const auto value = node.value<double>();
    if (!node.is_number() || !value || !std::isfinite(*value) || *value < low || *value > high) {
      std::ostringstream range;
      range << "must be a number from " << low << " to " << high;
      return wrong(key, range.str(), "");
    }
    return *value;
  }
  Result<Chance> chance(std::string_view key, double other) const {
    FEDSPEND_ASSIGN(const double value, number(key, 0, 1, other));
    return static_cast<Chance>(std::llround(value * static_cast<double>(kCertain)));
  }
  Result<Millis> millis(std::string_view key, double most, double unit_ms, double other) const {
    FEDSPEND_ASSIGN(const double value, number(key, 0, most, other));
    return Millis(std::llround(value * unit_ms));
  }
  // NAME in units of `scale`, and its spread in octaves.
  Result<Spread> spread(const std::string& key, const std::string& spread_key, double most, double scale) const {
    Spread made;
    FEDSPEND_ASSIGN(const double median, number(key, 0, most, 0));
    FEDSPEND_ASSIGN(const double octaves, number(spread_key, 0, kMaxSpread, 0));
    made.median = static_cast<std::uint64_t>(std::llround(median * scale));
    made.octaves_q16 = static_cast<std::int32_t>(std::lround(octaves * 65536));
    return made;
  }
  Result<std::uint64_t> share() const {
    FEDSPEND_ASSIGN(const double value, number("share", 0, 1e9, 1));
    return static_cast<std::uint64_t>(std::llround(value * 1000));
  }
  const toml::table& table() const { return table_; }
  Result<Section> inner(std::string_view key) const {
    const toml::node* const node = table_.get(key);
    if (!node->is_table()) return wrong(key, "must be a table", "write " + std::string(key) + " = { ... }");
    return Section(*node->as_table(), full_name(key), source_);
  }
  // [[key]], each with a name of its own.
  Result<std::vector<Section>> list(std::string_view key) const {
    std::vector<Section> sections;
    const toml::node* const node = table_.get(key);
    if (node == nullptr) return sections;
    if (!node->is_array_of_tables()) return wrong(key, "must be a list of tables", "write [[" + std::string(key) + "]] before each");
    std::set<std::string> names;
    for (const toml::node& item : *node->as_array()) {
      Section section(*item.as_table(), std::string(key), source_);
      FEDSPEND_ASSIGN(const std::string name, section.name());
      if (!names.insert(name).second) return section.wrong("name", "\"" + name + "\" stands twice", "give every " + std::string(key) + " a name of its own");
      sections.push_back(Section(*item.as_table(), std::string(key) + " " + name, source_));
    }
    return sections;
  }

 private:
  std::string full_name(std::string_view key) const { return (where_.empty() ? "" : where_ + ": ") + std::string(key); }

  const toml::table& table_;
  std::string where_;
  const std::string& source_;
};

Status read_available(const Section& section, DeviceClass& to) {
  to.available.fill(kCertain);
  const toml::node* const node = section.table().get("available");
  if (node == nullptr) return {};
  const toml::array* const hours = node->as_array();
  if (hours != nullptr && hours->size() != to.available.size()) return section.wrong("available", "has " + std::to_string(hours->size()) + " values", "give 24, one an hour, or one number for all");
  for (std::size_t hour = 0; hour < to.available.size(); ++hour) {
    FEDSPEND_ASSIGN(const double value, section.number_of("available", hours == nullptr ? *node : *hours->get(hour), 0, 1));
    to.available[hour] = static_cast<Chance>(std::llround(value * static_cast<double>(kCertain)));
  }
  if (std::all_of(to.available.begin(), to.available.end(), [](Chance chance) { return chance == 0; })) return section.wrong("available", "is zero at every hour", "such a device never takes part");
  return {};
}

Result<DeviceClass> read_class(const Section& section) {
  FEDSPEND_TRY(section.only_keys({"name", "share", "available", "rows_per_second", "rows_per_second_spread", "wait_s", "wait_spread", "up_kbit_per_s", "up_spread", "down_kbit_per_s", "down_spread",
                                  "latency_ms", "drop", "reconnects", "reconnect_after_s"}));
  DeviceClass made;
  FEDSPEND_ASSIGN(made.name, section.name());
  FEDSPEND_ASSIGN(made.share, section.share());
  FEDSPEND_TRY(read_available(section, made));
  FEDSPEND_ASSIGN(made.rows_per_second, section.spread("rows_per_second", "rows_per_second_spread", 1e9, 1));
  FEDSPEND_ASSIGN(made.wait_ms, section.spread("wait_s", "wait_spread", 86'400, 1000));
  FEDSPEND_ASSIGN(made.up_bits_per_second, section.spread("up_kbit_per_s", "up_spread", 1e8, 1000));
  FEDSPEND_ASSIGN(made.down_bits_per_second, section.spread("down_kbit_per_s", "down_spread", 1e8, 1000));
  FEDSPEND_ASSIGN(made.latency, section.millis("latency_ms", 60'000, 1, 0));
  if (section.table().contains("drop")) {
    FEDSPEND_ASSIGN(const Section drop, section.inner("drop"));
    FEDSPEND_TRY(drop.only_keys({"waiting", "training", "sending", "reply"}));
    FEDSPEND_ASSIGN(made.drop_waiting, drop.chance("waiting", 0));
    FEDSPEND_ASSIGN(made.drop_training, drop.chance("training", 0));
    FEDSPEND_ASSIGN(made.drop_sending, drop.chance("sending", 0));
    FEDSPEND_ASSIGN(made.reply_lost, drop.chance("reply", 0));
  }
  FEDSPEND_ASSIGN(made.reconnects, section.chance("reconnects", 0));
  FEDSPEND_ASSIGN(made.reconnect_after, section.millis("reconnect_after_s", 86'400, 1000, 0));
  return made;
}

Result<TimeZone> read_time_zone(const Section& section) {
  FEDSPEND_TRY(section.only_keys({"name", "utc_offset_h", "share"}));
  TimeZone made;
  FEDSPEND_ASSIGN(made.name, section.name());
  FEDSPEND_ASSIGN(const double hours, section.number("utc_offset_h", -14, 14, 0));
  made.utc_offset_minutes = static_cast<std::int32_t>(std::lround(hours * 60));
  FEDSPEND_ASSIGN(made.share, section.share());
  return made;
}

template <class Item>
bool no_shares(const std::vector<Item>& items) {
  return std::all_of(items.begin(), items.end(), [](const Item& item) { return item.share == 0; });
}

Result<World> read_world(const Section& top) {
  FEDSPEND_TRY(top.only_keys({"name", "starts_at_hour_utc", "check_in_spread_s", "selection_timeout_s", "patience_h", "class", "time_zone"}));
  World world;
  FEDSPEND_ASSIGN(world.name, top.name());
  FEDSPEND_ASSIGN(world.starts_at, top.millis("starts_at_hour_utc", 24, 3'600'000, 0));
  FEDSPEND_ASSIGN(world.check_in_spread, top.millis("check_in_spread_s", 86'400, 1000, 0));
  FEDSPEND_ASSIGN(const double timeout_s, top.number("selection_timeout_s", 1, 86'400, 600));
  world.selection_timeout = Millis(std::llround(1000 * timeout_s));
  FEDSPEND_ASSIGN(world.patience, top.millis("patience_h", 24 * 365, 3'600'000, 72));
  FEDSPEND_ASSIGN(const std::vector<Section> classes, top.list("class"));
  for (const Section& section : classes) {
    FEDSPEND_ASSIGN(DeviceClass made, read_class(section));
    world.classes.push_back(std::move(made));
  }
  FEDSPEND_ASSIGN(const std::vector<Section> zones, top.list("time_zone"));
  for (const Section& section : zones) {
    FEDSPEND_ASSIGN(TimeZone made, read_time_zone(section));
    world.time_zones.push_back(std::move(made));
  }
  if (world.classes.empty()) return top.wrong("class", "is missing", "write [[class]] and what a device is like");
  if (world.time_zones.empty()) world.time_zones.push_back({.name = "UTC"});
  if (no_shares(world.classes) || no_shares(world.time_zones)) return top.wrong("class", "or time_zone: all shares are zero", "give at least one of them a share");
  return world;
}

}  // namespace

Result<World> parse_world(std::string_view toml_text, const std::string& source) {
  toml::table document;
  try {
    document = toml::parse(toml_text);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::malformed, source + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()), "check the TOML");
  }
  FEDSPEND_ASSIGN(World world, read_world(Section(document, "", source)));
  world.hash = Hasher("sim-world").field(toml_text).finish();
  return world;
}

Result<World> read_world_file(const std::filesystem::path& path) {
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxWorldBytes));
  return parse_world(as_text(bytes), path.string());
}

}  // namespace fedspend::simulations
