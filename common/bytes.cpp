#include "common/bytes.h"

#include "common/check.h"

namespace fedspend {
namespace {

template <class Integer>
void store(MutableByteSpan out, Integer value) {
  FEDSPEND_CHECK(out.size() >= sizeof(Integer), "room for the integer");
  for (std::size_t i = 0; i < sizeof(Integer); ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <class Integer>
Integer load(ByteSpan in) {
  FEDSPEND_CHECK(in.size() >= sizeof(Integer), "bytes of the integer");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) value |= std::uint64_t{in[i]} << (8 * i);
  return static_cast<Integer>(value);
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(ByteSpan bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 15]);
  }
  return text;
}

Status from_hex(std::string_view text, MutableByteSpan out) {
  if (text.size() != 2 * out.size())
    return fail(ErrorCode::malformed, std::to_string(2 * out.size()) + " hexadecimal digits expected, " + std::to_string(text.size()) + " found");
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit_of(text[2 * i]);
    const int low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) return fail(ErrorCode::malformed, "a character that is not a hexadecimal digit");
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return {};
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return fail(ErrorCode::malformed, "an odd number of hexadecimal digits");
  Bytes bytes(text.size() / 2);
  FEDSPEND_TRY(from_hex(text, bytes));
  return bytes;
}

void store_u16(MutableByteSpan out, std::uint16_t value) { store(out, value); }
void store_u32(MutableByteSpan out, std::uint32_t value) { store(out, value); }
void store_u64(MutableByteSpan out, std::uint64_t value) { store(out, value); }
std::uint16_t load_u16(ByteSpan in) { return load<std::uint16_t>(in); }
std::uint32_t load_u32(ByteSpan in) { return load<std::uint32_t>(in); }
std::uint64_t load_u64(ByteSpan in) { return load<std::uint64_t>(in); }

}  // namespace fedspend
