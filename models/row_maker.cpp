#include "models/row_maker.h"

#include <utility>

#include "models/stock_models.h"

namespace fedspend::models {
namespace {

bool reads_text(const ModelSpec& model) {
  const StockModel* stock = find_stock_model(model.name);
  return stock != nullptr && stock->reads_merchant_text;
}

}  // namespace

RowMaker::RowMaker(const ModelSpec& model) : vocabulary_(model.categories), reads_text_(reads_text(model)) {}

HistoryRow RowMaker::row(const Transaction& transaction) {
  HistoryRow made = to_history_row(transaction, vocabulary_);
  made.text = text(transaction.merchant);
  return made;
}

std::shared_ptr<const MerchantText> RowMaker::text(std::string_view merchant) {
  if (!reads_text_) return nullptr;
  const auto [entry, is_new] = texts_.try_emplace(std::string(merchant));
  if (is_new) {
    MerchantText made = merchant_text(merchant);
    if (!made.grams.empty()) entry->second = std::make_shared<const MerchantText>(std::move(made));
  }
  return entry->second;
}

}  // namespace fedspend::models
