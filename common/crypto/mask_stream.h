#pragma once
// The mask generator PRG of SECAGG.md: ChaCha20 as in RFC 8439, section 2.4, with the key of the mask and
//   nonce, 12 bytes   tensor (u32) || chunk (u64), little-endian
//   block counter     from 0 within each chunk
// Word w of a tensor is the little-endian 32-bit word at 4 (w mod 2^14) bytes into chunk floor(w / 2^14). Who masks with b bits
// uses the low b of each word. Addition mod 2^b of low bits is addition mod 2^32 with the high bits dropped at the end, so whole
// words come out of here. Source: libsodium crypto_stream_chacha20_ietf. Test vectors: tests/vectors/mask_stream.txt.
// Thread-safe (no state).

#include <cstdint>
#include <span>

#include "common/crypto/secret.h"

namespace fedspend {

inline constexpr std::size_t kMaskChunkWords = std::size_t{1} << 14;
inline constexpr std::size_t kMaskBlockWords = 16;  // a ChaCha20 block

struct MaskKey {
  SecretBytes<32> bytes;
};

// Words first ... first + out.size() - 1 of the tensor's stream. `first` is a multiple of kMaskBlockWords (a programmer's mistake
// otherwise). The words are secret: the caller wipes `out`.
void mask_words(const MaskKey& key, std::uint32_t tensor, std::uint64_t first, std::span<std::uint32_t> out);

}  // namespace fedspend
