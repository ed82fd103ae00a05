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

// What its scores are, in words (evaluation_result.h).
struct Measure {
  std::string_view name;       // of the headline: "accuracy"
  std::string_view predicted;  // heads a table: "next category, held-out rows"
  std::string_view sentence;   // of the federated model: "gives the next category of {share} of {count} held-out transactions"
  std::string_view headline;   // of headline(): "right"
  std::string_view meaning;    // the same, in full
  std::string_view second;     // of second(): "among 3"; empty: it means nothing here
  std::string_view loss;       // what its mean is, lower is better: "-log p of the category that came"
  std::string_view loss_unit;  // "nats"
  std::string_view alone;      // what a client has without the federation: "own counts"
  std::string_view alone_in_full;
};

struct StockModel {
  std::string_view name;     // also the purpose that a drafted plan asks consent for
  std::string_view title;    // in words: "the next category"
  std::string_view card;     // what it is, after its name, in a model card: "from a client's own past transactions, the category of the next one"
  Measure measure;
  Result<std::unique_ptr<Trainer>> (*make)(const ModelSpec& model);
  // What `fedspend-sim plan` drafts for a vocabulary: name, sizes, parameter count; and how it is trained on a device.
  ModelSpec (*default_model)(std::span<const std::string> categories);
  TrainingSpec (*default_training)();
  double fedadam_rate = 0.03;  // and the server's learning rate with it
  // Whether it reads the merchant's name (HistoryRow::text), and whether it is told all of the row whose category it gives, but that; otherwise it
  // is told nothing of it.
  bool reads_merchant_text = false;
  bool sees_row = false;
  // What is held out of a client: its newest rows (DESIGN.md, evaluation), or those of the newest days of its span; a forecast of the days to come needs
  // the latter, since where the newest rows begin says how fast rows will come.
  bool holds_out_days = false;
};

std::span<const StockModel> stock_models();
const StockModel* find_stock_model(std::string_view name);  // null: there is none of this name
const StockModel& stock_model_or_first(std::string_view name);  // the first for a model that a data scientist brings: it gives the next category
// How many of a client's rows a plan of this model trains on, oldest first: all but the held-out fraction, of rows or of days.
std::size_t training_rows(const ModelSpec& model, std::span<const HistoryRow> rows, double holdout_fraction);
std::string stock_model_names();                            // "next_category or categoriser", for a message

}  // namespace fedspend::models
