#pragma once
// XChaCha20-Poly1305 with associated data: what carries the shares to neighbours (SECAGG.md, "share keys"). The sealed form is
//   nonce (24 bytes) || ciphertext || tag (16 bytes)
// with the nonce drawn from `random`. Keys are fresh for each round and direction, so that one would do without a random nonce;
// drawing it keeps a sender that starts again within a round from ever using a key and nonce twice.
// Source: draft-irtf-cfrg-xchacha-03, section 2.3; libsodium crypto_aead_xchacha20poly1305_ietf. Test vectors:
// tests/vectors/xchacha20poly1305.txt. Thread-safe (no state).

#include "common/bytes.h"
#include "common/crypto/secret.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend {

inline constexpr std::size_t kSealedOverheadBytes = 24 + 16;

struct AeadKey {
  SecretBytes<32> bytes;
};

Bytes seal(const AeadKey& key, ByteSpan associated, ByteSpan plaintext, RandomSource& random);

// Exactly out.size() + kSealedOverheadBytes bytes, made by seal() with this key and associated data; otherwise malformed (too
// short or too long) or unauthorized (cases 7 and 8), and `out` is zeroed. The caller wipes `out`.
Status open_sealed(const AeadKey& key, ByteSpan associated, ByteSpan sealed, MutableByteSpan out);

}  // namespace fedspend
