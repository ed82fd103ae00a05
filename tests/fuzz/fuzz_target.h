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

}  // namespace fedspend::fuzz

#define FEDSPEND_FUZZ_BODY(type)                                                                \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {           \
    fedspend::fuzz::check_body(fedspend::MessageType::type, fedspend::ByteSpan(data, size));    \
    return 0;                                                                                   \
  }
