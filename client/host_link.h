#pragma once
// The host's own transport as a device's connection: HostChannel, with the exchanges on a thread of the link, so that a run goes on (trains,
// hears a cancel or a withdrawal) while one is under way. Requests are signed in the thread that calls wait().
//
// One exchange at a time. While there is nothing to say the gateway is asked to wait: for `shortest_poll` after something was said or heard,
// then twice as long each time up to `longest_poll`. What the session says meanwhile leaves when that wait ends: answers to the
// coordinator at once, since its message ended it. While the session trains, nothing is asked to wait, so that the update leaves at once, too.
// A failed exchange is tried again after `retry_after`, doubling to `retry_at_most`, with the same bytes.

#include <functional>

#include "client/device_link.h"
#include "common/transport/envelope.h"

namespace fedspend::client {

struct HostTransport {
  // POST /v1/exchange of the gateway by the host's own pinned TLS; host_channel.h says what it answers. From one thread of the link at a time.
  std::function<Result<Bytes>(ByteSpan request, Millis timeout)> exchange;
  // Optional: the exchange under way is of no use any more and should return soon. From the thread that ends the link, at once and then every
  // 100 ms until the exchange has returned: one that comes before there is anything to end loses nothing. Not for an exchange that did not
  // begin. Without it the end of a run waits for the exchange.
  std::function<void()> give_up = {};
};

struct HostLinkOptions {
  GatewayLimits limits = {};
  Millis connect_timeout{15'000};  // without an answer for so long: check() says unavailable
  Millis shortest_poll{500};
  Millis longest_poll{4'000};
  Millis network_time{30'000};     // of an exchange, beside the gateway's wait
  Millis retry_after{200};
  Millis retry_at_most{10'000};
};

// Never fails by itself: without a network check() says so.
Result<std::unique_ptr<DeviceLink>> connect_host(const HostLinkOptions& options, HostTransport transport, const LinkDevice& device);

}  // namespace fedspend::client
