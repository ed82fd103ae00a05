#pragma once
// Trains one update at a time on a thread of its own. The object is for one thread. Whatever goes wrong in there, exceptions of the host's functions
// too, is a training that failed, with words.

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/device.h"
#include "client/local_training.h"

namespace fedspend::client {

// What to train on.
struct TrainingRows {
  std::vector<models::Transaction> transactions;  // oldest first; where the host gives its own, they are taken in place of these
  std::int64_t now_s = 0;                         // what the host's are checked against
  std::uint32_t retention_days = 0;               // of the plan's purpose, for the host's
};

struct FinishedTraining {
  TrainingFinished event;
  std::string words = {};  // of a failure
  bool threw = false;
};

class TrainingThread {
 public:
  // `finished` is called by the training's thread once take() has something. Both outlive it.
  TrainingThread(const DeviceOptions& options, std::function<void()> finished) : options_(options), announce_(std::move(finished)) {}

  void start(StartTraining start, TrainingRows rows);
  // Waits until it has stopped: between two batches, and as soon as the host's functions return.
  void stop();
  std::optional<FinishedTraining> take();
  bool is_there() const { return thread_.joinable(); }

 private:
  FinishedTraining train(const StartTraining& start, TrainingRows rows, const std::stop_token& token) const;
  FinishedTraining train_or_fail(const StartTraining& start, TrainingRows rows, const std::stop_token& token) const noexcept;

  const DeviceOptions& options_;
  const std::function<void()> announce_;
  std::mutex mutex_;
  std::optional<FinishedTraining> finished_;
  std::jthread thread_;  // last: it ends before what it writes goes
};

}  // namespace fedspend::client
