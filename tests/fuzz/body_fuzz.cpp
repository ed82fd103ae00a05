// The body of one message type, which CMakeLists.txt names.
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fedspend::fuzz::check_body(fedspend::MessageType::FEDSPEND_FUZZ_TYPE, fedspend::ByteSpan(data, size));
  return 0;
}
