#include "common/crypto/random.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "common/check.h"
#include "common/crypto/hash.h"

namespace fedspend {
namespace {

constexpr std::size_t kBlockBytes = 64;
constexpr std::uint64_t kBlocksPerNonce = std::uint64_t{1} << 32;

std::array<std::uint8_t, 32> key_of_seed(std::uint64_t seed) { return Hasher("seed").u64(seed).finish(); }

}  // namespace

void initialize_crypto() {
  static const bool ready = sodium_init() >= 0;
  FEDSPEND_CHECK(ready, "libsodium finds a source of randomness");
}

SystemRandom::SystemRandom() { initialize_crypto(); }

void SystemRandom::fill(MutableByteSpan out) {
  if (!out.empty()) randombytes_buf(out.data(), out.size());
}

SeededRandom::SeededRandom(const std::array<std::uint8_t, 32>& key) : key_(key) { initialize_crypto(); }

SeededRandom::SeededRandom(std::uint64_t seed) : SeededRandom(key_of_seed(seed)) {}

void SeededRandom::fill(MutableByteSpan out) {
  const auto take_buffered = [&] {
    const std::size_t count = std::min(out.size(), buffer_.size() - used_);
    std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(used_), count, out.begin());
    used_ += count;
    out = out.subspan(count);
  };
  take_buffered();
  if (const std::size_t whole = out.size() / buffer_.size() * buffer_.size(); whole > 0) {
    next_blocks(out.first(whole));
    out = out.subspan(whole);
  }
  if (out.empty()) return;
  next_blocks(buffer_);
  used_ = 0;
  take_buffered();
}

void SeededRandom::seek_block(std::uint64_t block) {
  next_block_ = block;
  used_ = buffer_.size();
}

void SeededRandom::next_blocks(MutableByteSpan out) {
  std::memset(out.data(), 0, out.size());
  while (!out.empty()) {
    // libsodium's IETF counter has 32 bits and must not wrap inside one call: cut there and go on with the next nonce.
    const std::uint64_t counter = next_block_ % kBlocksPerNonce;
    const std::uint64_t blocks = std::min<std::uint64_t>(out.size() / kBlockBytes, kBlocksPerNonce - counter);
    const std::size_t bytes = static_cast<std::size_t>(blocks) * kBlockBytes;
    std::array<std::uint8_t, crypto_stream_chacha20_ietf_NONCEBYTES> nonce{};
    store_u32(nonce, static_cast<std::uint32_t>(next_block_ / kBlocksPerNonce));
    FEDSPEND_CHECK(crypto_stream_chacha20_ietf_xor_ic(out.data(), out.data(), bytes, nonce.data(),
                                                      static_cast<std::uint32_t>(counter), key_.data()) == 0,
                   "ChaCha20 gives a keystream");
    next_block_ += blocks;
    out = out.subspan(bytes);
  }
}

}  // namespace fedspend
