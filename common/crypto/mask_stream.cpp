#include "common/crypto/mask_stream.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <bit>

#include "common/bytes.h"
#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend {
namespace {

// libsodium gives a keystream from a block counter by xor alone. A block of zeros as the other side is faster than clearing the
// output first, for as long as it stays in the first-level cache beside the output.
constexpr std::size_t kZeroBytes = 8192;
alignas(64) constexpr std::array<std::uint8_t, kZeroBytes> kZeros{};

void keystream(const MaskKey& key, std::uint32_t tensor, std::uint64_t chunk, std::uint32_t block, MutableByteSpan out) {
  std::array<std::uint8_t, crypto_stream_chacha20_ietf_NONCEBYTES> nonce;
  store_u32(nonce, tensor);
  store_u64(MutableByteSpan(nonce).subspan(4), chunk);
  while (!out.empty()) {
    const std::size_t bytes = std::min(out.size(), kZeroBytes);
    FEDSPEND_CHECK(crypto_stream_chacha20_ietf_xor_ic(out.data(), kZeros.data(), bytes, nonce.data(), block, key.bytes.expose().data()) == 0,
                   "ChaCha20 gives a keystream");
    out = out.subspan(bytes);
    block += static_cast<std::uint32_t>(kZeroBytes / 64);
  }
}

}  // namespace

static_assert(crypto_stream_chacha20_ietf_NONCEBYTES == 12 && crypto_stream_chacha20_ietf_KEYBYTES == 32);

void mask_words(const MaskKey& key, std::uint32_t tensor, std::uint64_t first, std::span<std::uint32_t> out) {
  FEDSPEND_CHECK(first % kMaskBlockWords == 0, "a stream begins at a block");
  initialize_crypto();
  while (!out.empty()) {
    const std::size_t within = first % kMaskChunkWords;
    const std::size_t words = std::min(out.size(), kMaskChunkWords - within);
    keystream(key, tensor, first / kMaskChunkWords, static_cast<std::uint32_t>(within / kMaskBlockWords),
              MutableByteSpan(reinterpret_cast<std::uint8_t*>(out.data()), words * sizeof(std::uint32_t)));
    if constexpr (std::endian::native == std::endian::big) {
      for (std::uint32_t& word : out.first(words)) word = load_u32(ByteSpan(reinterpret_cast<const std::uint8_t*>(&word), 4));
    }
    first += words;
    out = out.subspan(words);
  }
}

}  // namespace fedspend
