#pragma once
// Credentials that remember: a certificate that was found valid once is not verified again among the signers, nor in the next round;
// its times are held against the clock whenever it is asked for. Nothing that failed is remembered. Several sessions of one process
// may share one object. Thread-safe.

#include <atomic>
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

  // From now on.
  void remember_signatures() { remembers_signatures_ = true; }
  [[nodiscard]] bool remembers_signatures() const { return remembers_signatures_; }

 private:
  struct Memory;
  PinnedCredentials pinned_;
  std::atomic<bool> remembers_signatures_;
  std::unique_ptr<Memory> memory_;
};

// The one object of this process for this authority and population, as long as somebody holds it: the handles of an agent for many stores, of
// one population, meet the same signers and verify each once between them. Signatures are remembered once two hold it. Thread-safe.
std::shared_ptr<RememberedCredentials> shared_credentials(const IdentityPublicKey& authority, const std::string& population);

}  // namespace fedspend::client
