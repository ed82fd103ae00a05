#pragma once
// What the client wrote (client/json_text.h), read by a library that did not.

#include <nlohmann/json.hpp>

#include "client/json_text.h"

namespace fedspend::client {

inline nlohmann::json parsed(const Json& json) { return nlohmann::json::parse(json.text()); }

}  // namespace fedspend::client
