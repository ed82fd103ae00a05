#include "client/conditions.h"

namespace fedspend::client {
namespace {

Status waits(const char* what) { return fail(ErrorCode::refused, what, "the device tries again later by itself"); }

// Unknown is no, but a person is told which of the two it is: an unknown that stays is for the host's developer to mend.
Status check_yes(bool required, const std::optional<bool>& is, const char* no, const char* unknown) {
  if (!required || (is && *is)) return {};
  return waits(is ? no : unknown);
}

}  // namespace

Status check_conditions(const ConditionRules& rules, const Conditions& now) {
  FEDSPEND_TRY(check_yes(rules.require_idle, now.idle, "the device is in use", "it is not known whether the device is in use"));
  FEDSPEND_TRY(check_yes(rules.require_charging, now.charging, "the device is not charging", "it is not known whether the device is charging"));
  FEDSPEND_TRY(check_yes(rules.require_unmetered, now.unmetered, "the network may cost money", "it is not known whether the network costs money"));
  FEDSPEND_TRY(check_yes(rules.require_thermals_ok, now.thermals_ok, "the device is too warm", "it is not known whether the device is too warm"));
  if (!(rules.min_battery_level <= 0)) {  // a rule that is not a number asks for what no battery has
    if (!now.battery_level || !(*now.battery_level >= 0 && *now.battery_level <= 1)) return waits("it is not known how full the battery is");
    if (!(*now.battery_level >= rules.min_battery_level)) return waits("the battery is too low");
  }
  if (rules.min_free_storage_bytes > 0) {
    if (!now.free_storage_bytes) return waits("it is not known how much storage is free");
    if (*now.free_storage_bytes < rules.min_free_storage_bytes) return waits("there is too little free storage");
  }
  return {};
}

}  // namespace fedspend::client
