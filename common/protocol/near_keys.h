#pragma once
// What somebody may have meant by a key that does not exist, so that an error can say it. Thread-safe: no state.

#include <set>
#include <string>
#include <string_view>

namespace fedspend {

// Of the known keys ("table.key"): those that have the same name in another table, joined with " or "; else the nearest in
// spelling; empty where none is near. `path` is short: the work grows with its length times theirs.
std::string near_keys(std::string_view path, const std::set<std::string>& known);

}  // namespace fedspend
