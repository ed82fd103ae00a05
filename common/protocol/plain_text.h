#pragma once
// What counts as text in a message, a plan or a model file: well-formed UTF-8 (RFC 3629: no overlong form, no surrogate, nothing
// above U+10FFFF) without control characters (C0, DEL, C1), so that it can stand in a log line as it is. Thread-safe (no state).

#include <string_view>

namespace fedspend {

bool is_plain_text(std::string_view text) noexcept;
// Well-formed UTF-8, control characters or not: what a person's data may hold.
bool is_utf8(std::string_view text) noexcept;

}  // namespace fedspend
