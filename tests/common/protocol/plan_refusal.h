#pragma once
// Why a plan is refused.

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "common/protocol/plan.h"

namespace fedspend::testing {

inline std::string message_of(std::string_view text) {
  const auto plan = parse_plan(text);
  REQUIRE(!plan);
  CHECK(plan.error().code == ErrorCode::malformed);
  CHECK_MESSAGE(plan.error().message.find('\n') == std::string::npos, "one line");
  return plan.error().message;
}

}  // namespace fedspend::testing
