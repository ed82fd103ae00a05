#pragma once
// The devices that may take part: identity key, CURVE key and certificate of each, bound together. A list file for one population,
// one device a line:
//   <identity public key, 64 hex digits> <CURVE public key, 64> <certificate, 176 (common/protocol/certificate.h)> [label]
// Written by `fedspend-admin enrol`. The list itself is not signed; the certificates are, so whoever holds this file can leave
// devices out or give them another CURVE key, but cannot add one. A label is the bank's own name for the device (in a demonstration:
// the client's name in the data); it never travels. Immutable after parsing; thread-safe.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/crypto/curve_key.h"
#include "common/crypto/identity.h"
#include "common/ids.h"
#include "common/protocol/certificate.h"
#include "common/protocol/revocation_list.h"
#include "common/result.h"

namespace fedspend::coordinator {

struct EnrolledDevice {
  ClientId id;
  IdentityPublicKey identity;
  CurvePublicKey transport;
  Certificate certificate;
  std::string label;
};

// Why a device of the list does not take part.
enum class Exclusion : std::uint8_t { revoked, expired };

struct AdmissionRules {
  IdentityPublicKey authority;
  std::string population;
  std::uint64_t now_s = 0;                      // seconds since 1970
  const RevocationList* revocations = nullptr;  // null: none was given; borrowed
};

class EnrolmentList {
 public:
  // Both refuse a device that stands twice, by identity or by CURVE key, and a certificate for another key than the device's.
  // Errors of parse name the line. Whose certificates these are is for admitted() to check.
  static Result<EnrolmentList> create(std::vector<EnrolledDevice> devices);
  static Result<EnrolmentList> parse(std::string_view text);
  static std::string format_line(const EnrolledDevice& device);

  // The list without the devices that are revoked or whose certificates have expired: what a coordinator works with. refused: a
  // certificate that the authority did not sign for this population, or one not yet valid; a list with such a line is not ours.
  Result<EnrolmentList> admitted(const AdmissionRules& rules) const;

  const EnrolledDevice* find(const ClientId& id) const;  // null: not enrolled
  std::optional<Exclusion> exclusion_of(const ClientId& id) const;  // of those that admitted() left out
  std::size_t excluded(Exclusion why) const;
  bool knows_transport_key(const CurvePublicKey& key) const;
  const std::vector<EnrolledDevice>& devices() const { return devices_; }

 private:
  // `place` names the device of an index in an error.
  static Result<EnrolmentList> build(std::vector<EnrolledDevice> devices, const std::function<std::string(std::size_t)>& place);

  std::vector<EnrolledDevice> devices_;
  std::unordered_map<ClientId, std::size_t> by_id_;
  std::unordered_set<std::string> transport_keys_;
  std::unordered_map<ClientId, Exclusion> excluded_;
};

}  // namespace fedspend::coordinator
