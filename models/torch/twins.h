#pragma once
// The torch twins of the lean models, for `--trainers torch`: the same parameter layout, initial weights, features and steps, computed by libtorch and its
// autograd. They are what the lean trainers are held against, and measured beside. No torch header. As make_trainer of trainer.h.

#include <memory>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::models {

class CategoriserLayout;
class CategoriserNetwork;
class OffersLayout;
class OffersNetwork;
class SpendForecastLayout;
class SpendForecastNetwork;
class UnusualActivityLayout;
class UnusualActivityNetwork;

Result<std::unique_ptr<Trainer>> make_twin(const ModelSpec& model);  // by plan.model.name

Result<std::unique_ptr<Trainer>> make_next_category_torch(const ModelSpec& model);
// As those of MakeCategoriserNetwork and its like.
std::unique_ptr<CategoriserNetwork> make_categoriser_network_torch(const CategoriserLayout& layout);
std::unique_ptr<OffersNetwork> make_offers_network_torch(const OffersLayout& layout);
std::unique_ptr<SpendForecastNetwork> make_spend_forecast_network_torch(const SpendForecastLayout& layout);
std::unique_ptr<UnusualActivityNetwork> make_unusual_activity_network_torch(const UnusualActivityLayout& layout);

}  // namespace fedspend::models
