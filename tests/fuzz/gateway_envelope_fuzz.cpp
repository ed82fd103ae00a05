// The bodies of the HTTPS exchanges, as they come from a host app and from a gateway.
#include "common/transport/envelope.h"
#include "tests/fuzz/fuzz_target.h"

namespace fedspend {
namespace {

constexpr GatewayLimits kLimits{.max_bulk_bytes = 4096};

void check_request(ByteSpan bytes) {
  const auto opened = open_gateway_request(bytes, kLimits);
  if (!opened) return;
  const auto messages = decode_gateway_messages(*opened, kLimits);
  if (!messages) return;
  GatewayRequest request = opened->header;
  request.messages = *messages;
  const Bytes again = seal_gateway_request(request, kLimits, [&](ByteSpan) -> Result<Signature> { return opened->signature; }).value();
  FEDSPEND_CHECK(std::ranges::equal(again, bytes), "a request has one form");
}

void check_response(ByteSpan bytes) {
  const auto response = decode_gateway_response(bytes, kLimits);
  if (!response) return;
  FEDSPEND_CHECK(std::ranges::equal(encode_gateway_response(*response, kLimits), bytes), "a response has one form");
}

}  // namespace
}  // namespace fedspend

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fedspend::check_request({data, size});
  fedspend::check_response({data, size});
  return 0;
}
