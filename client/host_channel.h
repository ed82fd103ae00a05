#pragma once
// A DeviceChannel over the host app's own transport, for phones, where the app's pinned TLS carries the bytes to the gateway beside
// the coordinator (common/transport/ENVELOPE.md). The host supplies one callback that carries a request and brings the response.
// Pure but for that callback and the signer. One thread per channel; both callbacks run in the thread that calls pump().
//
// What holds: a request that failed is sent again byte for byte, so that the gateway takes it once; a message is handed out once;
// a response that does not answer the request at hand is refused. When the gateway has forgotten the connection (it was restarted,
// or the device slept), a new one begins: what was under way is lost, as with a broken connection of ZeroMQ, what was only queued
// goes with the new one.

#include <deque>
#include <functional>
#include <optional>

#include "common/clock.h"
#include "common/random_source.h"
#include "common/transport/channel.h"
#include "common/transport/envelope.h"

namespace fedspend {

struct HostChannelOptions {
  ClientId client;
  GatewayLimits limits = {};
  std::size_t queued_messages = kMaxMessagesPerExchange;  // unsent ones; above it send() is `unavailable`
};

// Carries the request to POST /v1/exchange and brings the body of the response, or an error, within the timeout; the host has
// checked the server's certificate and refuses a body above max_gateway_response_bytes. The span is borrowed for the call.
using HostExchange = std::function<Result<Bytes>(ByteSpan request, Millis timeout)>;

class HostChannel final : public DeviceChannel {
 public:
  // `random` chooses connection ids and outlives the channel. `exchange` is what pump() uses, and may be null without it.
  HostChannel(HostChannelOptions options, HostExchange exchange, GatewaySigner sign, RandomSource& random);

  // Queues; pump() carries. limit: a frame that no exchange can carry. unavailable: the queue is full.
  Status send(const Frames& frames) override;
  Result<std::optional<Frames>> receive() override;

  // One exchange: sends what is queued and waits, for somewhat less than `timeout`, for something to receive. On an error nothing
  // is received, and the next call goes on from there:
  //   the host's or the signer's own error: the same request again, or a new try to sign it
  //   unauthorized: this device is not enrolled, for good
  //   unavailable:  the gateway asks to wait (retry_after) or has forgotten the connection (a new one begins)
  //   malformed, limit, refused: not a response to this request; the same request again
  //   conflict:     messages are there that nobody has received; nothing was sent
  Status pump(Millis timeout);

  // The same in two steps, for a caller that carries the request itself, on another thread say: begin() signs and gives the request (the one
  // under way again, if it was not answered), which lives until finish(), and finish() takes what the host brought. The timeout is
  // the caller's; `poll` is how long the gateway may wait. Errors as above.
  Result<ByteSpan> begin(Millis poll);
  Status finish(const Result<Bytes>& body);

  bool is_refused() const { return is_refused_; }              // the gateway's last answer: not enrolled
  Millis retry_after() const { return retry_after_; }          // zero unless the last answer asked to wait
  std::uint64_t connections() const { return connections_; }   // answered so far: more than before means a new connection

 private:
  Status prepare(std::uint32_t poll_ms);
  Status take(GatewayResponse response);
  void begin_connection();

  HostChannelOptions options_;
  HostExchange exchange_;
  GatewaySigner sign_;
  RandomSource& random_;
  std::deque<Frames> outbox_;
  std::deque<Frames> inbox_;
  ConnectionId connection_;
  std::uint64_t sequence_ = 1;  // of the request under way, or of the next
  Bytes request_;               // under way, not answered; empty: none
  std::uint64_t connections_ = 0;
  Millis retry_after_{0};
  bool is_refused_ = false;
};

}  // namespace fedspend
