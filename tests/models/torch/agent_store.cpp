#include "tests/models/torch/agent_store.h"

#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace fedspend::testing {
namespace {

c10d::TCPStoreOptions server_options() {
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  options.waitWorkers = false;
  return options;
}

}  // namespace

struct AgentStore::Store {
  c10d::TCPStore store{"127.0.0.1", server_options()};
};

AgentStore::AgentStore() : store_(std::make_unique<Store>()) {}
AgentStore::~AgentStore() = default;
std::uint16_t AgentStore::port() const { return store_->store.getPort(); }
bool AgentStore::has_seen(const std::string& prefix, unsigned rank) const { return store_->store.check({prefix + "/size/" + std::to_string(rank)}); }

}  // namespace fedspend::testing
