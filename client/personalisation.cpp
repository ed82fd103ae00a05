#include "client/personalisation.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "client/row_codec.h"

namespace fedspend::client {
namespace {

constexpr std::uint8_t kModelForm = 1;
constexpr std::size_t kMaxNameBytes = 64;

struct Kept {
  std::uint64_t number = 0;
  ModelHash shared;
  Bytes model;
};

// The row of the model of this name; another form, or an unreadable one, is none of any name.
Result<std::optional<Kept>> kept_of(Vault& vault, std::string_view name) {
  std::optional<Kept> found;
  FEDSPEND_TRY(vault.read(Shelf::personal, 0, [&](std::uint64_t number, ByteSpan content) {
    RowReader row(content, kModelForm);
    const std::string read_name = row.text(kMaxNameBytes);
    Kept kept{.number = number, .shared = row.id<ModelHash>(), .model = {}};
    const ByteSpan model = row.rest();
    if (!row.done() || read_name != name) return true;
    kept.model.assign(model.begin(), model.end());
    found = std::move(kept);
    return false;
  }));
  return found;
}

}  // namespace

Result<models::PersonalFit> Personalisation::adapt(const Consents& consents, models::Trainer& trainer, const SharedModel& shared, std::span<const models::HistoryRow> history,
                                                   const models::PersonalOptions& options) {
  if (!consents.is_given(kPurposePersonalInsights)) return fail(ErrorCode::refused, "the customer has not consented to personal insights", "ask for it, and for nothing else");
  if (shared.weights.size() != trainer.parameter_count()) return fail(ErrorCode::invalid_argument, "the shared model is not the one that the trainer is for", "use the weights of this plan's model");
  models::PersonalFit fit;
  FEDSPEND_ASSIGN(const models::PersonalModel model, models::PersonalModel::adapt(trainer, shared.weights, history, options, fit));
  FEDSPEND_TRY(keep(consents, shared, model));
  return fit;
}

Status Personalisation::keep(const Consents& consents, const SharedModel& shared, const models::PersonalModel& model) {
  if (!consents.is_given(kPurposePersonalInsights)) return fail(ErrorCode::refused, "the customer has withdrawn the consent to personal insights");
  if (shared.name.empty() || shared.name.size() > kMaxNameBytes) return fail(ErrorCode::invalid_argument, "a model's name has 1 to 64 bytes", "use the name of this plan's model");
  FEDSPEND_ASSIGN(const auto before, kept_of(vault_, shared.name));
  VaultRow row{.shelf = Shelf::personal, .content = RowWriter(kModelForm).text(shared.name).id(shared.hash).rest(model.kept_form()).take()};
  if (row.content.size() > kMaxVaultRowBytes) return fail(ErrorCode::limit, "the personal weights of this model are too many to be kept", "use a model with fewer categories");
  if (before) {
    row.number = before->number;
  } else {
    FEDSPEND_ASSIGN(const ShelfSize size, vault_.size_of(Shelf::personal));
    row.number = size.last_number + 1;
  }
  return vault_.change({}, std::span(&row, 1));
}

Result<models::PersonalModel> Personalisation::find(const Consents& consents, const SharedModel& shared) {
  if (!consents.is_given(kPurposePersonalInsights)) return models::PersonalModel();
  FEDSPEND_ASSIGN(const auto kept, kept_of(vault_, shared.name));
  if (!kept || kept->shared != shared.hash) return models::PersonalModel();
  return models::PersonalModel::from_kept_form(kept->model, shared.weights.size());
}

Result<bool> Personalisation::is_adapted(const SharedModel& shared) {
  FEDSPEND_ASSIGN(const auto kept, kept_of(vault_, shared.name));
  return kept && kept->shared == shared.hash;
}

Status Personalisation::erase_all() {
  std::vector<VaultRowId> all;
  FEDSPEND_TRY(vault_.read(Shelf::personal, 0, [&](std::uint64_t number, ByteSpan) {
    all.push_back({Shelf::personal, number});
    return true;
  }));
  return vault_.change(all, {});
}

}  // namespace fedspend::client
