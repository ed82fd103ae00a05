#include "client/training_thread.h"

#include <system_error>
#include <utility>

#include "client/host_examples.h"

namespace fedspend::client {
namespace {

FinishedTraining failed(const StartTraining& start, std::string words) {
  return {.event = {start.session, DeclineReason::training_failed}, .words = std::move(words)};
}

}  // namespace

void TrainingThread::start(StartTraining start, TrainingRows rows) {
  stop();
  const SessionId session = start.session;
  try {
    thread_ = std::jthread([this, given = std::move(start), taken = std::move(rows)](const std::stop_token& token) mutable {
      FinishedTraining finished = train_or_fail(given, std::move(taken), token);
      {
        const std::lock_guard lock(mutex_);
        finished_ = std::move(finished);
      }
      announce_();
    });
  } catch (const std::system_error&) {
    finished_ = FinishedTraining{.event = {session, DeclineReason::training_failed}, .words = "there is no thread to train on"};
    announce_();
  }
}

void TrainingThread::stop() {
  thread_ = {};
  const std::lock_guard lock(mutex_);
  finished_.reset();
}

std::optional<FinishedTraining> TrainingThread::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(finished_, std::nullopt);
}

// What an exception says may hold anything.
FinishedTraining TrainingThread::train_or_fail(const StartTraining& start, TrainingRows rows, const std::stop_token& token) const noexcept {
  try {
    return train(start, std::move(rows), token);
  } catch (...) {
    return {.event = {start.session, DeclineReason::training_failed}, .threw = true};
  }
}

FinishedTraining TrainingThread::train(const StartTraining& start, TrainingRows given, const std::stop_token& token) const {
  if (options_.examples) {
    Result<std::vector<models::Transaction>> own = host_examples(options_, given.now_s, given.retention_days, token);
    if (!own) return failed(start, own.error().message);
    given.transactions = std::move(*own);
  }
  Result<std::unique_ptr<models::Trainer>> trainer = options_.make_trainer ? options_.make_trainer(start.plan->model) : models::make_trainer(start.plan->model);
  if (!trainer) return failed(start, trainer.error().message);
  if (*trainer == nullptr) return failed(start, "the host made no trainer");
  const std::vector<models::HistoryRow> rows = history_rows(given.transactions, start.plan->model);
  return {.event = train_locally(**trainer, start, rows, token)};
}

}  // namespace fedspend::client
