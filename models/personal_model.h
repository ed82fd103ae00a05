#pragma once
// A shared model adapted to one customer: one implementation for the device and for simulations. Three ways: the last layer is trained on
// the customer's own rows (fine-tuning of the head), or all weights are with a pull to the shared ones (Ditto: Li, Hu, Beirami, Smith 2021, "Ditto: Fair and
// Robust Federated Learning Through Personalization", eq. 1: own loss + lambda/2 |v - w|^2), and, alone or with either, the probabilities are mixed with those of the customer's own
// smoothed counts (linear interpolation, Jelinek and Mercer 1980, "Interpolated estimation of Markov source parameters from sparse data"). Which, and
// with what weight, is chosen by the loss on the customer's newest rows, which were not trained on; where nothing is better by min_gain,
// the shared model stays as it is. So on those rows the personal model is never worse than the shared one.
//
// A personal model says much about one person: it stays on the device. There is no way from it to an update or a message; its bytes
// (kept_form) are for the device's vault alone. Values; one thread per trainer.

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::models {

// What a customer's own counts say of a row's category: of what followed the last category, or, beside a model that is told the row
// (Trainer::sees_row), of what the rows of its merchant were; smoothed by kBackOff rows of how often each comes, which is smoothed by kSmoothing
// rows a category. Rows of "other" count for nothing.
class OwnCounts {
 public:
  static constexpr double kBackOff = 2.0, kSmoothing = 0.2;
  explicit OwnCounts(std::size_t categories, bool sees_row = false);
  // The row whose category is asked for next, of which the category is not looked at. Without sees_row nothing of it is.
  void ask(const HistoryRow& row);
  double probability(std::size_t category) const;  // of the row asked for; they sum to 1 over the categories
  void add(const HistoryRow& row);

 private:
  // What a category is counted under: an earlier category, or a merchant.
  struct Given {
    std::unordered_map<std::uint32_t, std::uint32_t> counts;
    std::uint32_t total = 0;
  };
  std::size_t categories_;
  bool sees_row_;
  std::vector<std::uint32_t> counts_;
  std::unordered_map<std::uint64_t, Given> given_;
  std::uint64_t total_ = 0;
  std::optional<std::uint64_t> key_;  // into given_, of the row asked for; none: nothing is known of it
};

struct PersonalOptions {
  TrainingSpec head = {.epochs = 3, .batch_size = 2, .learning_rate = 0.03, .momentum = 0.0, .gradient_clip_l2 = 1.0, .max_rows = 0};
  double proximal_lambda = 0.1;         // Ditto's; trained as the head is, but by at most 1/lambda a step, so that no lambda diverges by its pull
  std::size_t most_kept_weights = 0;    // 0: any; a proximal model of more is not tried, as all of it would have to be kept
  double held_out_fraction = 0.4;       // of the rows, the newest
  std::size_t fewest_held_out = 10;     // predictions to choose by; with fewer the shared model stays
  std::size_t most_rows = 2'048;        // the newest are looked at
  double min_gain = 0.01;               // nats a prediction, below which the shared model stays
  std::uint64_t seed = 0;
  std::stop_token stop = {};
};

// Nats a prediction on the held-out rows. 0 predictions: too few rows, nothing was compared.
struct PersonalFit {
  std::uint64_t predictions = 0;
  double shared_loss = 0;
  double head_loss = 0;          // the fine-tuned one alone; as shared_loss where its training diverged or the trainer cannot
  double proximal_loss = 0;      // the proximal one alone; as shared_loss where it was not tried or diverged
  double own_counts_loss = 0;    // the counts alone
  double chosen_loss = 0;        // at most shared_loss
};

class PersonalModel {
 public:
  PersonalModel() = default;  // the shared model as it is

  // `history` is the customer's, oldest first. A trainer whose outputs are no probabilities keeps the shared model. refused: stopped. limit: the shared weights give values that are not finite.
  static Result<PersonalModel> adapt(Trainer& trainer, std::span<const float> shared, std::span<const HistoryRow> history,
                                     const PersonalOptions& options, PersonalFit& fit);

  bool has_head() const { return !head_.empty(); }  // or, with the proximal way, all weights of its own
  bool is_proximal() const { return has_head() && head_begin_ == 0; }
  double own_weight() const { return own_weight_; }  // of the counts in the mixture, 0 ... 0.95: the model always has a say
  bool is_shared() const { return !has_head() && own_weight_ == 0; }

  // As those of the trainer, with the same shared weights that it was adapted from. predict_kept has one more player, the last: the
  // customer's counts, if own_weight() is not 0 (players()). invalid_argument: counts, and a trainer whose outputs are no probabilities.
  Status predict(Trainer& trainer, std::span<const float> shared, std::span<const HistoryRow> history, std::span<float> probabilities) const;
  Status predict_kept(Trainer& trainer, std::span<const float> shared, std::span<const HistoryRow> history, std::span<float> probabilities) const;
  Status predict_each(Trainer& trainer, std::span<const float> shared, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities) const;
  // The names of predict_kept's players; it writes 2^players().size() times output_count() floats, of every set in order.
  std::vector<std::string_view> players(const Trainer& trainer) const;

  // For the vault. malformed: not such bytes, or of a model of another size.
  Bytes kept_form() const;
  static Result<PersonalModel> from_kept_form(ByteSpan bytes, std::size_t parameter_count);

 private:
  std::vector<float> personal_weights(std::span<const float> shared) const;

  std::vector<float> head_;      // the weights from head_begin_ to the end; empty: the shared ones
  std::uint64_t head_begin_ = 0;
  double own_weight_ = 0;
};

}  // namespace fedspend::models
