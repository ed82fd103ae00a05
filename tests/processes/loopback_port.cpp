#include "tests/processes/loopback_port.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "common/check.h"

namespace fedspend::test {
namespace {

constexpr int kPollMs = 20;
constexpr int kBacklog = 16;

void serve(const std::stop_token& stop, int listener, const std::string& greeting) {
  std::vector<int> connections;  // open until the end: a stranger that is silent, not one that is gone
  while (!stop.stop_requested()) {
    pollfd wait{listener, POLLIN, 0};
    if (::poll(&wait, 1, kPollMs) != 1) continue;
    const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    connections.push_back(connection);
    static_cast<void>(::send(connection, greeting.data(), greeting.size(), MSG_NOSIGNAL));
  }
  for (const int connection : connections) ::close(connection);
}

}  // namespace

LoopbackPort::LoopbackPort() : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  FEDSPEND_CHECK(::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0, "a port that can be shared");
  FEDSPEND_CHECK(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), length) == 0, "a port for the test");
  FEDSPEND_CHECK(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length) == 0, "the number of the port");
  number_ = ntohs(address.sin_port);
}

LoopbackPort::~LoopbackPort() {
  stranger_ = {};  // ends it, before its socket goes
  ::close(descriptor_);
}

void LoopbackPort::listen(std::string greeting) {
  FEDSPEND_CHECK(::listen(descriptor_, kBacklog) == 0, "a port that listens");
  stranger_ = std::jthread([this, greeting = std::move(greeting)](const std::stop_token& stop) { serve(stop, descriptor_, greeting); });
}

}  // namespace fedspend::test
