#include "models/torch/twins.h"

#include "models/categoriser/categoriser_network.h"
#include "models/offers/offers_network.h"
#include "models/spend_forecast/spend_forecast_network.h"
#include "models/unusual_activity/unusual_activity_network.h"

namespace fedspend::models {

Result<std::unique_ptr<Trainer>> make_twin(const ModelSpec& model) {
  if (model.name == "next_category") return make_next_category_torch(model);
  if (model.name == "categoriser") return make_categoriser(model, make_categoriser_network_torch);
  if (model.name == "spend_forecast") return make_spend_forecast(model, make_spend_forecast_network_torch);
  if (model.name == "unusual_activity") return make_unusual_activity(model, make_unusual_activity_network_torch);
  if (model.name == "offers") return make_offers(model, make_offers_network_torch);
  FEDSPEND_TRY(make_trainer(model));
  return fail(ErrorCode::invalid_argument, "the model " + model.name + " has no torch twin", "train it with the lean trainers (--trainers lean)");
}

}  // namespace fedspend::models
