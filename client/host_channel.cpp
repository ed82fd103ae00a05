#include "client/host_channel.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"

namespace fedspend {
namespace {

// Of a timeout, what is left to the network when the gateway waits.
constexpr Millis kNetworkTime{10'000};

Millis poll_of(Millis timeout) { return timeout - std::min(timeout / 2, kNetworkTime); }

}  // namespace

HostChannel::HostChannel(HostChannelOptions options, HostExchange exchange, GatewaySigner sign, RandomSource& random)
    : options_(std::move(options)), exchange_(std::move(exchange)), sign_(std::move(sign)), random_(random) {
  FEDSPEND_CHECK(sign_ != nullptr, "a host that signs");
  begin_connection();
}

void HostChannel::begin_connection() {
  do random_.fill(connection_.bytes);
  while (connection_.is_zero());
  sequence_ = 1;
  request_.clear();
}

Status HostChannel::send(const Frames& frames) {
  if (frames.control.empty() || frames.control.size() > kMaxControlBytes)
    return fail(ErrorCode::limit, "a control frame of " + std::to_string(frames.control.size()) + " bytes cannot be sent");
  if (frames.bulk_bytes().size() > options_.limits.max_bulk_bytes)
    return fail(ErrorCode::limit, "a bulk frame of " + std::to_string(frames.bulk_bytes().size()) + " bytes is above the cap of " +
                                      std::to_string(options_.limits.max_bulk_bytes));
  if (outbox_.size() >= options_.queued_messages) return fail(ErrorCode::unavailable, "nothing can be sent to the gateway: the queue is full");
  outbox_.push_back(frames);
  return {};
}

Result<std::optional<Frames>> HostChannel::receive() {
  if (inbox_.empty()) return std::optional<Frames>();
  std::optional<Frames> frames = std::move(inbox_.front());
  inbox_.pop_front();
  return frames;
}

// Messages leave the queue once the request that carries them is sealed.
Status HostChannel::prepare(std::uint32_t poll_ms) {
  GatewayRequest request{.sender = options_.client,
                         .connection = connection_,
                         .sequence = sequence_,
                         .acknowledged = sequence_ - 1,
                         .poll_ms = poll_ms,
                         .messages = {}};
  std::size_t bulk_bytes_left = options_.limits.max_bulk_bytes;
  for (const Frames& frames : outbox_) {
    if (request.messages.size() == kMaxMessagesPerExchange || frames.bulk_bytes().size() > bulk_bytes_left) break;
    bulk_bytes_left -= frames.bulk_bytes().size();
    request.messages.push_back(frames);
  }
  FEDSPEND_ASSIGN(request_, seal_gateway_request(request, options_.limits, sign_));
  outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(request.messages.size()));
  return {};
}

Status HostChannel::pump(Millis timeout) {
  FEDSPEND_CHECK(exchange_ != nullptr, "a host that carries");
  FEDSPEND_ASSIGN(const ByteSpan request, begin(poll_of(timeout)));
  return finish(exchange_(request, timeout));
}

Result<ByteSpan> HostChannel::begin(Millis poll) {
  if (!inbox_.empty()) return fail(ErrorCode::conflict, "receive what has come before the next exchange");
  retry_after_ = Millis{0};
  if (request_.empty()) FEDSPEND_TRY(prepare(static_cast<std::uint32_t>(std::clamp<std::int64_t>(poll.count(), 0, kMaxPollMs))));
  return ByteSpan(request_);
}

Status HostChannel::finish(const Result<Bytes>& body) {
  FEDSPEND_CHECK(!request_.empty(), "an exchange that was begun");
  if (!body) return fail(body.error());
  FEDSPEND_ASSIGN(GatewayResponse response, decode_gateway_response(*body, options_.limits));
  return take(std::move(response));
}

Status HostChannel::take(GatewayResponse response) {
  is_refused_ = response.status == GatewayStatus::not_enrolled;
  switch (response.status) {
    case GatewayStatus::not_enrolled: return fail(ErrorCode::unauthorized, "the gateway does not know this device", "enrol the device");
    case GatewayStatus::gone:
      begin_connection();
      return fail(ErrorCode::unavailable, "the gateway has forgotten the connection", "a new one begins with the next exchange");
    case GatewayStatus::retry_later:
      retry_after_ = std::chrono::seconds(response.retry_after_s);
      return fail(ErrorCode::unavailable, "the gateway asks to wait for " + std::to_string(response.retry_after_s) + " s");
    case GatewayStatus::ok: break;
  }
  if (response.number != sequence_)
    return fail(ErrorCode::malformed, "the gateway answers exchange " + std::to_string(response.number) + ", not " + std::to_string(sequence_));
  if (sequence_ == 1) ++connections_;
  ++sequence_;
  request_.clear();
  for (Frames& frames : response.messages) inbox_.push_back(std::move(frames));
  return {};
}

}  // namespace fedspend
