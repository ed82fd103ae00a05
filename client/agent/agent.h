#pragma once
// The agent for branch hardware and demonstrations: one process that serves one or many devices, each with its own store, identity and connection,
// and a thread that takes part again and again, when its coordinator and its own back-off say. It knows the devices by their C ABI alone.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/agent/agent_device.h"
#include "common/result.h"

namespace fedspend::client {

struct AgentSummary {
  std::uint64_t clients = 0;
  std::uint64_t trainings = 0;
  std::uint64_t updates_accepted = 0;
  std::uint64_t updates_not_accepted = 0;  // late, duplicate or refused
  std::uint64_t assignments_refused = 0;
  std::string last_refusal;                // in words; empty: none
  std::uint64_t bytes_sent = 0;
  std::uint64_t clients_refused = 0;       // the coordinator does not accept their keys
  bool finished = false;                   // every device was told that the federation is finished
};

// Until `stop`, or, with `exit_when_finished`, until every device was told so or is not accepted. unavailable or unauthorized: no device ever had an
// answer, and why; a coordinator that was there and is lost is tried again without end. Other errors: a device's store failed. Blocks; one call
// at a time for a device.
Result<AgentSummary> run_agent(const std::vector<std::unique_ptr<AgentDevice>>& devices, bool exit_when_finished, const std::atomic<bool>& stop);

}  // namespace fedspend::client
