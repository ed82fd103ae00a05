#include "common/crypto/aead.h"

#include <sodium.h>

#include <string>

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend {
namespace {

constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
static_assert(kNonceBytes + crypto_aead_xchacha20poly1305_ietf_ABYTES == kSealedOverheadBytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32);

}  // namespace

Bytes seal(const AeadKey& key, ByteSpan associated, ByteSpan plaintext, RandomSource& random) {
  initialize_crypto();
  Bytes sealed(plaintext.size() + kSealedOverheadBytes);
  random.fill(MutableByteSpan(sealed).first(kNonceBytes));
  FEDSPEND_CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + kNonceBytes, nullptr, plaintext.data(), plaintext.size(), associated.data(),
                                                            associated.size(), nullptr, sealed.data(), key.bytes.expose().data()) == 0,
                 "XChaCha20-Poly1305 seals");
  return sealed;
}

Status open_sealed(const AeadKey& key, ByteSpan associated, ByteSpan sealed, MutableByteSpan out) {
  initialize_crypto();
  wipe(out);  // nothing is written there again before the tag has been verified
  if (sealed.size() != out.size() + kSealedOverheadBytes)
    return fail(ErrorCode::malformed, "sealed message: " + std::to_string(sealed.size()) + " bytes, " +
                                          std::to_string(out.size() + kSealedOverheadBytes) + " expected");
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data() + kNonceBytes, sealed.size() - kNonceBytes,
                                                 associated.data(), associated.size(), sealed.data(), key.bytes.expose().data()) != 0)
    return fail(ErrorCode::unauthorized, "sealed message: it does not open under this key and associated data");
  return {};
}

}  // namespace fedspend
