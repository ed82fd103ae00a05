#pragma once
// The agent for branch hardware and demonstrations: one process that serves one or many clients, each with its own identity, CURVE
// connection and session, over one loop. It owns no rule of the protocol: it carries out the sessions' effects, and trains on
// worker threads. One thread per object.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "client/policy.h"
#include "client/profile.h"
#include "common/clock.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/identity.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend::client {

struct AgentOptions {
  std::string coordinator;             // tcp://HOST:PORT
  CurvePublicKey coordinator_key;      // pinned
  IdentityPublicKey release_key;       // pinned
  IdentityPublicKey authority_key;     // pinned: whose certificates count
  std::string population;
  std::filesystem::path cache;         // folder for the plan and the model
  DevicePolicy policy;
  unsigned threads = 1;                // training workers
  Millis transient_backoff{900'000};
  Millis permanent_backoff{14'400'000};
  Millis connect_timeout{15'000};      // without a first connection for so long: run() ends
  bool exit_when_finished = false;     // once every session has been told so
};

struct AgentSummary {
  std::uint64_t clients = 0;
  std::uint64_t trainings = 0;
  std::uint64_t updates_accepted = 0;
  std::uint64_t updates_not_accepted = 0;  // late, duplicate or refused
  std::uint64_t assignments_refused = 0;
  std::string last_refusal;                // in words; empty: none
  std::uint64_t bytes_sent = 0;
  std::uint64_t clients_refused = 0;       // the coordinator does not accept their keys
  bool finished = false;                   // every session was told that the federation is finished
};

class Agent {
 public:
  // refused: the policy pins another release key.
  static Result<std::unique_ptr<Agent>> create(std::vector<Profile> profiles, AgentOptions options, const Clock& clock, RandomSource& random);
  ~Agent();

  // Until `stop`, or finished. unavailable or unauthorized: no client ever had a connection, and why. A connection that is lost
  // later is tried again without end.
  Result<AgentSummary> run(const std::atomic<bool>& stop);

 private:
  struct State;
  explicit Agent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fedspend::client
