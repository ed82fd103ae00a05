#pragma once
// The models adapted to this customer (models/personal_model.h), kept in the device's vault with the hash of the shared model each was made
// from: for another shared model it is stale and not used. Made and used only with the customer's consent (kPurposePersonalInsights); whoever
// takes note of a withdrawal calls erase_all().
// They never leave the device: nothing here, and nothing of PersonalModel, gives what a session could send. One thread per object.

#include <cstdint>
#include <span>
#include <string_view>

#include "client/consent.h"
#include "client/vault.h"
#include "common/ids.h"
#include "common/result.h"
#include "models/personal_model.h"

namespace fedspend::client {

// The shared model that is adapted: its name (plan.model.name, 1 to 64 bytes), hash and weights.
struct SharedModel {
  std::string_view name;
  ModelHash hash;
  std::span<const float> weights;  // of trainer.parameter_count() floats
};

class Personalisation {
 public:
  explicit Personalisation(Vault& vault) : vault_(vault) {}  // borrowed

  // Adapts, chooses by held-out loss and keeps the result in place of the one before of this model, also where the choice is the shared model:
  // so that is_adapted() says when there is something to do. `history`: the customer's rows that may be trained on, oldest first.
  // refused: no consent, or stopped; invalid_argument: weights that do not fit; limit: they give values that are not finite, or the result is
  // longer than a row of the vault. On an error what was kept stays.
  Result<models::PersonalFit> adapt(const Consents& consents, models::Trainer& trainer, const SharedModel& shared, std::span<const models::HistoryRow> history,
                                    const models::PersonalOptions& options = {});
  // The second half of it alone, of what was adapted elsewhere.
  Status keep(const Consents& consents, const SharedModel& shared, const models::PersonalModel& model);

  // The shared model as it is where there is none, it is stale, or there is no consent. malformed: it is damaged; adapt() replaces it.
  Result<models::PersonalModel> find(const Consents& consents, const SharedModel& shared);
  Result<bool> is_adapted(const SharedModel& shared);
  Status erase_all();

 private:
  Vault& vault_;
};

}  // namespace fedspend::client
