#pragma once
// A set of roster positions (U2 and U3 of SECAGG.md), or of coordinates, as it travels: a bitmap of exactly ceil(size / 8) bytes, bit i mod 8
// (0 is the least significant) of byte i / 8 for position i, pad bits zero, so that a set has one encoding. Plain value.

#include <cstdint>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend {

class PositionSet {
 public:
  explicit PositionSet(std::uint32_t size = 0) : size_(size), bits_((std::size_t{size} + 7) / 8) {}
  // malformed: another length, or a pad bit (cases 18 and 19).
  static Result<PositionSet> parse(std::uint32_t size, ByteSpan bitmap);

  std::uint32_t size() const { return size_; }
  bool contains(std::uint32_t position) const;  // false at and beyond size()
  void insert(std::uint32_t position);          // below size() (a programmer's mistake otherwise)
  std::uint32_t count() const;
  std::uint32_t rank(std::uint32_t position) const;  // how many are below `position`, at most size()
  bool is_subset_of(const PositionSet& other) const;
  std::vector<std::uint32_t> positions() const;  // rising
  const Bytes& bitmap() const { return bits_; }
  bool operator==(const PositionSet&) const = default;

 private:
  std::uint32_t size_;
  Bytes bits_;
};

}  // namespace fedspend
