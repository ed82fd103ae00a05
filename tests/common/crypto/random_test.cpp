#include "common/crypto/random.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <set>
#include <string>

#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

using tests::read_vectors;
using tests::VectorRecord;

using Key = std::array<std::uint8_t, 32>;
using Block = std::array<std::uint8_t, 64>;

// The block function of RFC 8439, section 2.3, written out: the second implementation that random.h promises to allow.
Block chacha20_block(const Key& key, std::uint32_t counter, const std::array<std::uint8_t, 12>& nonce) {
  std::array<std::uint32_t, 16> start{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  for (std::size_t i = 0; i < 8; ++i) start[4 + i] = load_u32(ByteSpan(key).subspan(4 * i));
  start[12] = counter;
  for (std::size_t i = 0; i < 3; ++i) start[13 + i] = load_u32(ByteSpan(nonce).subspan(4 * i));
  auto state = start;
  const auto quarter = [&state](std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
    state[a] += state[b], state[d] = std::rotl(state[d] ^ state[a], 16);
    state[c] += state[d], state[b] = std::rotl(state[b] ^ state[c], 12);
    state[a] += state[b], state[d] = std::rotl(state[d] ^ state[a], 8);
    state[c] += state[d], state[b] = std::rotl(state[b] ^ state[c], 7);
  };
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < 4; ++i) quarter(i, 4 + i, 8 + i, 12 + i);
    for (std::size_t i = 0; i < 4; ++i) quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
  }
  Block block;
  for (std::size_t i = 0; i < 16; ++i) store_u32(MutableByteSpan(block).subspan(4 * i), state[i] + start[i]);
  return block;
}

Block stream_block(const Key& key, std::uint64_t index) {
  std::array<std::uint8_t, 12> nonce{};
  store_u32(nonce, static_cast<std::uint32_t>(index >> 32));
  return chacha20_block(key, static_cast<std::uint32_t>(index), nonce);
}

TEST_CASE("RFC 8439 section 2.3.2: the block function that the stream is held against") {
  Key key;
  for (std::size_t i = 0; i < 32; ++i) key[i] = static_cast<std::uint8_t>(i);
  CHECK(to_hex(chacha20_block(key, 1, {0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0})) ==
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
}

TEST_CASE("the seeded stream is the one of RFC 8439 appendix A.1, and goes on past 2^32 blocks") {
  const auto records = read_vectors("seeded_random.txt");
  CHECK(records.size() == 16);
  for (const VectorRecord& record : records) {
    const std::uint64_t block = std::stoull(record.text("block"));
    CAPTURE(block);
    SeededRandom random = record.has("key") ? SeededRandom(record.array<32>("key")) : SeededRandom(std::uint64_t{std::stoull(record.text("seed"))});
    random.seek_block(block);
    Block bytes;
    random.fill(bytes);
    CHECK(to_hex(bytes) == record.text("bytes"));
  }
}

TEST_CASE("the seeded stream is the block function at a 64-bit counter, however the calls are cut") {
  CHECK(rc::check([](const Key& key) {
    const std::uint64_t around = *rc::gen::elementOf(std::vector<std::uint64_t>{0, 1, 100, 0xfffffff0, 0xffffffff, 0x100000000, 0x5fffffffe});
    SeededRandom random(key);
    random.seek_block(around);
    Bytes got;
    for (const std::size_t size : *rc::gen::container<std::vector<std::size_t>>(rc::gen::elementOf(std::vector<std::size_t>{0, 1, 7, 63, 64, 65, 1023, 1024, 1025, 5000}))) {
      Bytes piece(size);
      random.fill(piece);
      got.insert(got.end(), piece.begin(), piece.end());
    }
    for (std::size_t i = 0; i * 64 < got.size(); ++i) {
      const Block expected = stream_block(key, around + i);
      const std::size_t count = std::min<std::size_t>(64, got.size() - i * 64);
      RC_ASSERT(std::equal(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(count), got.begin() + static_cast<std::ptrdiff_t>(i * 64)));
    }
  }));
}

TEST_CASE("next_u64 takes eight bytes of the stream, little-endian") {
  SeededRandom bytes_source(9);
  SeededRandom integer_source(9);
  std::array<std::uint8_t, 8> bytes;
  bytes_source.fill(bytes);
  CHECK(integer_source.next_u64() == load_u64(bytes));
}

TEST_CASE("different seeds give different streams, and the same seed the same") {
  std::set<std::uint64_t> firsts;
  for (std::uint64_t seed = 0; seed < 100; ++seed) firsts.insert(SeededRandom(seed).next_u64());
  CHECK(firsts.size() == 100);
  CHECK(SeededRandom(3).next_u64() == SeededRandom(3).next_u64());
}

struct FixedSource final : RandomSource {
  std::vector<std::uint64_t> values;
  std::size_t next = 0;
  void fill(MutableByteSpan out) override { store_u64(out, values.at(next++)); }
};

TEST_CASE("below rejects the 2^64 mod bound lowest values, so that none is favoured") {
  FixedSource source;
  source.values = {0, 3, 4, 0, 10};
  // 2^64 mod 6 = 4: 0 and 3 are rejected, 4 is the first value of a whole number of sixes.
  CHECK(source.below(6) == 4);
  CHECK(source.next == 3);
  CHECK(source.below(1) == 0);
  CHECK(source.below(std::uint64_t{1} << 63) == 10);
  CHECK(tests::aborts([&] { source.below(0); }));
}

TEST_CASE("below is uniform on a small range") {
  // 60,000 draws over six values: a deviation of 500 is 5.5 standard deviations, so a wrong alarm has probability under 3e-7;
  // the seed is fixed.
  SeededRandom random(11);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60'000; ++i) ++counts[random.below(6)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 500);
}

TEST_CASE("the system's generator fills what it is given, with something else every time") {
  initialize_crypto();
  initialize_crypto();
  SystemRandom random;
  Block first{};
  Block second{};
  random.fill(first);
  random.fill(second);
  CHECK(first != second);
  CHECK(std::ranges::count(first, std::uint8_t{0}) < 20);
  random.fill({});
  std::array<std::uint8_t, 6> guarded{1, 0, 0, 0, 0, 9};
  random.fill(MutableByteSpan(guarded).subspan(1, 4));
  CHECK(guarded.front() == 1);
  CHECK(guarded.back() == 9);
}

}  // namespace
}  // namespace fedspend
