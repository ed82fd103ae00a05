#include "common/executor.h"

#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace fedspend {

void ThreadExecutor::for_each(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto take = [&] {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
  };
  std::vector<std::jthread> others;
  try {
    for (unsigned i = 1; i < threads_ && i < count; ++i) others.emplace_back(take);
  } catch (const std::system_error&) {
    // The system has no more threads: those that there are do it.
  }
  take();
}

}  // namespace fedspend
