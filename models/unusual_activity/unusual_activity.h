#pragma once
// The stock model unusual_activity: how surprising a row is to who knows the client's own rows before it, by four parts of what is seen: its category, its
// amount given category and merchant, its merchant, its rhythm (unusual_activity_features.h, unusual_activity_network.h). Trained without labels, to tell a
// client's rows from the same rows made unusual by dice, by stochastic gradient descent, without libtorch.
//
// Trainer's words here. Outputs are no probabilities but surprises in nats (log odds), finite: one a way of being unusual, in the order of UnusualWay, and
// last that of any of them. It is told all of a row (sees_row), the category too: predict() is of the last row of the history; an empty history gives what is known of nothing.
// An example is a row as it was or made unusual, so that batch_size counts both and training has two for each row. Of a result (evaluation_result.h) a
// prediction is a held-out row beside itself made unusual; correct_top1 counts those where the latter is the more surprising, correct_top3 those where it lies
// above what the client's own kThresholdRows rows before the held-out ones exceed kAlarmsPerMonth times a month (alarm_threshold.h); loss_sum is in nats,
// the mean of the two. The dice of evaluate() are the same at every call. One object per thread.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/trainer.h"
#include "models/unusual_activity/unusual_activity_features.h"

namespace fedspend::models {

inline constexpr std::size_t kThresholdRows = 1'024;
inline constexpr double kAlarmsPerMonth = 1;

// As make_trainer (trainer.h).
Result<std::unique_ptr<Trainer>> make_unusual_activity(const ModelSpec& model);

// The model that `fedspend-sim plan` drafts for a vocabulary: name, sizes, parameter count; and how it is trained on a device by default.
ModelSpec default_unusual_activity(std::span<const std::string> categories);
TrainingSpec default_unusual_activity_training();

// What evaluate() scores, beside each other, for what is held against it.
struct UnusualPairs {
  std::vector<UnusualStep> usual, made_up;
};
UnusualPairs scored_unusual_pairs(std::span<const HistoryRow> history, std::size_t categories, std::size_t first_scored, Counting counting);

}  // namespace fedspend::models
