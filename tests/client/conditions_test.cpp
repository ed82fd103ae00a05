// Whether a device may work now: each rule by itself, and what is not known counts as no.

#include "client/conditions.h"

#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace fedspend::client {
namespace {

Conditions good() {
  return {.idle = true, .charging = true, .unmetered = true, .battery_level = 0.8, .free_storage_bytes = 1'000'000'000, .thermals_ok = true};
}
std::string reason(const ConditionRules& rules, const Conditions& now) {
  const Status checked = check_conditions(rules, now);
  if (checked) return "";
  CHECK(checked.error().code == ErrorCode::refused);
  return checked.error().message;
}
constexpr ConditionRules kNothingAsked = {.require_idle = false, .require_charging = false, .require_unmetered = false, .require_thermals_ok = false, .min_battery_level = 0, .min_free_storage_bytes = 0};

struct Case {
  const char* about;
  void (*asks)(ConditionRules&);
  void (*is_not)(Conditions&);
  void (*unknown)(Conditions&);
  const char* no;
  const char* not_known;
};
const std::vector<Case> kCases = {
    {"idle", [](ConditionRules& r) { r.require_idle = true; }, [](Conditions& c) { c.idle = false; }, [](Conditions& c) { c.idle.reset(); },
     "the device is in use", "it is not known whether the device is in use"},
    {"charging", [](ConditionRules& r) { r.require_charging = true; }, [](Conditions& c) { c.charging = false; }, [](Conditions& c) { c.charging.reset(); },
     "the device is not charging", "it is not known whether the device is charging"},
    {"unmetered", [](ConditionRules& r) { r.require_unmetered = true; }, [](Conditions& c) { c.unmetered = false; }, [](Conditions& c) { c.unmetered.reset(); },
     "the network may cost money", "it is not known whether the network costs money"},
    {"thermals", [](ConditionRules& r) { r.require_thermals_ok = true; }, [](Conditions& c) { c.thermals_ok = false; }, [](Conditions& c) { c.thermals_ok.reset(); },
     "the device is too warm", "it is not known whether the device is too warm"},
    {"battery", [](ConditionRules& r) { r.min_battery_level = 0.3; }, [](Conditions& c) { c.battery_level = 0.29; }, [](Conditions& c) { c.battery_level.reset(); },
     "the battery is too low", "it is not known how full the battery is"},
    {"storage", [](ConditionRules& r) { r.min_free_storage_bytes = 20; }, [](Conditions& c) { c.free_storage_bytes = 19; }, [](Conditions& c) { c.free_storage_bytes.reset(); },
     "there is too little free storage", "it is not known how much storage is free"},
};

TEST_CASE("a device of which all is known to be well may work") { CHECK(reason({}, good()) == ""); }

TEST_CASE("a host that says nothing gets nothing done, unless nothing is asked") {
  CHECK(reason({}, {}) != "");
  CHECK(reason(kNothingAsked, {}) == "");
}

TEST_CASE("each rule by itself says no, and says what is not known") {
  for (const Case& each : kCases) {
    CAPTURE(each.about);
    ConditionRules rules = kNothingAsked;
    each.asks(rules);
    Conditions now = good();
    CHECK(reason(rules, now) == "");
    each.is_not(now);
    CHECK(reason(rules, now) == each.no);
    CHECK(reason({}, now) == each.no);
    CHECK(reason(kNothingAsked, now) == "");
    each.unknown(now);
    CHECK(reason(rules, now) == each.not_known);
    CHECK(reason({}, now) == each.not_known);
  }
}

TEST_CASE("a level at the limit is enough") {
  ConditionRules rules;
  Conditions now = good();
  now.battery_level = rules.min_battery_level;
  now.free_storage_bytes = rules.min_free_storage_bytes;
  CHECK(reason(rules, now) == "");
}

TEST_CASE("a battery level that is no level is not known, and a rule that is no number is never met") {
  Conditions now = good();
  for (const double level : {std::numeric_limits<double>::quiet_NaN(), -0.1, 1.1, std::numeric_limits<double>::infinity()}) {
    now.battery_level = level;
    CHECK(reason({}, now) == "it is not known how full the battery is");
  }
  CHECK(reason({.min_battery_level = std::numeric_limits<double>::quiet_NaN()}, good()) == "the battery is too low");
}

}  // namespace
}  // namespace fedspend::client
