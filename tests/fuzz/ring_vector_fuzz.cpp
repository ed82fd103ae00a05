// A packed ring vector: a byte for the width, four for the count, and the packed bytes.
#include "common/numeric/ring_vector.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedspend;
  const ByteSpan bytes(data, size);
  if (bytes.size() < 5) return 0;
  const unsigned bits = 1u + bytes[0] % 32u;
  const std::size_t count = load_u32(bytes.subspan(1));
  const ByteSpan packed = bytes.subspan(5);
  const auto vector = RingVector::unpack(packed, count, bits);
  if (!vector) return 0;
  FEDSPEND_CHECK(vector->size() == count && vector->bits() == bits, "as many values, as wide as asked for");
  for (const std::uint32_t value : vector->values()) FEDSPEND_CHECK(bits == 32 || value >> bits == 0, "every value is below 2^bits");
  FEDSPEND_CHECK(std::ranges::equal(vector->pack(), packed), "a vector has one packed form");
  return 0;
}
