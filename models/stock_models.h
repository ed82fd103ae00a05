#pragma once
// The models that this project brings, by the name that a plan gives (plan.model.name): what each is made of, and what it reads. One line a
// model (stock_models.cpp); all else asks here. Thread-safe.

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::models {

struct StockModel {
  std::string_view name;     // also the purpose that a drafted plan asks consent for
  std::string_view title;    // in words: "the next category"
  Result<std::unique_ptr<Trainer>> (*make)(const ModelSpec& model);
  // What `fedspend-sim plan` drafts for a vocabulary: name, sizes, parameter count; and how it is trained on a device.
  ModelSpec (*default_model)(std::span<const std::string> categories);
  TrainingSpec (*default_training)();
  double fedadam_rate = 0.03;  // and the server's learning rate with it
  // Whether it reads the merchant's name (HistoryRow::text), and whether it is told all of the row whose category it gives, but that; otherwise it
  // is told nothing of it.
  bool reads_merchant_text = false;
  bool sees_row = false;
};

std::span<const StockModel> stock_models();
const StockModel* find_stock_model(std::string_view name);  // null: there is none of this name
std::string stock_model_names();                            // "next_category or categoriser", for a message

}  // namespace fedspend::models
