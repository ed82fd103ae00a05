#pragma once
// Test equipment: a port of the loopback for a process that a test starts. It is bound here, without listening, for as long as the
// object lives, so that the system gives it to nobody else; a server that sets SO_REUSEADDR (c10d's store does) can still listen
// there, and until one does, who connects is refused. Or else a stranger listens there. One thread (a stranger has its own).

#include <cstdint>
#include <string>
#include <thread>

namespace fedspend::test {

class LoopbackPort {
 public:
  LoopbackPort();
  ~LoopbackPort();
  LoopbackPort(const LoopbackPort&) = delete;
  LoopbackPort& operator=(const LoopbackPort&) = delete;

  // From now on the port takes every connection, says `greeting` to it, and nothing after that.
  void listen(std::string greeting = {});

  std::uint16_t number() const { return number_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(number_); }

 private:
  int descriptor_ = -1;
  std::uint16_t number_ = 0;
  std::jthread stranger_;
};

}  // namespace fedspend::test
