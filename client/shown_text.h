#pragma once
// Text of somebody else's that is shown to the customer (a plan's name, a refusal's reason), made harmless. Thread-safe.

#include <cstddef>
#include <string>
#include <string_view>

namespace fedspend::client {

// At most `most_bytes` of it, cut between characters. What is not UTF-8, control characters, line and paragraph separators, and the marks that
// turn the reading direction (Unicode 15, UAX 9: with them a line can be made to read as another) are each replaced by '?'.
std::string shown_text(std::string_view text, std::size_t most_bytes);

}  // namespace fedspend::client
