#include "common/crypto/identity_signer.h"

namespace fedspend {

Result<Signature> ForeignSigner::sign(ByteSpan message) {
  Result<Signature> signature = sign_(message);
  if (!signature) return signature;
  if (!verify(key_, message, *signature)) return fail(ErrorCode::unauthorized, "the signature that the host gave does not hold under this device's key");
  return signature;
}

}  // namespace fedspend
