// A trainer of the host's (fedspend_host.train) behind the interface of trainers. It trains, and nothing else: predictions are the lean
// trainer's.

#include <algorithm>
#include <cmath>

#include "client/c_api_support.h"

namespace fedspend::client::c_api {
namespace {

std::string sizes_json(const ModelSpec& spec) {
  JsonObject sizes;
  for (const auto& [name, size] : spec.sizes) sizes.add(name, size);
  return Json(sizes).compact();
}

class HostTrainer final : public models::Trainer {
 public:
  HostTrainer(const fedspend_host& host, ModelSpec spec) : host_(host), spec_(std::move(spec)), sizes_(sizes_json(spec_)) {
    for (const std::string& category : spec_.categories) categories_.push_back(category.c_str());
  }

  std::size_t parameter_count() const override { return spec_.parameter_count; }
  const std::vector<models::LayoutEntry>& layout() const override { return layout_; }
  void initialize(std::span<float> weights, std::uint64_t) const override { std::ranges::fill(weights, 0.0F); }  // a device has the round's

  Result<models::TrainingResult> train(std::span<const float> weights, std::span<const models::HistoryRow> history, const models::TrainingOptions& options, std::span<float> update) override {
    if (weights.size() != spec_.parameter_count || update.size() != weights.size()) return fail(ErrorCode::invalid_argument, "the weights are not those of this model");
    if (options.part != models::TrainedPart::everything) return only_trains();
    rows_.clear();
    for (const models::HistoryRow& row : history) rows_.push_back({row.time_s, row.amount_minor, row.merchant_hash, row.category, row.direction == models::Direction::credit ? FEDSPEND_CREDIT : FEDSPEND_DEBIT});
    const fedspend_training task = task_of(weights, options);
    std::vector<float> trained(weights.begin(), weights.end());
    const fedspend_status status = host_.train(host_.user, &task, trained.data());
    if (options.stop.stop_requested()) return fail(ErrorCode::refused, "the training was stopped");
    if (status != FEDSPEND_OK) return fail(code_of(status) == ErrorCode::limit ? ErrorCode::internal : code_of(status), "the host's train failed: " + std::string(fedspend_status_name(status)));
    for (std::size_t i = 0; i < update.size(); ++i) update[i] = trained[i] - weights[i];
    if (!std::ranges::all_of(update, [](float value) { return std::isfinite(value); })) {
      std::ranges::fill(update, 0.0F);
      return fail(ErrorCode::limit, "the host's training gave values that are not finite");
    }
    return models::TrainingResult{.examples = history.size(), .mean_loss = 0};
  }
  Result<models::EvaluationResult> evaluate(std::span<const float>, std::span<const models::HistoryRow>, std::size_t, models::Counting) override { return only_trains(); }
  std::size_t output_count() const override { return spec_.categories.size() + 1; }
  Status predict(std::span<const float>, std::span<const models::HistoryRow>, std::span<float>) override { return only_trains(); }

 private:
  static tl::unexpected<Error> only_trains() { return fail(ErrorCode::invalid_argument, "the host's trainer only trains whole models"); }

  fedspend_training task_of(std::span<const float> weights, const models::TrainingOptions& options) const {
    fedspend_training task{};
    task.struct_size = sizeof(task);
    task.epochs = options.spec.epochs;
    task.batch_size = options.spec.batch_size;
    task.category_count = static_cast<std::uint32_t>(categories_.size());
    task.categories = categories_.data();
    task.model = spec_.name.c_str();
    task.sizes_json = sizes_.c_str();
    task.learning_rate = options.spec.learning_rate;
    task.momentum = options.spec.momentum;
    task.proximal_mu = options.spec.proximal_mu;
    task.gradient_clip_l2 = options.spec.gradient_clip_l2;
    task.seed = options.seed;
    task.weights = weights.data();
    task.weight_count = weights.size();
    task.rows = rows_.data();
    task.row_count = rows_.size();
    task.stop = &options.stop;
    return task;
  }

  fedspend_host host_;
  ModelSpec spec_;
  std::string sizes_;
  std::vector<const char*> categories_;
  std::vector<models::LayoutEntry> layout_;
  std::vector<fedspend_row> rows_;
};

}  // namespace

std::function<Result<std::unique_ptr<models::Trainer>>(const ModelSpec&)> CHost::trainer() const {
  if (host_.train == nullptr) return {};
  return [host = host_](const ModelSpec& spec) -> Result<std::unique_ptr<models::Trainer>> { return std::make_unique<HostTrainer>(host, spec); };
}

}  // namespace fedspend::client::c_api

extern "C" std::uint8_t fedspend_training_is_stopped(const fedspend_training* task) {
  if (task == nullptr || task->stop == nullptr) return 1;
  return static_cast<const std::stop_token*>(task->stop)->stop_requested() ? 1 : 0;
}
