#include "common/crypto/aead.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "common/crypto/random.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

AeadKey key_of(const std::array<std::uint8_t, 32>& bytes) {
  AeadKey key;
  std::ranges::copy(bytes, key.bytes.expose_mutable().begin());
  return key;
}

struct FixedBytes final : RandomSource {
  Bytes bytes;
  void fill(MutableByteSpan out) override {
    REQUIRE(out.size() == bytes.size());
    std::ranges::copy(bytes, out.begin());
  }
};

std::size_t plaintext_size(ByteSpan sealed) { return sealed.size() < kSealedOverheadBytes ? 0 : sealed.size() - kSealedOverheadBytes; }

TEST_CASE("draft-irtf-cfrg-xchacha-03 appendix A.3.1: sealed and opened") {
  unsigned good = 0;
  for (const auto& record : tests::read_vectors("xchacha20poly1305.txt")) {
    if (record.has("bad")) continue;
    const AeadKey key = key_of(record.array<32>("key"));
    const Bytes sealed = record.bytes("sealed");
    Bytes plaintext(plaintext_size(sealed));
    REQUIRE(open_sealed(key, record.bytes("associated"), sealed, plaintext).has_value());
    CHECK(plaintext == record.bytes("plaintext"));
    FixedBytes nonce;
    nonce.bytes.assign(sealed.begin(), sealed.begin() + 24);
    CHECK(seal(key, record.bytes("associated"), plaintext, nonce) == sealed);
    ++good;
  }
  CHECK(good == 1);
}

TEST_CASE("cases 7 and 8: what was changed, cut or meant for another does not open, and leaves nothing behind") {
  unsigned bad = 0;
  const std::size_t size = 114;  // of the plaintext of appendix A.3.1
  for (const auto& record : tests::read_vectors("xchacha20poly1305.txt")) {
    if (!record.has("bad")) continue;
    CAPTURE(record.text("bad"));
    Bytes plaintext(size, 0x5a);
    const Bytes sealed = record.bytes("sealed");
    const Status opened = open_sealed(key_of(record.array<32>("key")), record.bytes("associated"), sealed, plaintext);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == (sealed.size() == size + kSealedOverheadBytes ? ErrorCode::unauthorized : ErrorCode::malformed));
    CHECK(plaintext == Bytes(size));
    ++bad;
  }
  CHECK(bad == 10);
}

TEST_CASE("every flipped bit of a sealed message keeps it shut") {
  SeededRandom random(1);
  const AeadKey key = key_of({1, 2, 3});
  const Bytes associated{1, 2, 3};
  const Bytes sealed = seal(key, associated, Bytes(7, 0x11), random);
  Bytes out(7);
  REQUIRE(open_sealed(key, associated, sealed, out).has_value());
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    Bytes changed = sealed;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << bit % 8));
    CHECK_FALSE(open_sealed(key, associated, changed, out).has_value());
  }
}

TEST_CASE("what is sealed opens, of any size, and a nonce is drawn each time") {
  CHECK(rc::check([](std::uint64_t seed, const Bytes& plaintext, const Bytes& associated) {
    SeededRandom random(seed);
    AeadKey key;
    random.fill(key.bytes.expose_mutable());
    const Bytes sealed = seal(key, associated, plaintext, random);
    RC_ASSERT(sealed.size() == plaintext.size() + kSealedOverheadBytes);
    Bytes opened(plaintext.size());
    RC_ASSERT(open_sealed(key, associated, sealed, opened).has_value());
    RC_ASSERT(opened == plaintext);
    RC_ASSERT(seal(key, associated, plaintext, random) != sealed);
  }));
}

}  // namespace
}  // namespace fedspend
