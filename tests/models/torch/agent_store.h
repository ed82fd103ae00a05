#pragma once
// What torchrun's agent has at MASTER_PORT: a c10d store that is there before the ranks and after them, at a port of the system's
// choice, in the process of the test. One thread.

#include <cstdint>
#include <memory>
#include <string>

namespace fedspend::testing {

class AgentStore {
 public:
  AgentStore();
  ~AgentStore();
  std::uint16_t port() const;
  // Whether a rank has signed in under this prefix.
  bool has_seen(const std::string& prefix, unsigned rank) const;

 private:
  struct Store;
  std::unique_ptr<Store> store_;
};

}  // namespace fedspend::testing
