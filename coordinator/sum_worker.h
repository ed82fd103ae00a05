#pragma once
// The sum of a round, computed beside the daemon's loop: on a thread of its own, and the executor's, while the loop goes on answering.
// One sum at a time. One thread per object (the loop's).

#include <atomic>
#include <optional>
#include <thread>

#include "common/executor.h"
#include "coordinator/round_machine.h"

namespace fedspend::coordinator {

class SumWorker {
 public:
  explicit SumWorker(Executor& executor) : executor_(executor) {}  // `executor` outlives it, and serves nobody else meanwhile

  // Not while it is busy. If the system has no thread for it, it is done when this returns.
  void begin(ComputeSum work);
  bool is_busy() const { return sum_.has_value(); }  // until taken
  // What has been computed, once.
  std::optional<SumComputed> take();
  // Gives up what is in progress, and waits until it has ended (Unmasking::run: soon). So does the destructor.
  void stop();

 private:
  struct Sum {
    std::atomic<bool> is_done = false;
    std::optional<SumComputed> computed;  // the worker's until is_done
    std::jthread thread;                  // the last member: it ends first
  };
  Executor& executor_;
  std::optional<Sum> sum_;
};

}  // namespace fedspend::coordinator
