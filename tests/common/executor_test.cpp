#include "common/executor.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

namespace fedspend {
namespace {

std::vector<std::unique_ptr<Executor>> executors() {
  std::vector<std::unique_ptr<Executor>> all;
  all.push_back(std::make_unique<SerialExecutor>());
  for (const unsigned threads : {0U, 1U, 2U, 7U}) all.push_back(std::make_unique<ThreadExecutor>(threads));
  return all;
}

TEST_CASE("every index comes exactly once, and all are done when the call returns") {
  for (const auto& executor : executors())
    for (const std::size_t count : {0U, 1U, 2U, 6U, 1000U}) {
      std::vector<std::atomic<int>> times(count);
      executor->for_each(count, [&](std::size_t i) { ++times[i]; });
      for (const auto& one : times) CHECK(one == 1);
    }
}

TEST_CASE("what each part writes at its own index does not depend on the executor") {
  std::vector<std::size_t> expected(500);
  SerialExecutor().for_each(expected.size(), [&](std::size_t i) { expected[i] = i * i; });
  for (const auto& executor : executors()) {
    std::vector<std::size_t> got(expected.size());
    executor->for_each(got.size(), [&](std::size_t i) { got[i] = i * i; });
    CHECK(got == expected);
  }
}

TEST_CASE("the width is that of the threads, and at least 1") {
  CHECK(SerialExecutor().width() == 1);
  CHECK(ThreadExecutor(0).width() == 1);
  CHECK(ThreadExecutor(1).width() == 1);
  CHECK(ThreadExecutor(5).width() == 5);
}

TEST_CASE("as many parts as the width run at the same time") {
  // Each part waits for all the others: with fewer threads than parts this would not end.
  constexpr std::size_t kParts = 3;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t arrived = 0;
  std::set<std::thread::id> threads;
  bool together = true;
  ThreadExecutor(kParts).for_each(kParts, [&](std::size_t) {
    std::unique_lock lock(mutex);
    threads.insert(std::this_thread::get_id());
    ++arrived;
    changed.notify_all();
    if (!changed.wait_for(lock, std::chrono::seconds(60), [&] { return arrived == kParts; })) together = false;
  });
  CHECK(together);
  CHECK(threads.size() == kParts);
  CHECK_MESSAGE(threads.contains(std::this_thread::get_id()), "the caller's thread works, too");
}

TEST_CASE("work on one thread comes in the order of the indices") {
  for (const unsigned threads : {0U, 1U}) {
    std::vector<std::size_t> order;
    ThreadExecutor(threads).for_each(10, [&](std::size_t i) { order.push_back(i); });
    std::vector<std::size_t> rising(10);
    std::iota(rising.begin(), rising.end(), std::size_t{0});
    CHECK(order == rising);
  }
}

TEST_CASE("an executor can be used within the work of another call") {
  ThreadExecutor executor(3);
  std::atomic<int> done{0};
  executor.for_each(4, [&](std::size_t) { executor.for_each(5, [&](std::size_t) { ++done; }); });
  CHECK(done == 20);
}

}  // namespace
}  // namespace fedspend
