#pragma once
// A client's transactions as rows for one model: with the plan's vocabulary, and with the merchant's text where the model reads it. One thread
// per object.

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/protocol/plan.h"
#include "models/history.h"

namespace fedspend::models {

class RowMaker {
 public:
  explicit RowMaker(const ModelSpec& model);

  HistoryRow row(const Transaction& transaction);
  const Vocabulary& vocabulary() const { return vocabulary_; }
  // Made once and shared by the rows that hold it; none for a name without a letter, and for a model that does not read it.
  std::shared_ptr<const MerchantText> text(std::string_view merchant);

 private:
  Vocabulary vocabulary_;
  bool reads_text_;
  std::unordered_map<std::string, std::shared_ptr<const MerchantText>> texts_;
};

}  // namespace fedspend::models
