#pragma once
// Who runs work that falls into independent parts. The machines are pure and know no thread: they are given an executor, and what a
// part writes depends on its index alone, so that the result does not depend on the executor.

#include <cstddef>
#include <functional>

namespace fedspend {

class Executor {
 public:
  virtual ~Executor() = default;
  // work(0) ... work(count - 1), each once, in any order, perhaps at the same time; returns when all are done. `work` does not throw.
  virtual void for_each(std::size_t count, const std::function<void(std::size_t)>& work) = 0;
  virtual unsigned width() const = 0;  // how many at the same time; at least 1
};

class SerialExecutor final : public Executor {
 public:
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override {
    for (std::size_t i = 0; i < count; ++i) work(i);
  }
  unsigned width() const override { return 1; }
};

// Starts its threads for each call, and works on the caller's, too.
class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(unsigned threads) : threads_(threads == 0 ? 1 : threads) {}
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override;
  unsigned width() const override { return threads_; }

 private:
  unsigned threads_;
};

}  // namespace fedspend
