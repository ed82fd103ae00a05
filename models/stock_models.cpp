#include "models/stock_models.h"

#include <algorithm>
#include <array>

#include "models/categoriser.h"
#include "models/next_category.h"

namespace fedspend::models {
namespace {

constexpr std::array kModels = {
    StockModel{.name = "next_category", .title = "the next category", .make = make_next_category, .default_model = default_next_category, .default_training = default_next_category_training},
    StockModel{.name = "categoriser", .title = "the category of a transaction", .make = make_categoriser, .default_model = default_categoriser, .default_training = default_categoriser_training,
               .fedadam_rate = 0.1, .reads_merchant_text = true, .sees_row = true},
};

}  // namespace

std::span<const StockModel> stock_models() { return kModels; }

const StockModel* find_stock_model(std::string_view name) {
  const auto found = std::ranges::find(kModels, name, &StockModel::name);
  return found == kModels.end() ? nullptr : &*found;
}

std::string stock_model_names() {
  std::string names;
  for (std::size_t i = 0; i < kModels.size(); ++i) names.append(i == 0 ? "" : i + 1 == kModels.size() ? " or " : ", ").append(kModels[i].name);
  return names;
}

}  // namespace fedspend::models
