#pragma once
// Who is believed: the enrolment authority that a device pins, its certificates, and the signatures of those who hold one
// (SECAGG.md, "Keys"). An interface, because what was found valid once may be remembered (client/remembered_credentials.h), which
// is not for a pure folder. Implementations are thread-safe: a quorum's signers are checked on the executor's threads.

#include <cstdint>
#include <string>

#include "common/crypto/hash.h"
#include "common/crypto/identity.h"
#include "common/result.h"

namespace fedspend {

class Credentials {
 public:
  virtual ~Credentials() = default;
  // unauthorized, with the reason, or malformed. `certificate` has kCertificateBytes. Times are held against `now_s` at every call.
  virtual Status check_certificate(const IdentityPublicKey& identity, ByteSpan certificate, std::uint64_t now_s) = 0;
  [[nodiscard]] virtual bool check_signature(const IdentityPublicKey& identity, const Hash256& digest, const Signature& signature) = 0;
};

// Checks everything every time.
class PinnedCredentials final : public Credentials {
 public:
  PinnedCredentials(const IdentityPublicKey& authority, std::string population) : authority_(authority), population_(std::move(population)) {}
  Status check_certificate(const IdentityPublicKey& identity, ByteSpan certificate, std::uint64_t now_s) override;
  [[nodiscard]] bool check_signature(const IdentityPublicKey& identity, const Hash256& digest, const Signature& signature) override;

 private:
  IdentityPublicKey authority_;
  std::string population_;  // that certificates must be for
};

}  // namespace fedspend
