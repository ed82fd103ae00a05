#include "client/zmq_link.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "common/transport/zmq_channel.h"

namespace fedspend::client {
namespace {

// A file descriptor that can be read once it was woken.
class Waker {
 public:
  Waker() = default;
  ~Waker() {
    if (fd_ >= 0) close(fd_);
  }
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  Status open() {
    fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd_ < 0) return fail(ErrorCode::limit, "no file descriptor to be woken by: " + std::generic_category().message(errno), "raise the limit of open files (ulimit -n)");
    return {};
  }
  int fd() const { return fd_; }
  // Neither can fail but by a full or an empty counter, which say what is wanted.
  void wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);
  }
  void rest() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = read(fd_, &count, sizeof count);
  }

 private:
  int fd_ = -1;
};

class ZmqLink final : public DeviceLink {
 public:
  ZmqContext context;
  std::unique_ptr<ZmqDeviceChannel> channel;
  Waker waker;

  Status send(const Frames& frames) override { return channel->send(frames); }
  Result<std::optional<Frames>> receive() override { return channel->receive(); }
  Status wait(Millis timeout) override {
    const Status waited = channel->wait(timeout, waker.fd());
    waker.rest();
    return waited;
  }
  void wake() noexcept override { waker.wake(); }
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
  FEDSPEND_TRY(link->waker.open());
  ZmqDeviceOptions connection;
  connection.address = options.address;
  connection.server_key = options.server_key;
  connection.connect_timeout = options.connect_timeout;
  FEDSPEND_ASSIGN(link->channel, ZmqDeviceChannel::connect(link->context, std::move(connection), curve));
  return link;
}

}  // namespace fedspend::client
