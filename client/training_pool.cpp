#include "client/training_pool.h"

#include <algorithm>
#include <utility>

#include "client/local_training.h"

namespace fedspend::client {
namespace {

// What a worker keeps from one job to the next: as long as the plan is the same, so are its trainer and its vocabulary.
struct Workshop {
  SharedPlan plan;
  std::unique_ptr<models::Trainer> trainer;
  std::unique_ptr<models::Vocabulary> vocabulary;

  bool prepare(const SharedPlan& wanted) {
    if (plan == wanted) return true;
    Result<std::unique_ptr<models::Trainer>> made = models::make_trainer(wanted->model);
    if (!made) return false;
    trainer = std::move(*made);
    vocabulary = std::make_unique<models::Vocabulary>(wanted->model.categories);
    plan = wanted;
    return true;
  }
};

}  // namespace

TrainingPool::TrainingPool(unsigned threads) {
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) workers_.emplace_back([this] { work(); });
}

TrainingPool::~TrainingPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    queue_.clear();
    for (auto& [client, job] : of_client_) job->stop.request_stop();
  }
  wake_.notify_all();
}

void TrainingPool::submit(std::size_t client, StartTraining start, const std::vector<models::Transaction>& transactions) {
  auto job = std::make_shared<Job>(Job{client, std::move(start), &transactions, {}});
  {
    const std::lock_guard lock(mutex_);
    of_client_[client] = job;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void TrainingPool::stop(std::size_t client) {
  const std::lock_guard lock(mutex_);
  if (const auto job = of_client_.find(client); job != of_client_.end()) job->second->stop.request_stop();
}

std::vector<TrainingPool::Finished> TrainingPool::take_finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(finished_, {});
}

bool TrainingPool::busy() const {
  const std::lock_guard lock(mutex_);
  return running_ != 0 || !queue_.empty() || !finished_.empty();
}

void TrainingPool::work() {
  Workshop workshop;
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
    }
    TrainingFinished result{job->start.session, DeclineReason::training_failed};
    if (workshop.prepare(job->start.plan)) {
      const std::vector<models::HistoryRow> rows = history_rows(*job->transactions, *workshop.vocabulary);
      result = train_locally(*workshop.trainer, job->start, rows, job->stop.get_token());
    }
    const std::lock_guard lock(mutex_);
    --running_;
    if (const auto current = of_client_.find(job->client); current != of_client_.end() && current->second == job) of_client_.erase(current);
    finished_.push_back({job->client, std::move(result)});
  }
}

}  // namespace fedspend::client
