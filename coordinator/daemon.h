#pragma once
// The loop around the round machine: channel in, machine, store, channel out. It owns no rule of the protocol: it carries out
// effects. A published model is durable in the store before the machine hears of it, and before any device can; what is charged for it,
// before its sum is computed. Each model lies in the folder with the DP statement that is true of it. A secure sum is computed
// beside the loop, which goes on answering; a stop gives it up, and what is left behind is what a kill would leave.
// One thread per object.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "common/clock.h"
#include "common/executor.h"
#include "common/result.h"
#include "common/secagg/dp_statement.h"
#include "common/transport/channel.h"
#include "coordinator/round_machine.h"
#include "coordinator/store.h"
#include "coordinator/sum_worker.h"

namespace fedspend::coordinator {

struct DaemonOptions {
  std::filesystem::path out;            // model.fsm (newest, whole) with its DP statement, cohorts.jsonl
  std::uint32_t max_failed_rounds = 10; // aborted in a row before the daemon gives up; 0: never
  unsigned threads = 1;                 // that unmask beside the loop, and as many that check signatures in it
  Executor* unmasking_executor = nullptr;  // instead of threads of its own; outlives the daemon, and serves nobody else
  bool exit_when_finished = false;
  Millis linger{2'000};                 // how long devices are still told that it is finished, before an exit
};

struct DaemonSummary {
  std::uint64_t rounds_published = 0;   // by this process
  std::uint64_t rounds_aborted = 0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  std::uint64_t messages_dropped = 0;
  bool finished = false;                // the plan's last round is published
};

class Daemon {
 public:
  // All references outlive the daemon. `on_round` is called after every round, published or aborted.
  Daemon(RoundMachine& machine, Store& store, ServerChannel& channel, const Clock& clock, DaemonOptions options,
         std::function<void(const RoundSummary&)> on_round);

  // Until finished (with exit_when_finished), `stop`, too many aborted rounds (timeout), or a store or channel that fails.
  Result<DaemonSummary> run(const std::atomic<bool>& stop);

 private:
  Result<DaemonSummary> serve(const std::atomic<bool>& stop);
  Status carry_out(Effects effects);
  Status carry_out(const Publish& publish, Effects& more);
  Status note_aborted(const RoundSummary& summary);
  void note(const RoundSummary& summary);
  Status export_model();

  RoundMachine& machine_;
  Store& store_;
  ServerChannel& channel_;
  const Clock& clock_;
  DaemonOptions options_;
  std::function<void(const RoundSummary&)> on_round_;
  ThreadExecutor signature_executor_;
  ThreadExecutor own_unmasking_executor_;
  SumWorker sum_worker_;
  DaemonSummary summary_;
  std::optional<DpStatement> statement_;  // of the last export
  Millis wake_at_ = Millis::max();
  std::uint32_t failed_in_a_row_ = 0;
  Millis finished_at_ = Millis::max();
};

}  // namespace fedspend::coordinator
