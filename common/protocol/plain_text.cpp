#include "common/protocol/plain_text.h"

#include <cstddef>
#include <cstdint>

namespace fedspend {
namespace {

struct Lead {
  std::size_t length;     // bytes of the sequence; 0: no lead byte
  std::uint32_t bits;     // the code point's bits in the lead byte
  std::uint32_t smallest; // below this the sequence is overlong
};

Lead lead_of(std::uint8_t byte) noexcept {
  if (byte < 0x80) return {1, byte, 0};
  if ((byte & 0xe0) == 0xc0) return {2, byte & 0x1fu, 0x80};
  if ((byte & 0xf0) == 0xe0) return {3, byte & 0x0fu, 0x800};
  if ((byte & 0xf8) == 0xf0) return {4, byte & 0x07u, 0x10000};
  return {0, 0, 0};
}

bool is_character(std::uint32_t code_point) noexcept {
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  return !surrogate && code_point <= 0x10ffff;
}
bool is_plain(std::uint32_t code_point) noexcept {
  const bool control = code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f);
  return !control && is_character(code_point);
}

bool all_are(std::string_view text, bool (*allowed)(std::uint32_t) noexcept) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const Lead lead = lead_of(static_cast<std::uint8_t>(text[at]));
    if (lead.length == 0 || lead.length > text.size() - at) return false;
    std::uint32_t code_point = lead.bits;
    for (std::size_t i = 1; i < lead.length; ++i) {
      const auto byte = static_cast<std::uint8_t>(text[at + i]);
      if ((byte & 0xc0) != 0x80) return false;
      code_point = (code_point << 6) | (byte & 0x3fu);
    }
    if (code_point < lead.smallest || !allowed(code_point)) return false;
    at += lead.length;
  }
  return true;
}

}  // namespace

bool is_plain_text(std::string_view text) noexcept { return all_are(text, is_plain); }
bool is_utf8(std::string_view text) noexcept { return all_are(text, is_character); }

}  // namespace fedspend
