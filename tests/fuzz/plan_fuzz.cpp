// The text of a plan. A plan has no canonical form, so the property is that a plan that is read, written and read again is the same.
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedspend;
  const auto plan = parse_plan(as_text(ByteSpan(data, size)));
  if (!plan) {
    FEDSPEND_CHECK(plan.error().message.find('\n') == std::string::npos, "an error has one line");
    FEDSPEND_CHECK(plan.error().code != ErrorCode::internal, "no bytes are a bug of this program");
    return 0;
  }
  const auto again = parse_plan(write_plan(*plan));
  FEDSPEND_CHECK(again.has_value() && *again == *plan, "what is written reads as the same plan");
  return 0;
}
