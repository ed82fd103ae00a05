#pragma once
// A call that may never come back, and looks at no flag: c10d's TCPStore waits without an end for an answer where somebody listens
// that does not give one. It runs on a thread of its own, and the caller waits for it until a point in time or until `stop` is set.
// A call that is given up is left behind with its thread, which the end of the process ends: there is no way to break it off.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "common/result.h"

namespace fedspend::models {

inline constexpr std::chrono::milliseconds kLookAtStop{20};

inline bool is_set(const std::atomic<bool>* stop) { return stop != nullptr && stop->load(); }

// What `work` returns (a Result), or nothing if it was given up. `work` must own what it uses: it may outlive the caller.
template <class Work>
auto awaited(Work work, std::chrono::steady_clock::time_point end, const std::atomic<bool>* stop) -> std::optional<decltype(work())> {
  struct Shared {  // of the two threads: the last one to leave it frees it
    std::mutex mutex;
    std::condition_variable came;
    std::optional<decltype(work())> outcome;
  };
  const auto shared = std::make_shared<Shared>();
  std::thread([shared, work = std::move(work)]() mutable {
    auto outcome = work();
    const std::lock_guard lock(shared->mutex);
    shared->outcome = std::move(outcome);
    shared->came.notify_all();
  }).detach();
  std::unique_lock lock(shared->mutex);
  while (!shared->outcome && !is_set(stop) && std::chrono::steady_clock::now() < end) shared->came.wait_for(lock, kLookAtStop);
  return std::move(shared->outcome);
}

}  // namespace fedspend::models
