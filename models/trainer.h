#pragma once
// The trainer interface: spans of floats in, spans of floats out, no tensor type. Two families share one parameter layout:
// lean trainers (models/MODEL/, what a phone and the simulator run) and torch trainers (models/torch, the reference).
// A trainer holds scratch memory: one object per thread. The same inputs give the same bits on one instruction set.

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/evaluation_result.h"
#include "models/history.h"

namespace fedspend::models {

struct LayoutEntry {
  std::string name;
  std::vector<std::size_t> shape;
  std::size_t offset = 0;  // in floats, into the flat parameter vector
};

// head: the last layer alone, the rest stays as it is to the bit (personal_model.h).
enum class TrainedPart { everything, head };

struct TrainingOptions {
  TrainingSpec spec;        // of the plan; learning_rate is that of the round, the schedule is not looked at
  std::uint64_t seed = 0;   // training_seed(): the same on every device
  std::stop_token stop = {};// asked between batches; a stopped training returns refused
  TrainedPart part = TrainedPart::everything;  // a trainer that cannot train the head alone says so: invalid_argument
};

struct TrainingResult {
  std::size_t examples = 0;  // predictions trained on, summed over epochs
  double mean_loss = 0;      // nats per prediction, over the last epoch
};

// What a model counts of a client's past while it is scored. frozen: the counts stand still at first_scored; only what is sequence
// (the last rows, a recurrent state) goes on over the true earlier rows. prequential: the counts go on too, as in an app in use.
enum class Counting { frozen, prequential };

// What predict() gives. probabilities: of the categories of the plan, and last of "other", summing to 1. spend_quantiles: spends in minor units
// (spend_forecast.h), surprises: nats (unusual_activity.h); suggestions: chances of categories new to the client (offers.h). Of none of the three is there
// a count of the client's own: nothing that counts or mixes probabilities takes them (personal_model.h).
enum class Outputs { probabilities, spend_quantiles, surprises, suggestions };

class Trainer {
 public:
  virtual ~Trainer() = default;
  virtual std::size_t parameter_count() const = 0;
  virtual const std::vector<LayoutEntry>& layout() const = 0;
  virtual void initialize(std::span<float> weights, std::uint64_t seed) const = 0;

  // update[i] = trained[i] - weights[i]. Spans of parameter_count() floats. `history` is the client's training rows in order.
  // Too few rows to train on: an update of zeros and examples 0. limit: training gave values that are not finite, and the update is
  // zero; the only error that depends on the rows.
  virtual Result<TrainingResult> train(std::span<const float> weights, std::span<const HistoryRow> history,
                                       const TrainingOptions& options, std::span<float> update) = 0;
  // The same for the rows of several histories as if they were one client's, their windows in one order from the seed: what a central
  // reference does, minibatches of mixed clients. A history's past is its own; spec.max_rows counts in each. train() is the case of one,
  // to the bit. With several, memory does not grow with the rows but for a few bytes a window. A trainer that cannot says so:
  // invalid_argument.
  virtual Result<TrainingResult> train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories,
                                              const TrainingOptions& options, std::span<float> update);
  // Scores the rows [first_scored, size): each is predicted from true earlier rows only. limit: these weights give values that are
  // not finite.
  virtual Result<EvaluationResult> evaluate(std::span<const float> weights, std::span<const HistoryRow> history,
                                            std::size_t first_scored, Counting counting = Counting::frozen) = 0;
  // Prequential by nature. Probabilities of the next row's category, or what outputs() says: output_count() floats. An empty history is allowed. limit: as evaluate.
  virtual std::size_t output_count() const = 0;
  virtual Outputs outputs() const { return Outputs::probabilities; }
  // Whether the model is told the row whose category it gives, but for that category: its merchant, amount, direction and time. Then predict() is of
  // the last row of the history, and otherwise of the row after it.
  virtual bool sees_row() const { return false; }
  virtual Status predict(std::span<const float> weights, std::span<const HistoryRow> history, std::span<float> probabilities) = 0;

  // predict() of the rows [first, size), each from true earlier rows only: (size - first) times output_count() floats, the counts going on.
  virtual Status predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities);

  // For explanations. What the model sees falls into these groups, which have stable names; none: this trainer has no explanations.
  virtual std::span<const std::string_view> feature_groups() const { return {}; }
  // As predict(), once for each of the sets: bit g of a set says that group g is as it is, and otherwise it has its neutral value, that of an
  // empty history. All bits give predict(), no bits give predict() of an empty history, both to the bit (of suggestions those of what is not in use). kept_sets.size() times
  // output_count() floats. invalid_argument: no groups.
  virtual Status predict_kept(std::span<const float> weights, std::span<const HistoryRow> history, std::span<const std::uint32_t> kept_sets,
                              std::span<float> probabilities);
};

// By plan.model.name; invalid_argument for an unknown model, unknown or missing sizes, or a parameter count that is not the plan's
// (0 in the plan: not checked, for drafting).
Result<std::unique_ptr<Trainer>> make_trainer(const ModelSpec& model);

// What of a transaction a model of this name reads, of "category", "amount" (with its direction), "time" and "merchant": a device's policy is
// held against it. All of them (HistoryRow) for a name that is not known.
std::span<const std::string_view> data_categories(std::string_view model);

// The first 8 bytes of H("training-seed", plan hash, round, attempt): public and the same on every device, so that a run can be
// repeated. `attempt`: the 16 bytes of the assignment. A round that is tried again trains in another order, so that no device hands in the
// same update in two sums (SECAGG.md, case 29).
std::uint64_t training_seed(const PlanHash& plan, RoundId round, ByteSpan attempt);

}  // namespace fedspend::models
