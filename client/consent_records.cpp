#include <initializer_list>
#include <map>

#include "client/consent.h"
#include "common/crypto/hash.h"
#include "models/transactions/transaction_fields.h"

namespace fedspend::client {
namespace {

constexpr std::string_view kDevice = "this device";

// The standard asks for an identifier that is unique and says nothing of the person: the same on every export, no other record's.
std::string record_id(std::string_view principal, std::string_view purpose, std::uint64_t first_event) {
  Hasher hasher("consent-record");
  hasher.field(principal).field(purpose).u64(first_event);
  return to_hex(hasher.finish()).substr(0, 32);
}

JsonArray list_of(std::initializer_list<std::string_view> values) {
  JsonArray list;
  for (const std::string_view value : values) list.add(value);
  return list;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json purpose_of(std::string_view purpose, std::string_view controller, const ConsentNotice& notice) {
  const bool insights = stays_on_device(purpose), evaluation = purpose == kPurposeEvaluation;
  JsonArray information;
  information.add(JsonObject().add("pii_type", "account transactions: time, amount, direction, category, merchant").add("pii_category", "financial").add("pii_optional", true));
  return JsonObject()
      .add("purpose", purpose)
      .add("purpose_type", insights ? "service personalisation" : evaluation ? "evaluation of a shared model" : "training of a shared model")
      .add("lawful_basis", "consent")
      .add("pii_information", information)
      .add("pii_controllers", list_of({controller}))
      .add("collection_method", text_or_null(notice.method))
      .add("processing_method", insights     ? "computed on the device; nothing leaves it"
                                : evaluation ? "computed on the device; figures of how well a model predicts leave it only in sums over many devices"
                                             : "trained on the device; a clipped update with noise leaves it, masked so that only sums over many devices can be read")
      .add("storage_locations", list_of({kDevice}))
      .add("retention_period", nullptr)
      .add("processing_locations", list_of({kDevice}))
      .add("recipient_third_parties", nullptr)
      .add("jurisdictions", nullptr)
      .add("withdrawal_method", "at any time in the app, as easily as it was given; takes effect at once")
      .add("privacy_rights", list_of({"withdraw", "access", "erase", "object"}));
}

Json record_of(const std::vector<const ConsentEvent*>& events, std::string_view controller, std::string_view principal) {
  const ConsentNotice* notice = &events.front()->notice;  // the newest that was shown
  JsonArray happened;
  bool was_given = false;
  for (const ConsentEvent* event : events) {
    happened.add(JsonObject()
                     .add("event_time", models::format_rfc3339(event->time_s))
                     .add("event_type", "explicit")
                     .add("event_state", event->given ? "given" : was_given ? "withdrawn" : "refused")
                     .add("validity_duration", event->given ? Json("until withdrawn") : Json(nullptr))
                     .add("entity_id", principal)
                     .add("notice_version", text_or_null(event->notice.version)));
    was_given = was_given || event->given;
    if (event->given) notice = &event->notice;
  }
  JsonArray purposes, parties;
  purposes.add(purpose_of(events.front()->purpose, controller, *notice));
  parties.add(JsonObject().add("party_id", controller).add("party_role", "PII controller").add("party_name", nullptr).add("party_address", nullptr).add("party_contact", nullptr).add("party_type", nullptr));
  parties.add(JsonObject().add("party_id", principal).add("party_role", "PII principal"));
  const Json privacy_notice = notice->version.empty() ? Json(nullptr) : Json(JsonObject().add("version", notice->version).add("text", nullptr));
  return JsonObject()
      .add("record_id", record_id(principal, events.front()->purpose, events.front()->number))
      .add("schema_version", "ISO/IEC TS 27560:2023")
      .add("pii_principal_id", principal)
      .add("pii_processing", JsonObject().add("privacy_notice", privacy_notice).add("language", text_or_null(notice->language)).add("purposes", purposes))
      .add("party_identification", parties)
      .add("events", happened)
      .add("to_be_filled_by_host", list_of({"pii_processing.privacy_notice.text", "purposes.retention_period", "purposes.recipient_third_parties", "purposes.jurisdictions",
                                            "party_identification.party_name", "party_identification.party_address", "party_identification.party_contact", "party_identification.party_type"}));
}

}  // namespace

Json consent_records(const Consents& consents, std::string_view controller, std::string_view pii_principal) {
  std::map<std::string_view, std::vector<const ConsentEvent*>> by_purpose;
  for (const ConsentEvent& event : consents.events()) by_purpose[event.purpose].push_back(&event);
  JsonArray records;
  for (const auto& [purpose, events] : by_purpose) records.add(record_of(events, controller, pii_principal));
  return records;
}

}  // namespace fedspend::client
