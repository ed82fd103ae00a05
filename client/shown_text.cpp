#include "client/shown_text.h"

#include <algorithm>

#include "common/protocol/plain_text.h"

namespace fedspend::client {
namespace {

// Bytes of the character that `text` begins with, by its first byte; 1 for one that begins none.
std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return std::min(count, text.size());
}

// U+061C, U+200E, U+200F, U+2028 ... U+202E, U+2066 ... U+2069
bool turns_or_breaks(std::string_view character) {
  if (character == "\xd8\x9c" || character == "\xe2\x80\x8e" || character == "\xe2\x80\x8f") return true;
  return (character >= "\xe2\x80\xa8" && character <= "\xe2\x80\xae") || (character >= "\xe2\x81\xa6" && character <= "\xe2\x81\xa9");
}

}  // namespace

std::string shown_text(std::string_view text, std::size_t most_bytes) {
  std::string shown;
  while (!text.empty()) {
    std::string_view character = text.substr(0, character_bytes(text));
    const bool whole = is_utf8(character);
    if (!whole) character = text.substr(0, 1);
    const bool fine = whole && is_plain_text(character) && !turns_or_breaks(character);
    if (shown.size() + (fine ? character.size() : 1) > most_bytes) break;
    shown += fine ? character : "?";
    text.remove_prefix(character.size());
  }
  return shown;
}

}  // namespace fedspend::client
