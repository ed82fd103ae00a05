#pragma once
// What the customer has agreed to, by purpose, and the record of it: default none, both ways at once. Records have the fields of
// ISO/IEC TS 27560:2023 (consent record information structure); kept in the device's vault, never sent. Giving and withdrawing are for one
// thread; is_given() is for any.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>


#include "client/json_text.h"
#include "client/vault.h"
#include "common/result.h"

namespace fedspend::client {

// A purpose is the plan's ("next_category" ...: training of that kind of model), or one of these.
inline constexpr std::string_view kPurposeEvaluation = "evaluation";               // figures about how well a model does on this device
inline constexpr std::string_view kPurposePersonalInsights = "personal_insights";  // predictions on the device, for the customer
inline constexpr std::string_view kPurposeOfferSuggestions = "offer_suggestions";      // with it: what they may like to begin with, from the model `offers`

// Whether nothing ever leaves the device for it, so that no plan has it.
inline bool stays_on_device(std::string_view purpose) { return purpose == kPurposePersonalInsights || purpose == kPurposeOfferSuggestions; }

// What the customer was shown when the choice was made.
struct ConsentNotice {
  std::string version = {};   // of the notice, 1 to 64 bytes of plain text: required to give consent
  std::string language = {};  // BCP 47, e.g. "de-CH", at most 35 bytes; may be empty
  std::string method = {};    // how it was expressed, e.g. "switch in settings", at most 128 bytes; may be empty
};

inline constexpr std::size_t kMaxPurposeBytes = 64;
inline constexpr std::size_t kMaxConsentEvents = 4'096;  // then nothing more is given; withdrawing still works

// One event of one purpose; the newest by number of a purpose decides, whatever the clock said.
struct ConsentEvent {
  std::uint64_t number = 0;
  std::int64_t time_s = 0;
  std::string purpose = {};
  bool given = false;
  ConsentNotice notice = {};
};

class Consents {
 public:
  // Reads the shelf, and the vault's reserve, where withdrawals are that a full disk kept from the shelf. malformed: the shelf is damaged, and then
  // no consent is given. A reserve that is damaged or was taken away may have held a withdrawal: all that was consented to is withdrawn.
  // `vault` outlives the object.
  static Result<std::unique_ptr<Consents>> open(Vault& vault);
  ~Consents();

  // Durable when it returns; on an error of give nothing has changed (but a disk that failed may have kept it: vault.h). The same again is no
  // new event. invalid_argument: a text that is not plain, or too long, or a time before 1970. limit: kMaxConsentEvents.
  // A withdrawal counts at once, and is durable when it returns, on a full disk too: it is kept in the vault's reserve until there is space. Where
  // even that fails it counts in this process alone, and the error says so. Of what was never given it is a refusal, which is recorded if it
  // can be. It takes any time.
  Status give(std::string_view purpose, const ConsentNotice& notice, std::int64_t time_s);
  Status withdraw(std::string_view purpose, std::int64_t time_s);
  Status withdraw_all(std::int64_t time_s);

  [[nodiscard]] bool is_given(std::string_view purpose) const;  // any thread
  std::vector<std::string> purposes() const;                    // consented to now
  const std::vector<ConsentEvent>& events() const;              // oldest first, all that were ever made

 private:
  struct State;
  explicit Consents(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The events as consent records: one record per purpose with its events, oldest first. Plain text is expected of the names.
// The fields and their sections are those of ISO/IEC TS 27560:2023, 6.3, as the W3C Data Privacy Vocabularies group describes them ("Consent
// records and receipts as per ISO/IEC TS 27560", 2024): the text of the standard itself was not at hand, so that the spelling of
// values is this project's where the guide leaves it open. The device knows the header, the purpose, the notice's version and language, how consent
// was collected, where it is stored and processed, how to withdraw, and the events. What only the host knows is null, and its place is
// listed under "to_be_filled_by_host": the notice's text, lawful basis in words of the law, recipients, jurisdictions, impact assessment, and how to
// reach the parties.
Json consent_records(const Consents& consents, std::string_view controller, std::string_view pii_principal);

}  // namespace fedspend::client
