#pragma once
// The bytes of a row of the vault: fields one after another, little-endian, texts with their length before them. Strict: a row is read
// whole or not at all, bytes left over are an error, a text is no longer than its reader allows, and what was read writes the same bytes
// again. A row's first byte is its form, so that a later version can be told from damage. Not thread-safe.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/bytes.h"
#include "common/check.h"
#include "common/ids.h"

namespace fedspend::client {

class RowWriter {
 public:
  explicit RowWriter(std::uint8_t form) { u8(form); }

  RowWriter& u8(std::uint8_t value) {
    bytes_.push_back(value);
    return *this;
  }
  RowWriter& u64(std::uint64_t value) {
    store_u64(grow(8), value);
    return *this;
  }
  RowWriter& i64(std::int64_t value) { return u64(static_cast<std::uint64_t>(value)); }
  RowWriter& f64(double value) { return u64(std::bit_cast<std::uint64_t>(value)); }
  RowWriter& text(std::string_view value) {  // at most 65535 bytes
    FEDSPEND_CHECK(value.size() <= 0xffff, "texts of rows have caps far below this");
    store_u16(grow(2), static_cast<std::uint16_t>(value.size()));
    std::ranges::copy(value, grow(value.size()).begin());
    return *this;
  }
  template <class Id>
  RowWriter& id(const Id& value) {
    std::ranges::copy(value.bytes, grow(value.bytes.size()).begin());
    return *this;
  }
  Bytes take() { return std::move(bytes_); }

 private:
  MutableByteSpan grow(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return MutableByteSpan(bytes_).last(count);
  }
  Bytes bytes_;
};

// A field that is not there makes the reader fail for good; look at done() once, at the end. Until then values are zero or empty.
class RowReader {
 public:
  RowReader(ByteSpan row, std::uint8_t form) : rest_(row) {
    if (u8() != form) fails();
  }

  std::uint8_t u8() {
    const ByteSpan from = take(1);
    return from.empty() ? std::uint8_t{0} : from[0];
  }
  std::uint64_t u64() {
    const ByteSpan from = take(8);
    return from.empty() ? 0 : load_u64(from);
  }
  std::int64_t i64() { return static_cast<std::int64_t>(u64()); }
  double f64() { return std::bit_cast<double>(u64()); }
  std::string text(std::size_t most_bytes) {
    const ByteSpan length = take(2);
    if (length.empty()) return {};
    const std::size_t count = load_u16(length);
    if (count > most_bytes) {
      fails();
      return {};
    }
    return std::string(as_text(take(count)));
  }
  template <class Id>
  Id id() {
    Id read;
    const ByteSpan from = take(Id::kSize);
    if (!from.empty()) std::ranges::copy(from, read.bytes.begin());
    return read;
  }
  void fails() {
    ok_ = false;
    rest_ = {};
  }
  // All that was asked for was there, and nothing else.
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }

 private:
  ByteSpan take(std::size_t count) {
    if (rest_.size() < count) {
      fails();
      return {};
    }
    const ByteSpan taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  ByteSpan rest_;
  bool ok_ = true;
};

}  // namespace fedspend::client
