#include "common/transport/envelope.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/check.h"

namespace fedspend {
namespace {

constexpr std::string_view kRequestMagic = "FSGQ";
constexpr std::string_view kResponseMagic = "FSGA";
constexpr std::size_t kSignatureBytes = sizeof(Signature);
constexpr std::size_t kLengthBytes = 4;  // before each frame
constexpr std::size_t kLeastMessageBytes = 2 * kLengthBytes + 1;

tl::unexpected<Error> malformed(const std::string& what) { return fail(ErrorCode::malformed, "gateway envelope: " + what); }

std::size_t max_messages_bytes(const GatewayLimits& limits) {
  return kMaxMessagesPerExchange * (2 * kLengthBytes + kMaxControlBytes) + limits.max_bulk_bytes;
}

class Writer {
 public:
  explicit Writer(std::size_t size) { bytes_.reserve(size); }
  void raw(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u16(std::uint16_t value) { store_u16(grow(2), value); }
  void u32(std::uint32_t value) { store_u32(grow(4), value); }
  void u64(std::uint64_t value) { store_u64(grow(8), value); }
  ByteSpan written() const { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  MutableByteSpan grow(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return MutableByteSpan(bytes_).last(count);
  }
  Bytes bytes_;
};

// Over bytes whose length has been checked: reading past the end is a mistake of this file.
class Reader {
 public:
  explicit Reader(ByteSpan bytes) : rest_(bytes) {}
  std::size_t left() const { return rest_.size(); }
  ByteSpan rest() const { return rest_; }
  ByteSpan raw(std::size_t count) {
    FEDSPEND_CHECK(count <= rest_.size(), "the length was checked");
    const ByteSpan taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  void raw(MutableByteSpan out) { std::ranges::copy(raw(out.size()), out.begin()); }
  std::uint8_t u8() { return raw(1).front(); }
  std::uint16_t u16() { return load_u16(raw(2)); }
  std::uint32_t u32() { return load_u32(raw(4)); }
  std::uint64_t u64() { return load_u64(raw(8)); }

 private:
  ByteSpan rest_;
};

Status check_preamble(Reader& reader, std::string_view magic) {
  if (as_text(reader.raw(magic.size())) != magic) return malformed("it does not begin with " + std::string(magic));
  const std::uint16_t version = reader.u16();
  if (version != kGatewayVersion) return fail(ErrorCode::refused, "gateway envelope: version " + std::to_string(version) + " is not spoken here");
  return {};
}

std::size_t size_of(const std::vector<Frames>& messages) {
  std::size_t size = 0;
  for (const Frames& frames : messages) size += 2 * kLengthBytes + frames.size();
  return size;
}

void write_messages(Writer& writer, const std::vector<Frames>& messages, const GatewayLimits& limits) {
  FEDSPEND_CHECK(messages.size() <= kMaxMessagesPerExchange, "at most kMaxMessagesPerExchange messages");
  std::size_t bulk_bytes = 0;
  writer.u8(static_cast<std::uint8_t>(messages.size()));
  for (const Frames& frames : messages) {
    const ByteSpan bulk = frames.bulk_bytes();
    bulk_bytes += bulk.size();
    FEDSPEND_CHECK(!frames.control.empty() && frames.control.size() <= kMaxControlBytes, "a control frame of 1..kMaxControlBytes bytes");
    FEDSPEND_CHECK(bulk_bytes <= limits.max_bulk_bytes, "the bulk frames together within their cap");
    writer.u32(static_cast<std::uint32_t>(frames.control.size()));
    writer.raw(frames.control);
    writer.u32(static_cast<std::uint32_t>(bulk.size()));
    writer.raw(bulk);
  }
}

Result<ByteSpan> read_frame(Reader& reader, std::size_t cap, const char* what) {
  if (reader.left() < kLengthBytes) return malformed(std::string("it ends before the length of a ") + what + " frame");
  const std::size_t length = reader.u32();
  if (length > cap) return fail(ErrorCode::limit, "gateway envelope: a " + std::string(what) + " frame of " + std::to_string(length) + " bytes is above the cap");
  if (length > reader.left()) return malformed(std::string("a ") + what + " frame is longer than what is left");
  return reader.raw(length);
}

Result<std::vector<Frames>> read_messages(ByteSpan bytes, std::size_t count, const GatewayLimits& limits) {
  Reader reader(bytes);
  if (count > kMaxMessagesPerExchange) return malformed(std::to_string(count) + " messages");
  if (count * kLeastMessageBytes > reader.left()) return malformed("more messages than bytes for them");
  std::vector<Frames> messages;
  messages.reserve(count);
  std::size_t bulk_bytes_left = limits.max_bulk_bytes;
  for (std::size_t i = 0; i < count; ++i) {
    FEDSPEND_ASSIGN(const ByteSpan control, read_frame(reader, kMaxControlBytes, "control"));
    if (control.empty()) return malformed("an empty control frame");
    FEDSPEND_ASSIGN(const ByteSpan bulk, read_frame(reader, bulk_bytes_left, "bulk"));
    bulk_bytes_left -= bulk.size();
    Frames frames{Bytes(control.begin(), control.end()), nullptr};
    if (!bulk.empty()) frames.bulk = std::make_shared<const Bytes>(bulk.begin(), bulk.end());
    messages.push_back(std::move(frames));
  }
  if (reader.left() > 0) return malformed(std::to_string(reader.left()) + " bytes are left over");
  return messages;
}

// What a response may say besides its messages.
Status check_response(const GatewayResponse& response, std::size_t message_count) {
  const bool ok = response.status == GatewayStatus::ok;
  if (ok != (response.number > 0)) return malformed("a number and a status that do not go together");
  if (!ok && message_count > 0) return malformed("messages with a status other than ok");
  const bool has_time = response.retry_after_s > 0;
  if (has_time != (response.status == GatewayStatus::retry_later)) return malformed("a status and a time to wait that do not go together");
  if (response.retry_after_s > kMaxRetryAfterS) return malformed("more than a day to wait");
  return {};
}

Status check_request(const GatewayRequest& request) {
  if (request.connection.is_zero()) return malformed("a connection without an id");
  if (request.sequence == 0) return malformed("sequences begin at 1");
  if (request.acknowledged >= request.sequence) return malformed("it acknowledges what has not been answered");
  if (request.poll_ms > kMaxPollMs) return malformed("a poll of more than " + std::to_string(kMaxPollMs) + " ms");
  return {};
}

}  // namespace

std::size_t max_gateway_request_bytes(const GatewayLimits& limits) { return kGatewayRequestHeaderBytes + max_messages_bytes(limits) + kSignatureBytes; }
std::size_t max_gateway_response_bytes(const GatewayLimits& limits) { return kGatewayResponseHeaderBytes + max_messages_bytes(limits); }

Hash256 gateway_request_digest(ByteSpan signed_part) { return Hasher("gateway-request").field(signed_part).finish(); }

Result<Bytes> seal_gateway_request(const GatewayRequest& request, const GatewayLimits& limits, const GatewaySigner& sign) {
  FEDSPEND_CHECK(check_request(request).has_value(), "a request within its limits");
  Writer writer(kGatewayRequestHeaderBytes + size_of(request.messages) + kSignatureBytes);
  writer.raw(as_bytes(kRequestMagic));
  writer.u16(kGatewayVersion);
  writer.raw(request.sender.bytes);
  writer.raw(request.connection.bytes);
  writer.u64(request.sequence);
  writer.u64(request.acknowledged);
  writer.u32(request.poll_ms);
  write_messages(writer, request.messages, limits);
  const Hash256 digest = gateway_request_digest(writer.written());
  FEDSPEND_ASSIGN(const Signature signature, sign(digest));
  writer.raw(signature);
  return writer.take();
}

Result<OpenedGatewayRequest> open_gateway_request(ByteSpan body, const GatewayLimits& limits) {
  if (body.size() > max_gateway_request_bytes(limits)) return fail(ErrorCode::limit, "gateway envelope: a request of " + std::to_string(body.size()) + " bytes is above the cap");
  if (body.size() < kGatewayRequestHeaderBytes + kSignatureBytes) return malformed("shorter than a request");
  OpenedGatewayRequest opened;
  opened.signed_part = body.first(body.size() - kSignatureBytes);
  std::ranges::copy(body.last(kSignatureBytes), opened.signature.begin());
  Reader reader(opened.signed_part);
  FEDSPEND_TRY(check_preamble(reader, kRequestMagic));
  reader.raw(MutableByteSpan(opened.header.sender.bytes));
  reader.raw(MutableByteSpan(opened.header.connection.bytes));
  opened.header.sequence = reader.u64();
  opened.header.acknowledged = reader.u64();
  opened.header.poll_ms = reader.u32();
  opened.message_count = reader.u8();
  opened.messages = reader.rest();
  FEDSPEND_TRY(check_request(opened.header));
  if (opened.message_count > kMaxMessagesPerExchange) return malformed(std::to_string(opened.message_count) + " messages");
  return opened;
}

bool verify_gateway_request(const OpenedGatewayRequest& request, const IdentityPublicKey& key) {
  return client_id_of(key) == request.header.sender && verify(key, gateway_request_digest(request.signed_part), request.signature);
}

Result<std::vector<Frames>> decode_gateway_messages(const OpenedGatewayRequest& request, const GatewayLimits& limits) {
  return read_messages(request.messages, request.message_count, limits);
}

Bytes encode_gateway_response(const GatewayResponse& response, const GatewayLimits& limits) {
  FEDSPEND_CHECK(check_response(response, response.messages.size()).has_value(), "a response within its limits");
  Writer writer(kGatewayResponseHeaderBytes + size_of(response.messages));
  writer.raw(as_bytes(kResponseMagic));
  writer.u16(kGatewayVersion);
  writer.u8(static_cast<std::uint8_t>(response.status));
  writer.u32(response.retry_after_s);
  writer.u64(response.number);
  write_messages(writer, response.messages, limits);
  return writer.take();
}

Result<GatewayResponse> decode_gateway_response(ByteSpan body, const GatewayLimits& limits) {
  if (body.size() > max_gateway_response_bytes(limits)) return fail(ErrorCode::limit, "gateway envelope: a response of " + std::to_string(body.size()) + " bytes is above the cap");
  if (body.size() < kGatewayResponseHeaderBytes) return malformed("shorter than a response");
  Reader reader(body);
  FEDSPEND_TRY(check_preamble(reader, kResponseMagic));
  GatewayResponse response;
  const std::uint8_t status = reader.u8();
  if (status > static_cast<std::uint8_t>(GatewayStatus::retry_later)) return malformed("a status of " + std::to_string(status));
  response.status = static_cast<GatewayStatus>(status);
  response.retry_after_s = reader.u32();
  response.number = reader.u64();
  const std::size_t count = reader.u8();
  FEDSPEND_TRY(check_response(response, count));
  FEDSPEND_ASSIGN(response.messages, read_messages(reader.rest(), count, limits));
  return response;
}

}  // namespace fedspend
