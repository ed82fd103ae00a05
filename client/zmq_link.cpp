#include "client/zmq_link.h"

#include <array>
#include <utility>

#include "common/transport/zmq_channel.h"

namespace fedspend::client {
namespace {

class ZmqLink final : public DeviceLink {
 public:
  ZmqContext context;
  std::unique_ptr<ZmqDeviceChannel> channel;

  Status send(const Frames& frames) override { return channel->send(frames); }
  Result<std::optional<Frames>> receive() override { return channel->receive(); }
  Status wait(Millis timeout) override {
    const std::array<ZmqDeviceChannel*, 1> one{channel.get()};
    FEDSPEND_ASSIGN([[maybe_unused]] const auto ready, ZmqDeviceChannel::wait_any(one, timeout));
    return {};
  }
  Status check(Millis now) override {
    Status state = channel->check(now);
    // One that was there may come back within the session's own time.
    if (!state && channel->state() != ConnectionState::refused && channel->connections() != 0) return {};
    return state;
  }
  std::uint64_t connections() const override { return channel->connections(); }
};

}  // namespace

Status check_zmq_link(const ZmqLinkOptions& options) { return check_device_address(options.address); }

Result<std::unique_ptr<DeviceLink>> connect_zmq(const ZmqLinkOptions& options, const CurveKeyPair& curve) {
  auto link = std::make_unique<ZmqLink>();
  ZmqDeviceOptions connection;
  connection.address = options.address;
  connection.server_key = options.server_key;
  connection.connect_timeout = options.connect_timeout;
  FEDSPEND_ASSIGN(link->channel, ZmqDeviceChannel::connect(link->context, std::move(connection), curve));
  return link;
}

}  // namespace fedspend::client
