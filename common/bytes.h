#pragma once
// Bytes and their text forms. Integers on the wire and in hashes are little-endian.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace fedspend {

using Bytes = std::vector<std::uint8_t>;
using ByteSpan = std::span<const std::uint8_t>;
using MutableByteSpan = std::span<std::uint8_t>;

inline ByteSpan as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteSpan bytes);  // lower case
// Exactly 2 * out.size() hexadecimal digits, of either case; otherwise malformed, and `out` is unspecified.
Status from_hex(std::string_view text, MutableByteSpan out);
Result<Bytes> from_hex(std::string_view text);

void store_u16(MutableByteSpan out, std::uint16_t value);  // out.size() >= 2
void store_u32(MutableByteSpan out, std::uint32_t value);  // >= 4
void store_u64(MutableByteSpan out, std::uint64_t value);  // >= 8
std::uint16_t load_u16(ByteSpan in);
std::uint32_t load_u32(ByteSpan in);
std::uint64_t load_u64(ByteSpan in);

}  // namespace fedspend
