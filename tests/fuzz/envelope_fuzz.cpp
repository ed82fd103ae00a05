// A whole control frame, as it comes from a channel: the header, then the body of the type that it names.
#include "tests/fuzz/fuzz_target.h"

namespace fedspend {
namespace {

void check_frame(ByteSpan frame) {
  const auto envelope = open_envelope(frame);
  if (!envelope) return;
  FEDSPEND_CHECK(frame.size() <= kMaxControlBytes, "the cap holds");
  FEDSPEND_CHECK(envelope->body.size() + kEnvelopeHeaderBytes == frame.size(), "the body is all that follows the header");
  FEDSPEND_CHECK(envelope->body.size() <= max_body_bytes(envelope->type), "the limit of the type holds");
  fuzz::check_body(envelope->type, envelope->body);
  const auto message = decode_body(envelope->type, envelope->body);
  if (!message || !envelope->sender.is_zero()) return;
  // A coordinator's frame is not signed, so the whole of it can be made again.
  FEDSPEND_CHECK(std::ranges::equal(seal_from_coordinator(*message, envelope->session), frame), "a frame has one form");
}

}  // namespace
}  // namespace fedspend

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fedspend::check_frame(fedspend::ByteSpan(data, size));
  return 0;
}
