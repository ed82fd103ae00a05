#pragma once
// The trainings of a batch, computed in parallel over this process' threads and shared between the ranks. Internal to
// simulations/federation.

#include <span>
#include <vector>

#include "client/session.h"
#include "common/result.h"
#include "models/history.h"
#include "models/trainer.h"
#include "simulations/federation/rank_exchange.h"

namespace fedspend::simulations {

struct TrainingTask {
  std::size_t client = 0;
  client::StartTraining start;
  double clip_norm_l2 = 0;  // of the round that asked
};
// What the trained client does then, on a worker's thread; one call a task.
using AfterTraining = std::function<void(std::size_t task, const client::TrainingFinished& outcome)>;
// Trains one client on a worker.
using TrainClient = std::function<client::TrainingFinished(const TrainingTask& task, unsigned worker)>;

// Every task of every rank, in any order; `exchange` may be null. The outcome of a task depends on the task alone.
Status train_batch(std::span<const TrainingTask> tasks, unsigned threads, RankExchange* exchange, const TrainClient& train, const AfterTraining& after);

}  // namespace fedspend::simulations
