#pragma once
// Who signs as this device: a key in memory, or one in hardware that signs and is never seen. Ed25519 either way (identity.h). One thread
// per object.

#include <functional>
#include <utility>

#include "common/bytes.h"
#include "common/crypto/identity.h"
#include "common/result.h"

namespace fedspend {

class IdentitySigner {
 public:
  IdentitySigner() = default;
  virtual ~IdentitySigner() = default;
  IdentitySigner(const IdentitySigner&) = delete;
  IdentitySigner& operator=(const IdentitySigner&) = delete;

  virtual const IdentityPublicKey& public_key() const = 0;
  // A signature that holds under public_key(), or why there is none.
  virtual Result<Signature> sign(ByteSpan message) = 0;
};

// The key in memory; never fails.
class KeySigner final : public IdentitySigner {
 public:
  explicit KeySigner(IdentityKey key) : key_(std::move(key)) {}
  const IdentityPublicKey& public_key() const override { return key_.public_key(); }
  Result<Signature> sign(ByteSpan message) override { return key_.sign(message); }

 private:
  IdentityKey key_;
};

// A key elsewhere, behind a function of the host. Each signature is verified before it is given out (unauthorized where it does not hold):
// what is broken elsewhere ends here, not at the coordinator, and a faulty signature, which can bare an Ed25519 key, never leaves.
class ForeignSigner final : public IdentitySigner {
 public:
  using Sign = std::function<Result<Signature>(ByteSpan message)>;
  ForeignSigner(const IdentityPublicKey& key, Sign sign) : key_(key), sign_(std::move(sign)) {}
  const IdentityPublicKey& public_key() const override { return key_; }
  Result<Signature> sign(ByteSpan message) override;

 private:
  IdentityPublicKey key_;
  Sign sign_;
};

}  // namespace fedspend
