#pragma once
// How a device asks for a certificate: with a one-time token of the authority, in a file that may lie open. A token is 32 random
// bytes; from it both ends derive an Ed25519 key pair, and the authority keeps the public half alone. So neither the request nor
// the authority's own file lets anybody enrol another key: a request carries two signatures over the same digest,
//   H("enrolment-request", population, identity key, CURVE key, token's public key, label)
// one by the identity (possession), one by the token (permission). A request that is sent again can enrol the same device only,
// and the authority takes a token for one identity (coordinator/enrol_devices.h). The CURVE key's possession is not proven here: the
// CURVE handshake does that at every connection. Text form: WIRE.md. Thread-safe (no state).

#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/curve_key.h"
#include "common/crypto/identity.h"
#include "common/crypto/identity_signer.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

class EnrolmentToken {
 public:
  static EnrolmentToken generate(RandomSource& random);
  static Result<EnrolmentToken> parse(std::string_view hex_text);  // the error does not quote it
  std::string text() const;  // 64 hexadecimal digits; for handing it over, never for a log
  IdentityKey key() const;   // its seed is KDF("enrolment-token", token)

 private:
  SecretBytes<32> bytes_;
};

inline constexpr std::size_t kMaxDeviceLabelBytes = 256;
// malformed: too long, or with control characters: a label is shown on terminals.
Status check_device_label(std::string_view label);

struct EnrolmentRequest {
  IdentityPublicKey identity;
  CurvePublicKey transport;
  IdentityPublicKey token;       // the public half of the token's key
  Signature by_identity{};
  Signature by_token{};
  std::string label;             // the device's own proposal; check_device_label holds

  bool operator==(const EnrolmentRequest&) const = default;
};

EnrolmentRequest make_enrolment_request(std::string_view population, const IdentityKey& identity, const CurvePublicKey& transport, const EnrolmentToken& token,
                                        std::string label);
// With a key that may be elsewhere; its errors as they are.
Result<EnrolmentRequest> make_enrolment_request(std::string_view population, IdentitySigner& identity, const CurvePublicKey& transport, const EnrolmentToken& token,
                                                std::string label);
// unauthorized: one of the two signatures is not over these keys, this label and this population.
Status verify_enrolment_request(const EnrolmentRequest& request, std::string_view population);

// What a file holds: the requests of one population.
struct EnrolmentRequests {
  std::string population;
  std::vector<EnrolmentRequest> requests;

  std::string text() const;
  // Errors name the line. The signatures are not checked.
  static Result<EnrolmentRequests> parse(std::string_view text);
};

}  // namespace fedspend
