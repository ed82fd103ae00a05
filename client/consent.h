#pragma once
// What the customer has agreed to, by purpose, and the record of it: default none, both ways at once. Records have the fields of
// ISO/IEC TS 27560:2023 (consent record information structure); kept in the device's vault, never sent. Giving and withdrawing are for one
// thread; is_given() is for any.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "client/vault.h"
#include "common/result.h"

namespace fedspend::client {

// A purpose is the plan's ("next_category" ...: training of that kind of model), or one of these.
inline constexpr std::string_view kPurposeEvaluation = "evaluation";               // figures about how well a model does on this device
inline constexpr std::string_view kPurposePersonalInsights = "personal_insights";  // predictions on the device, for the customer

// What the customer was shown when the choice was made.
struct ConsentNotice {
  std::string version;   // of the notice, 1 to 64 bytes of plain text: required to give consent
  std::string language;  // BCP 47, e.g. "de-CH"; may be empty
  std::string method;    // how it was expressed, e.g. "switch in settings"; may be empty
};

// One event of one purpose; the newest of a purpose decides.
struct ConsentEvent {
  std::uint64_t number = 0;
  std::int64_t time_s = 0;
  std::string purpose;
  bool given = false;
  ConsentNotice notice;
};

class Consents {
 public:
  // Reads the shelf. malformed: damaged, and then no consent is given. `vault` outlives the object.
  static Result<std::unique_ptr<Consents>> open(Vault& vault);
  ~Consents();

  // Durable when it returns; on an error of give nothing has changed. A withdrawal counts at once, in this process also when the disk
  // failed (the error says that it must be said again after a restart).
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

// The events as consent records of ISO/IEC TS 27560: one record per purpose with its events.
nlohmann::json consent_records(const Consents& consents, std::string_view controller, std::string_view pii_principal);

}  // namespace fedspend::client
