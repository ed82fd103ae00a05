#pragma once
// Credentials that remember: a certificate that was found valid once is not verified again among the signers, nor in the next round;
// its times are held against the clock whenever it is asked for. Nothing that failed is remembered. Several sessions of one process
// may share one object. Thread-safe.

#include <memory>

#include "common/secagg/credentials.h"

namespace fedspend::client {

struct CredentialsOptions {
  IdentityPublicKey authority;  // pinned
  std::string population;       // that certificates must be for
  // Remember signatures, too. They come once to a device; a process that serves a whole cohort sees each of them as often as it has
  // devices.
  bool remembers_signatures = false;
};

class RememberedCredentials final : public Credentials {
 public:
  explicit RememberedCredentials(CredentialsOptions options);
  ~RememberedCredentials() override;

  Status check_certificate(const IdentityPublicKey& identity, ByteSpan certificate, std::uint64_t now_s) override;
  [[nodiscard]] bool check_signature(const IdentityPublicKey& identity, const Hash256& digest, const Signature& signature) override;

 private:
  struct Memory;
  PinnedCredentials pinned_;
  bool remembers_signatures_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace fedspend::client
