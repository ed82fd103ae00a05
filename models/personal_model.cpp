#include "models/personal_model.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/check.h"

namespace fedspend::models {
namespace {

constexpr std::uint8_t kForm = 1, kProximalForm = 2;  // of all weights: so that cut short it is not the form of a model without any
constexpr std::size_t kHeaderBytes = 17;
constexpr double kLeastProbability = 1e-9;
constexpr double kGridStep = 0.05, kLargestOwnWeight = 0.95;
constexpr int kGridSteps = 19;
constexpr std::string_view kOwnCountsPlayer = "own_counts";

// The newest of a history, and where the held-out ones begin in it.
struct Rows {
  std::span<const HistoryRow> all;
  std::size_t cut = 0;
};

// What the customer's own counts say of each held-out row's category.
std::vector<double> own_probabilities(const Rows& rows, const Trainer& trainer) {
  const std::size_t categories = trainer.output_count() - 1;
  OwnCounts counts(categories, trainer.sees_row());
  std::vector<double> p;
  for (std::size_t i = 0; i < rows.all.size(); ++i) {
    counts.ask(rows.all[i]);
    if (i >= rows.cut && rows.all[i].category < categories) p.push_back(counts.probability(rows.all[i].category));
    counts.add(rows.all[i]);
  }
  return p;
}

Result<std::vector<double>> model_probabilities(Trainer& trainer, std::span<const float> weights, const Rows& rows) {
  const std::size_t outputs = trainer.output_count();
  std::vector<float> all((rows.all.size() - rows.cut) * outputs);
  FEDSPEND_TRY(trainer.predict_each(weights, rows.all, rows.cut, all));
  std::vector<double> p;
  for (std::size_t i = rows.cut; i < rows.all.size(); ++i) {
    const std::uint32_t category = rows.all[i].category;
    if (category + std::size_t{1} >= outputs) continue;
    p.push_back(static_cast<double>(all[(i - rows.cut) * outputs + category]));
    if (!std::isfinite(p.back())) return fail(ErrorCode::limit, "the model gives values that are not finite", "its weights are not those of a training that went well");
  }
  return p;
}

double loss_of(std::span<const double> model, std::span<const double> own, double own_weight) {
  double loss = 0;
  for (std::size_t i = 0; i < model.size(); ++i) loss -= std::log(std::max(kLeastProbability, (1 - own_weight) * model[i] + own_weight * own[i]));
  return loss / static_cast<double>(model.size());
}

// As they stand where the trainer predicts: a last row that it is told is the one asked for, and counts for nothing.
OwnCounts counts_of(const Trainer& trainer, std::span<const HistoryRow> history) {
  OwnCounts counts(trainer.output_count() - 1, trainer.sees_row());
  const bool asks_last = trainer.sees_row() && !history.empty();
  for (const HistoryRow& row : asks_last ? history.first(history.size() - 1) : history) counts.add(row);
  if (asks_last) counts.ask(history.back());
  return counts;
}

void mix_in(const OwnCounts& counts, double own_weight, std::span<float> probabilities) {
  if (own_weight == 0) return;
  for (std::size_t c = 0; c + 1 < probabilities.size(); ++c)
    probabilities[c] = static_cast<float>((1 - own_weight) * static_cast<double>(probabilities[c]) + own_weight * counts.probability(c));
}

// Fail-closed: what is kept in a vault may be of another plan's model.
Status check_outputs(const Trainer& trainer, double own_weight) {
  if (own_weight == 0 || trainer.outputs() == Outputs::probabilities) return {};
  return fail(ErrorCode::invalid_argument, "this model gives no probabilities that counts could be mixed with", "use the shared model");
}

}  // namespace

OwnCounts::OwnCounts(std::size_t categories, bool sees_row) : categories_(categories), sees_row_(sees_row), counts_(categories) {}

void OwnCounts::ask(const HistoryRow& row) {
  if (sees_row_) key_ = row.merchant_hash == 0 ? std::nullopt : std::optional(row.merchant_hash);
}

void OwnCounts::add(const HistoryRow& row) {
  ask(row);
  const bool known = row.category < categories_;
  if (known) {
    ++counts_[row.category];
    ++total_;
    if (key_) {
      Given& given = given_[*key_];
      ++given.counts[row.category];
      ++given.total;
    }
  }
  key_ = known && !sees_row_ ? std::optional<std::uint64_t>(row.category) : std::nullopt;
}

double OwnCounts::probability(std::size_t category) const {
  const double smoothing = kSmoothing * static_cast<double>(categories_);
  const double often = (static_cast<double>(counts_[category]) + kSmoothing) / (static_cast<double>(total_) + smoothing);
  if (!key_) return often;
  const auto given = given_.find(*key_);
  if (given == given_.end()) return often;
  const auto found = given->second.counts.find(static_cast<std::uint32_t>(category));
  const double counted = found == given->second.counts.end() ? 0.0 : static_cast<double>(found->second);
  return (counted + kBackOff * often) / (static_cast<double>(given->second.total) + kBackOff);
}

std::vector<float> PersonalModel::personal_weights(std::span<const float> shared) const {
  std::vector<float> weights(shared.begin(), shared.end());
  if (!has_head()) return weights;
  FEDSPEND_CHECK(head_begin_ + head_.size() == shared.size(), "a personal model is used with the weights it was made from");
  std::copy(head_.begin(), head_.end(), weights.begin() + static_cast<std::ptrdiff_t>(head_begin_));
  return weights;
}

Result<PersonalModel> PersonalModel::adapt(Trainer& trainer, std::span<const float> shared, std::span<const HistoryRow> history,
                                           const PersonalOptions& options, PersonalFit& fit) {
  fit = {};
  if (trainer.outputs() != Outputs::probabilities) return PersonalModel();
  Rows rows{.all = history.last(std::min(history.size(), options.most_rows))};
  rows.cut = training_rows(rows.all.size(), options.held_out_fraction);
  const std::vector<double> own = own_probabilities(rows, trainer);
  if (own.size() < std::max<std::size_t>(1, options.fewest_held_out)) return PersonalModel();
  FEDSPEND_ASSIGN(const std::vector<double> as_shared, model_probabilities(trainer, shared, rows));

  // A training that diverged, or a trainer that cannot, leaves the shared weights.
  const auto tune = [&](const TrainingSpec& spec, TrainedPart part, std::vector<double>& p) -> Result<PersonalModel> {
    p = as_shared;
    std::vector<float> update(shared.size());
    const TrainingOptions training{.spec = spec, .seed = options.seed, .stop = options.stop, .part = part};
    const Result<TrainingResult> trained = trainer.train(shared, rows.all.first(rows.cut), training, update);
    if (!trained && trained.error().code == ErrorCode::refused) return fail(trained.error());
    PersonalModel tuned;
    if (!trained) return tuned;
    const auto moved = std::find_if(update.begin(), update.end(), [](float value) { return value != 0.0f; });
    if (moved == update.end()) return tuned;
    tuned.head_begin_ = part == TrainedPart::head ? static_cast<std::uint64_t>(moved - update.begin()) : 0;
    for (std::size_t i = tuned.head_begin_; i < shared.size(); ++i) tuned.head_.push_back(shared[i] + update[i]);
    Result<std::vector<double>> found = model_probabilities(trainer, tuned.personal_weights(shared), rows);
    if (!found) return PersonalModel();
    p = *std::move(found);
    return tuned;
  };
  std::vector<double> as_tuned, as_proximal = as_shared;
  FEDSPEND_ASSIGN(const PersonalModel tuned, tune(options.head, TrainedPart::head, as_tuned));
  PersonalModel proximal;
  if (options.most_kept_weights == 0 || shared.size() <= options.most_kept_weights) {
    TrainingSpec spec = options.head;
    spec.proximal_mu = options.proximal_lambda;
    if (spec.proximal_mu * spec.learning_rate > 1) spec.learning_rate = 1 / spec.proximal_mu;
    FEDSPEND_ASSIGN(proximal, tune(spec, TrainedPart::everything, as_proximal));
  }
  fit = {.predictions = own.size(), .shared_loss = loss_of(as_shared, own, 0), .head_loss = loss_of(as_tuned, own, 0), .proximal_loss = loss_of(as_proximal, own, 0), .own_counts_loss = loss_of(as_shared, own, 1)};
  struct Way {
    const PersonalModel& model;
    const std::vector<double>& p;
  };
  const PersonalModel as_it_is;
  PersonalModel chosen;
  fit.chosen_loss = fit.shared_loss;
  for (const Way& way : {Way{as_it_is, as_shared}, Way{tuned, as_tuned}, Way{proximal, as_proximal}}) {
    for (int step = 0; step <= kGridSteps; ++step) {
      const double weight = std::min(step * kGridStep, kLargestOwnWeight), loss = loss_of(way.p, own, weight);
      if (!(loss < fit.chosen_loss) || !(loss <= fit.shared_loss - options.min_gain)) continue;
      chosen = way.model;
      chosen.own_weight_ = weight;
      fit.chosen_loss = loss;
    }
  }
  return chosen;
}

Status PersonalModel::predict(Trainer& trainer, std::span<const float> shared, std::span<const HistoryRow> history, std::span<float> probabilities) const {
  FEDSPEND_TRY(check_outputs(trainer, own_weight_));
  FEDSPEND_TRY(trainer.predict(personal_weights(shared), history, probabilities));
  mix_in(counts_of(trainer, history), own_weight_, probabilities);
  return {};
}

Status PersonalModel::predict_each(Trainer& trainer, std::span<const float> shared, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities) const {
  FEDSPEND_TRY(check_outputs(trainer, own_weight_));
  FEDSPEND_TRY(trainer.predict_each(personal_weights(shared), history, first, probabilities));
  OwnCounts counts(trainer.output_count() - 1, trainer.sees_row());
  for (std::size_t i = 0; i < history.size(); ++i) {
    counts.ask(history[i]);
    if (i >= first) mix_in(counts, own_weight_, probabilities.subspan((i - first) * trainer.output_count(), trainer.output_count()));
    counts.add(history[i]);
  }
  return {};
}

std::vector<std::string_view> PersonalModel::players(const Trainer& trainer) const {
  const auto groups = trainer.feature_groups();
  std::vector<std::string_view> names(groups.begin(), groups.end());
  if (own_weight_ != 0 && !names.empty()) names.push_back(kOwnCountsPlayer);
  return names;
}

Status PersonalModel::predict_kept(Trainer& trainer, std::span<const float> shared, std::span<const HistoryRow> history, std::span<float> probabilities) const {
  FEDSPEND_TRY(check_outputs(trainer, own_weight_));
  const std::size_t outputs = trainer.output_count(), of_model = std::size_t{1} << trainer.feature_groups().size();
  FEDSPEND_CHECK(probabilities.size() == (std::size_t{1} << players(trainer).size()) * outputs, "output_count() floats a set");
  std::vector<std::uint32_t> sets(of_model);
  for (std::size_t set = 0; set < of_model; ++set) sets[set] = static_cast<std::uint32_t>(set);
  FEDSPEND_TRY(trainer.predict_kept(personal_weights(shared), history, sets, probabilities.first(of_model * outputs)));
  if (own_weight_ == 0) return {};
  const OwnCounts counts = counts_of(trainer, history);
  const std::span<float> without = probabilities.first(of_model * outputs), with = probabilities.subspan(of_model * outputs);
  std::copy(without.begin(), without.end(), with.begin());
  const OwnCounts none(outputs - 1, trainer.sees_row());  // put aside, the counts are those of an empty history
  for (std::size_t set = 0; set < of_model; ++set) {
    mix_in(none, own_weight_, without.subspan(set * outputs, outputs));
    mix_in(counts, own_weight_, with.subspan(set * outputs, outputs));
  }
  return {};
}

Bytes PersonalModel::kept_form() const {
  Bytes bytes(kHeaderBytes + 4 * head_.size());
  bytes[0] = is_proximal() ? kProximalForm : kForm;
  store_u64(MutableByteSpan(bytes).subspan(1), head_begin_);
  store_u64(MutableByteSpan(bytes).subspan(9), std::bit_cast<std::uint64_t>(own_weight_));
  for (std::size_t i = 0; i < head_.size(); ++i) store_u32(MutableByteSpan(bytes).subspan(kHeaderBytes + 4 * i), std::bit_cast<std::uint32_t>(head_[i]));
  return bytes;
}

Result<PersonalModel> PersonalModel::from_kept_form(ByteSpan bytes, std::size_t parameter_count) {
  const auto refuse = [] { return fail(ErrorCode::malformed, "the personal model is damaged, or of a model of another size", "adapt the shared model anew"); };
  if (bytes.size() < kHeaderBytes || (bytes[0] != kForm && bytes[0] != kProximalForm) || (bytes.size() - kHeaderBytes) % 4 != 0) return refuse();
  PersonalModel model;
  const std::size_t count = (bytes.size() - kHeaderBytes) / 4;
  model.head_begin_ = load_u64(bytes.subspan(1));
  model.own_weight_ = std::bit_cast<double>(load_u64(bytes.subspan(9)));
  if (!(model.own_weight_ >= 0 && model.own_weight_ <= kLargestOwnWeight) || std::signbit(model.own_weight_)) return refuse();
  if (count > parameter_count || model.head_begin_ != (count == 0 ? 0 : parameter_count - count)) return refuse();
  if ((bytes[0] == kProximalForm) != (count != 0 && model.head_begin_ == 0)) return refuse();
  model.head_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    model.head_[i] = std::bit_cast<float>(load_u32(bytes.subspan(kHeaderBytes + 4 * i)));
    if (!std::isfinite(model.head_[i])) return refuse();
  }
  return model;
}

}  // namespace fedspend::models
