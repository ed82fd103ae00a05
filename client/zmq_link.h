#pragma once
// The built-in connection: ZeroMQ with CURVE (common/transport/zmq_channel.h). Thread rule: device_link.h.

#include <string>

#include "client/device_link.h"

namespace fedspend::client {

struct ZmqLinkOptions {
  std::string address;          // tcp://HOST:PORT
  CurvePublicKey server_key;    // pinned
  Millis connect_timeout{15'000};
};

// Of the address alone: nothing is connected.
Status check_zmq_link(const ZmqLinkOptions& options);

Result<std::unique_ptr<DeviceLink>> connect_zmq(const ZmqLinkOptions& options, const CurveKeyPair& curve);

}  // namespace fedspend::client
