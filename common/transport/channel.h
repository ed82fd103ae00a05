#pragma once
// What the programs need of a network. The machines know nothing of it: they take and give Frames. One implementation is
// ZeroMQ with CURVE (zmq_channel.h); a host app may bring its own. One thread per object.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/crypto/curve_key.h"
#include "common/protocol/codec.h"
#include "common/result.h"

namespace fedspend {

// The address of a connection, chosen by the transport, valid while it lasts.
struct PeerId {
  std::string value;
  auto operator<=>(const PeerId&) const = default;
};

struct Incoming {
  PeerId peer;
  CurvePublicKey transport_key;  // proven by the handshake
  Frames frames;                 // capped by the transport before they were held in memory
};

class ServerChannel {
 public:
  virtual ~ServerChannel() = default;
  // Waits at most `timeout` for something, then returns all that has come (possibly nothing), at most `max_messages`.
  virtual Result<std::vector<Incoming>> receive(Millis timeout, std::size_t max_messages) = 0;
  // Never blocks. A peer that is gone or does not read is `unavailable`: the message is dropped, nothing else happens.
  virtual Status send(const PeerId& peer, const Frames& frames) = 0;
};

class DeviceChannel {
 public:
  virtual ~DeviceChannel() = default;
  virtual Status send(const Frames& frames) = 0;  // never blocks; unavailable when the queue is full
  virtual Result<std::optional<Frames>> receive() = 0;  // never blocks
};

}  // namespace fedspend
