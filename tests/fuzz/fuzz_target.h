#pragma once
// What the fuzz targets share: the name of libFuzzer's entry point, and a check that ends the process so that libFuzzer keeps the
// input. A target states one property: what decodes encodes to the same bytes again, and nothing crashes, hangs, or allocates much
// more than it was given (the limits stand in CMakeLists.txt). How to run them: CMakeLists.txt.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/bytes.h"
#include "common/check.h"
#include "common/protocol/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fedspend::fuzz {

// Of one message type: decode_body on any bytes.
inline void check_body(MessageType type, ByteSpan bytes) {
  const auto message = decode_body(type, bytes);
  if (!message) return;
  FEDSPEND_CHECK(type_of(*message) == type, "the type that was asked for");
  const Bytes again = encode_body(*message);
  FEDSPEND_CHECK(std::ranges::equal(again, bytes), "a body has one form");
}

// The input as a list of decisions, for targets that make valid messages and then change them; zeros once it is used up.
class Decisions {
 public:
  explicit Decisions(ByteSpan bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const std::uint8_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    return byte;
  }
  std::uint16_t u16() {
    const unsigned low = u8();
    return static_cast<std::uint16_t>(low | unsigned{u8()} << 8);
  }
  std::uint32_t u32() {
    const std::uint32_t low = u16();
    return low | std::uint32_t{u16()} << 16;
  }

 private:
  ByteSpan rest_;
};

}  // namespace fedspend::fuzz
