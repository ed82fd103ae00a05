#include "common/secagg/credentials.h"

#include "common/protocol/certificate.h"

namespace fedspend {

Status PinnedCredentials::check_certificate(const IdentityPublicKey& identity, ByteSpan certificate, std::uint64_t now_s) {
  FEDSPEND_ASSIGN(const Certificate decoded, decode_certificate(identity, certificate));
  return verify_certificate(decoded, authority_, population_, now_s);
}

bool PinnedCredentials::check_signature(const IdentityPublicKey& identity, const Hash256& digest, const Signature& signature) {
  return verify(identity, digest, signature);
}

}  // namespace fedspend
