#pragma once
// Worker threads that train, each with trainers of its own, and a queue of what has finished for the loop to take. A job of a
// session that is over may be stopped: it then finishes with a decline that its session ignores.
// submit, stop and take_finished are called from one thread.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

#include "client/session.h"
#include "models/history.h"
#include "models/trainer.h"

namespace fedspend::client {

class TrainingPool {
 public:
  explicit TrainingPool(unsigned threads);
  ~TrainingPool();  // stops what runs, and waits for it

  // `transactions` outlive the pool.
  void submit(std::size_t client, StartTraining start, const std::vector<models::Transaction>& transactions);
  void stop(std::size_t client);
  struct Finished {
    std::size_t client = 0;
    TrainingFinished result;
  };
  std::vector<Finished> take_finished();
  bool busy() const;  // something is queued, runs, or waits to be taken

 private:
  struct Job {
    std::size_t client = 0;
    StartTraining start;
    const std::vector<models::Transaction>* transactions = nullptr;
    std::stop_source stop;
  };
  void work();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> queue_;  // shared: a job in progress can still be stopped from the map below
  std::unordered_map<std::size_t, std::shared_ptr<Job>> of_client_;
  std::vector<Finished> finished_;
  std::size_t running_ = 0;
  bool ending_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace fedspend::client
