#include "models/trainer.h"

#include <array>

#include "common/bytes.h"
#include "common/check.h"
#include "common/crypto/hash.h"
#include "models/stock_models.h"

namespace fedspend::models {

Result<std::unique_ptr<Trainer>> make_trainer(const ModelSpec& model) {
  if (model.is_torchscript()) {
    return fail(ErrorCode::invalid_argument, "a torchscript model is trained by the simulator alone", "give a device and a coordinator a plan of a stock model: " + stock_model_names());
  }
  if (const StockModel* stock = find_stock_model(model.name); stock != nullptr) return stock->make(model);
  return fail(ErrorCode::invalid_argument, "there is no model \"" + model.name + "\"", "model.name can be " + stock_model_names());
}

std::span<const std::string_view> data_categories(std::string_view) {
  static constexpr std::array<std::string_view, 4> kAll = {"category", "amount", "time", "merchant"};
  return kAll;  // the stock models read them all
}

Result<TrainingResult> Trainer::train_pooled(std::span<const float> weights, std::span<const std::span<const HistoryRow>> histories,
                                             const TrainingOptions& options, std::span<float> update) {
  if (histories.size() == 1) return train(weights, histories.front(), options, update);
  return fail(ErrorCode::invalid_argument, "this model cannot be trained on several histories at once", "train it on one after the other");
}

Status Trainer::predict_each(std::span<const float> weights, std::span<const HistoryRow> history, std::size_t first, std::span<float> probabilities) {
  FEDSPEND_CHECK(first <= history.size() && probabilities.size() == (history.size() - first) * output_count(), "output_count() floats a row");
  for (std::size_t i = first; i < history.size(); ++i)
    FEDSPEND_TRY(predict(weights, history.first(i), probabilities.subspan((i - first) * output_count(), output_count())));
  return {};
}

Status Trainer::predict_kept(std::span<const float>, std::span<const HistoryRow>, std::span<const std::uint32_t>, std::span<float>) {
  return fail(ErrorCode::invalid_argument, "this trainer has no explanations", "use the lean trainer of the model");
}

std::uint64_t training_seed(const PlanHash& plan, RoundId round, ByteSpan attempt) {
  return load_u64(ByteSpan(Hasher("training-seed").field(plan.bytes).u64(round.value).field(attempt).finish()).first(8));
}

}  // namespace fedspend::models
