#pragma once
// for_each_index(count, threads, f): f(index, worker) for every index in [0, count), on `threads` threads (worker in [0, threads)).
// Indices are handed out one by one; what f writes must depend on the index alone, so that the result does not depend on the
// number of threads. Returns when all are done. An exception in f ends the program: work here reports through Result.

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace fedspend::simulations {

template <class Function>
void for_each_index(std::size_t count, unsigned threads, const Function& f) {
  std::atomic<std::size_t> next{0};
  const auto work = [&](unsigned worker) {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) f(i, worker);
  };
  std::vector<std::jthread> others;
  for (unsigned worker = 1; worker < threads && worker < count; ++worker) others.emplace_back(work, worker);
  work(0);
}

}  // namespace fedspend::simulations
