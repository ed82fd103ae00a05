#pragma once
// The ZeroMQ channel: ROUTER at the coordinator, one DEALER per device, both ends authenticated and encrypted by CURVE
// (rfc.zeromq.org/spec/26), with the coordinator's own ZAP handler (rfc.zeromq.org/spec/27) saying which device keys may
// connect. A message is one or two frames, control and bulk; everything else is dropped and counted.
//
// What holds: a message of an Incoming was sent by the holder of its transport_key; other mechanisms (NULL, PLAIN, ZMTP 1 and
// 2) never get past the handshake; no call blocks but receive and wait_any, for their timeout. What libzmq does not offer: a
// peer that is allowed in and sends one message of endlessly many frames holds memory until it stops, since libzmq bounds the
// size of a frame and the number of messages but not the number of frames; the sender of such a message is an enrolled device.
//
// One thread per channel; a ZmqContext is shared by any number of them. libzmq appears in zmq_channel.cpp alone.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/crypto/curve_key.h"
#include "common/result.h"
#include "common/transport/channel.h"

namespace fedspend {

struct ZmqLimits {
  std::size_t max_bulk_bytes = std::size_t{64} << 20;  // a larger frame ends the connection before it is held in memory
  int queued_messages = 8;                             // per peer and direction; a full queue is `unavailable`
  Millis handshake_timeout{10'000};
  Millis heartbeat_interval{10'000};                   // a peer that vanished without a word is noticed after
  Millis heartbeat_timeout{30'000};                    // interval + timeout
};

// The I/O thread and the sockets of any number of device channels. Outlives them all.
class ZmqContext {
 public:
  explicit ZmqContext(int io_threads = 1);
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;

 private:
  friend class ZmqDeviceChannel;
  struct State;
  std::unique_ptr<State> state_;
};

struct ZmqServerOptions {
  std::string address;                              // "tcp://ADDRESS:PORT"; ADDRESS may be *, and so may PORT (a free one)
  std::function<bool(const CurvePublicKey&)> allow; // asked at every handshake, in the thread that calls receive
  ZmqLimits limits = {};
  int io_threads = 1;
};

// Since the channel was bound.
struct ZmqServerCounters {
  std::uint64_t keys_accepted = 0;
  std::uint64_t keys_refused = 0;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t dropped_frame_count = 0;   // none or more than two
  std::uint64_t dropped_control_size = 0;  // empty or above kMaxControlBytes
  std::uint64_t dropped_bulk_size = 0;     // above max_bulk_bytes, yet small enough to have got here
  std::uint64_t dropped_unproven = 0;      // no key in the metadata, or an address of the peer's own choosing
  std::uint64_t dropped() const { return dropped_frame_count + dropped_control_size + dropped_bulk_size + dropped_unproven; }
};

class ZmqServerChannel final : public ServerChannel {
 public:
  // conflict: the port is in use. invalid_argument: not an address of this machine.
  static Result<std::unique_ptr<ZmqServerChannel>> bind(ZmqServerOptions options, const CurveKeyPair& key);
  ~ZmqServerChannel() override;

  // Handshakes, too, are answered in here alone: call it at least every few seconds. A signal ends the wait early.
  Result<std::vector<Incoming>> receive(Millis timeout, std::size_t max_messages) override;
  Status send(const PeerId& peer, const Frames& frames) override;

  const std::string& last_endpoint() const;  // with the real port
  const ZmqServerCounters& counters() const;

 private:
  struct State;
  explicit ZmqServerChannel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ZmqDeviceOptions {
  std::string address;              // "tcp://HOST:PORT"
  CurvePublicKey server_key;        // pinned: no other coordinator can answer
  ZmqLimits limits = {};
  Millis connect_timeout{15'000};   // without a connection for so long: check() says unavailable
  Millis reconnect_after{200};      // first try; doubles, with jitter,
  Millis reconnect_at_most{10'000}; // up to this
};

enum class ConnectionState {
  connecting,  // trying, again and again
  connected,   // both keys are proven
  refused,     // the coordinator does not accept this device's key; it does not try again
};

// invalid_argument: not of the form that connect() takes.
Status check_device_address(std::string_view address);

class ZmqDeviceChannel final : public DeviceChannel {
 public:
  // Returns at once; check() tells how it goes.
  static Result<std::unique_ptr<ZmqDeviceChannel>> connect(ZmqContext& context, ZmqDeviceOptions options, const CurveKeyPair& key);
  ~ZmqDeviceChannel() override;

  // While connecting, messages are queued and leave with the connection.
  Status send(const Frames& frames) override;
  Result<std::optional<Frames>> receive() override;

  // Looks at what has happened to the connection; call it about every second (libzmq says nothing by itself and retries in
  // silence). Ok: connected, or connecting for less than connect_timeout. unauthorized: refused, for good. unavailable: nobody
  // answers, or whoever answers does not hold the pinned key; libzmq goes on trying, and a later check may be ok again.
  Status check(Millis now);
  ConnectionState state() const;   // as of the last check
  std::uint64_t connections() const;  // handshakes that succeeded so far: more than before means a new connection
  std::uint64_t dropped() const;   // messages that broke a limit

  // The indices of the channels that have something to receive; empty after the timeout, or when a signal came.
  static Result<std::vector<std::size_t>> wait_any(std::span<ZmqDeviceChannel* const> channels, Millis timeout);
  // Until there is something to receive, something for check() to see, `waker` (a file descriptor) can be read, or the time is over, or a
  // signal came. Call receive() and check() after it: what they leave ends the next wait at once.
  Status wait(Millis timeout, int waker);

 private:
  struct State;
  explicit ZmqDeviceChannel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fedspend
