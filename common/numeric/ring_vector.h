#pragma once
// Vectors of integers mod 2^b, 1 <= b <= 32, and their packed form: b bits a value, least significant bit first, no gaps; the
// pad bits of the last byte are zero and are checked. What secure aggregation masks and the coordinator adds. (SECAGG.md)
// Not thread-safe.

#include <cstdint>
#include <span>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend {

// ceil(count * bits / 8). count < 2^32.
std::size_t packed_size(std::size_t count, unsigned bits);

class RingVector {
 public:
  RingVector(std::size_t count, unsigned bits);  // zeros

  std::size_t size() const { return values_.size(); }
  unsigned bits() const { return bits_; }
  std::span<const std::uint32_t> values() const { return values_; }
  std::span<std::uint32_t> mutable_values() { return values_; }  // the caller keeps every value below 2^bits

  // this += other mod 2^b; the same size and width (a programmer's mistake otherwise).
  void add(const RingVector& other);
  // The value centred into [-2^(b-1), 2^(b-1)).
  std::int32_t centred(std::size_t index) const;

  Bytes pack() const;
  // Exactly packed_size(count, bits) bytes and zero pad bits; otherwise malformed. The length is checked before allocation.
  static Result<RingVector> unpack(ByteSpan packed, std::size_t count, unsigned bits);

 private:
  unsigned bits_;
  std::vector<std::uint32_t> values_;
};

}  // namespace fedspend
