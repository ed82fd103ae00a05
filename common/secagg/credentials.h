#pragma once
// Who is believed: the enrolment authority that a device (or the coordinator) pins, its certificates, and the signatures of those who hold
// one (SECAGG.md, "Keys"). What was found valid once is remembered, so that a neighbour's certificate is not checked again among the
// signers, nor in the next round; its times are held against the clock whenever it is asked for. Nothing that failed is remembered.
// Several sessions of one process may share one object. Thread-safe.

#include <cstdint>
#include <memory>
#include <string>

#include "common/crypto/hash.h"
#include "common/crypto/identity.h"
#include "common/result.h"

namespace fedspend {

struct CredentialsOptions {
  IdentityPublicKey authority;  // pinned
  std::string population;       // that certificates must be for
  // Remember signatures, too. They come once to a device; a process that simulates a whole cohort sees each of them as often as
  // there are devices.
  bool remembers_signatures = false;
};

class Credentials {
 public:
  explicit Credentials(CredentialsOptions options);
  ~Credentials();

  // unauthorized, with the reason, or malformed. `certificate` has kCertificateBytes.
  Status check_certificate(const IdentityPublicKey& identity, ByteSpan certificate, std::uint64_t now_s);
  [[nodiscard]] bool check_signature(const IdentityPublicKey& identity, const Hash256& digest, const Signature& signature);

 private:
  struct Memory;
  CredentialsOptions options_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace fedspend
