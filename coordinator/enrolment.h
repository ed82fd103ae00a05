#pragma once
// The devices that may take part: identity key and CURVE key of each, bound together. A list file, one device a line:
//   <identity public key, 64 hex digits> <CURVE public key, 64 hex digits> [label]
// Certificates of an enrolment authority replace the list when secure aggregation comes. A label is the bank's own name for the
// device (in a demonstration: the client's name in the data); it never travels. Immutable after parsing; thread-safe.

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
#include "common/result.h"

namespace fedspend::coordinator {

struct EnrolledDevice {
  ClientId id;
  IdentityPublicKey identity;
  CurvePublicKey transport;
  Certificate certificate;
  std::string label;
};

class EnrolmentList {
 public:
  // Both refuse a device that stands twice, by identity or by CURVE key. Errors of parse name the line.
  static Result<EnrolmentList> create(std::vector<EnrolledDevice> devices);
  static Result<EnrolmentList> parse(std::string_view text);
  static std::string format_line(const EnrolledDevice& device);

  const EnrolledDevice* find(const ClientId& id) const;  // null: not enrolled
  bool knows_transport_key(const CurvePublicKey& key) const;
  const std::vector<EnrolledDevice>& devices() const { return devices_; }

 private:
  // `place` names the device of an index in an error.
  static Result<EnrolmentList> build(std::vector<EnrolledDevice> devices, const std::function<std::string(std::size_t)>& place);

  std::vector<EnrolledDevice> devices_;
  std::unordered_map<ClientId, std::size_t> by_id_;
  std::unordered_set<std::string> transport_keys_;
};

}  // namespace fedspend::coordinator
