#include <map>

#include <nlohmann/json.hpp>

#include "client/consent.h"
#include "common/crypto/hash.h"
#include "models/transaction_fields.h"

namespace fedspend::client {
namespace {

using nlohmann::json;

constexpr std::string_view kDevice = "this device";

// The standard asks for an identifier that is unique and says nothing of the person: the same on every export, no other record's.
std::string record_id(std::string_view principal, std::string_view purpose, std::uint64_t first_event) {
  Hasher hasher("consent-record");
  hasher.field(principal).field(purpose).u64(first_event);
  return to_hex(hasher.finish()).substr(0, 32);
}

json purpose_of(std::string_view purpose, std::string_view controller, const ConsentNotice& notice) {
  const bool insights = stays_on_device(purpose), evaluation = purpose == kPurposeEvaluation;
  return {{"purpose", purpose},
          {"purpose_type", insights ? "service personalisation" : evaluation ? "evaluation of a shared model" : "training of a shared model"},
          {"lawful_basis", "consent"},
          {"pii_information", json::array({{{"pii_type", "account transactions: time, amount, direction, category, merchant"}, {"pii_category", "financial"}, {"pii_optional", true}}})},
          {"pii_controllers", json::array({controller})},
          {"collection_method", notice.method.empty() ? json(nullptr) : json(notice.method)},
          {"processing_method", insights     ? "computed on the device; nothing leaves it"
                                : evaluation ? "computed on the device; figures of how well a model predicts leave it only in sums over many devices"
                                             : "trained on the device; a clipped update with noise leaves it, masked so that only sums over many devices can be read"},
          {"storage_locations", json::array({kDevice})},
          {"retention_period", nullptr},
          {"processing_locations", json::array({kDevice})},
          {"recipient_third_parties", nullptr},
          {"jurisdictions", nullptr},
          {"withdrawal_method", "at any time in the app, as easily as it was given; takes effect at once"},
          {"privacy_rights", json::array({"withdraw", "access", "erase", "object"})}};
}

json record_of(const std::vector<const ConsentEvent*>& events, std::string_view controller, std::string_view principal) {
  const ConsentNotice* notice = &events.front()->notice;  // the newest that was shown
  json happened = json::array();
  bool was_given = false;
  for (const ConsentEvent* event : events) {
    happened.push_back({{"event_time", models::format_rfc3339(event->time_s)},
                        {"event_type", "explicit"},
                        {"event_state", event->given ? "given" : was_given ? "withdrawn" : "refused"},
                        {"validity_duration", event->given ? json("until withdrawn") : json(nullptr)},
                        {"entity_id", principal},
                        {"notice_version", event->notice.version.empty() ? json(nullptr) : json(event->notice.version)}});
    was_given = was_given || event->given;
    if (event->given) notice = &event->notice;
  }
  return {{"record_id", record_id(principal, events.front()->purpose, events.front()->number)},
          {"schema_version", "ISO/IEC TS 27560:2023"},
          {"pii_principal_id", principal},
          {"pii_processing",
           {{"privacy_notice", notice->version.empty() ? json(nullptr) : json({{"version", notice->version}, {"text", nullptr}})},
            {"language", notice->language.empty() ? json(nullptr) : json(notice->language)},
            {"purposes", json::array({purpose_of(events.front()->purpose, controller, *notice)})}}},
          {"party_identification",
           json::array({{{"party_id", controller}, {"party_role", "PII controller"}, {"party_name", nullptr}, {"party_address", nullptr}, {"party_contact", nullptr}, {"party_type", nullptr}},
                        {{"party_id", principal}, {"party_role", "PII principal"}}})},
          {"events", std::move(happened)},
          {"to_be_filled_by_host", json::array({"pii_processing.privacy_notice.text", "purposes.retention_period", "purposes.recipient_third_parties", "purposes.jurisdictions",
                                                "party_identification.party_name", "party_identification.party_address", "party_identification.party_contact", "party_identification.party_type"})}};
}

}  // namespace

json consent_records(const Consents& consents, std::string_view controller, std::string_view pii_principal) {
  std::map<std::string_view, std::vector<const ConsentEvent*>> by_purpose;
  for (const ConsentEvent& event : consents.events()) by_purpose[event.purpose].push_back(&event);
  json records = json::array();
  for (const auto& [purpose, events] : by_purpose) records.push_back(record_of(events, controller, pii_principal));
  return records;
}

}  // namespace fedspend::client
