#include "common/secagg/masks.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <thread>

#include "common/crypto/random.h"
#include "common/numeric/ring_vector.h"
#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

using Words = std::vector<std::uint32_t>;

std::uint32_t low_bits(unsigned bits) { return static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1); }

Mask mask_of(const std::array<std::uint8_t, 32>& key, MaskSign sign) {
  Mask mask;
  std::ranges::copy(key, mask.key.bytes.expose_mutable().begin());
  mask.sign = sign;
  return mask;
}

std::vector<Mask> random_masks(RandomSource& random, std::size_t count) {
  std::vector<Mask> masks(count);
  for (Mask& mask : masks) {
    random.fill(mask.key.bytes.expose_mutable());
    mask.sign = random.below(2) == 0 ? MaskSign::add : MaskSign::subtract;
  }
  return masks;
}

void turn_around(std::vector<Mask>& masks) {
  for (Mask& mask : masks) mask.sign = mask.sign == MaskSign::add ? MaskSign::subtract : MaskSign::add;
}

Words random_values(RandomSource& random, std::size_t count, unsigned bits) {
  Words values(count);
  for (std::uint32_t& value : values) value = static_cast<std::uint32_t>(random.next_u64()) & low_bits(bits);
  return values;
}

// One mask and one word at a time.
Words masked_slowly(const std::vector<Mask>& masks, unsigned bits, std::uint64_t first, Words values) {
  for (const Mask& mask : masks) {
    Words words(values.size());
    mask_words(mask.key, 0, first, words);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::uint64_t word = words[i] & low_bits(bits);
      const std::uint64_t modulus = std::uint64_t{1} << bits;
      values[i] = static_cast<std::uint32_t>((values[i] + (mask.sign == MaskSign::add ? word : modulus - word)) % modulus);
    }
  }
  return values;
}

Words words_of(const Bytes& bytes) {
  Words words(bytes.size() / 4);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = load_u32(ByteSpan(bytes).subspan(4 * i));
  return words;
}

TEST_CASE("masked vectors are those of an independent computation") {
  const auto records = tests::read_vectors("masks.txt");
  CHECK(records.size() == 6);
  for (const auto& record : records) {
    CAPTURE(record.text("bits"));
    std::vector<Mask> masks;
    for (const std::string& key : record.all("add")) {
      std::array<std::uint8_t, 32> bytes;
      REQUIRE(from_hex(key, bytes).has_value());
      masks.push_back(mask_of(bytes, MaskSign::add));
    }
    masks.push_back(mask_of(record.array<32>("subtract"), MaskSign::subtract));
    Words values = words_of(record.bytes("values"));
    apply_masks(masks, static_cast<unsigned>(std::stoul(record.text("bits"))), std::stoull(record.text("first")), values);
    CHECK(values == words_of(record.bytes("masked")));
  }
}

TEST_CASE("many masks at once are the masks one by one, for every width, length and beginning") {
  for (unsigned bits = 1; bits <= 32; ++bits) {
    CAPTURE(bits);
    SeededRandom random(bits);
    const auto masks = random_masks(random, 5);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{17}, std::size_t{2047}, std::size_t{2048}, std::size_t{2049}, std::size_t{5000}}) {
      for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{16}, std::uint64_t{kMaskChunkWords - 1024}}) {
        const Words before = random_values(random, count, bits);
        Words values = before;
        apply_masks(masks, bits, first, values);
        CHECK(values == masked_slowly(masks, bits, first, before));
      }
    }
  }
}

TEST_CASE("what one adds the other takes off: pairwise masks cancel in the sum, and every value stays below 2^b") {
  CHECK(rc::check([](std::uint64_t seed) {
    SeededRandom random(seed);
    const auto bits = *rc::gen::inRange<unsigned>(1, 33);
    const auto count = *rc::gen::inRange<std::size_t>(1, 3000);
    auto masks = random_masks(random, 4);
    const Words a = random_values(random, count, bits);
    const Words b = random_values(random, count, bits);
    Words masked_a = a;
    apply_masks(masks, bits, 0, masked_a);
    turn_around(masks);
    Words masked_b = b;
    apply_masks(masks, bits, 0, masked_b);
    for (std::size_t i = 0; i < count; ++i) {
      RC_ASSERT(masked_a[i] <= low_bits(bits));
      RC_ASSERT(((masked_a[i] + masked_b[i]) & low_bits(bits)) == ((a[i] + b[i]) & low_bits(bits)));
    }
    apply_masks(masks, bits, 0, masked_a);
    RC_ASSERT(masked_a == a);
  }));
}

TEST_CASE("threads over their own ranges of a ring vector make the vector that one makes") {
  SeededRandom random(1);
  const auto masks = random_masks(random, 7);
  const std::size_t count = 100'000;
  RingVector whole(count, 20);
  std::ranges::copy(random_values(random, count, 20), whole.mutable_values().begin());
  for (const std::size_t parts : {std::size_t{2}, std::size_t{3}}) {
    RingVector shared = whole;
    std::vector<std::thread> threads;
    for (const WordRange& range : split_words(count, parts))
      threads.emplace_back([&masks, range, values = shared.mutable_values()] { apply_masks(masks, 20, range.first, values.subspan(range.first, range.count)); });
    for (std::thread& thread : threads) thread.join();
    RingVector alone = whole;
    apply_masks(masks, 20, 0, alone.mutable_values());
    CHECK(std::ranges::equal(shared.values(), alone.values()));
    CHECK_FALSE(std::ranges::equal(shared.values(), whole.values()));
  }
}

TEST_CASE("ranges cover every word once, begin where libsodium has no blocks left over, and differ by little") {
  CHECK(rc::check([] {
    const auto count = *rc::gen::inRange<std::size_t>(0, 5000);
    const auto parts = *rc::gen::inRange<std::size_t>(1, 40);
    const auto ranges = split_words(count, parts);
    RC_ASSERT(ranges.size() <= parts);
    std::size_t next = 0;
    std::size_t least = count;
    std::size_t most = 0;
    for (const WordRange& range : ranges) {
      RC_ASSERT(range.first == next);
      RC_ASSERT(range.first % kWholeWords == 0);
      RC_ASSERT(range.count > 0);
      least = std::min(least, range.count);
      most = std::max(most, range.count);
      next += range.count;
    }
    RC_ASSERT(next == count);
    RC_ASSERT(ranges.empty() || most - least < 2 * kWholeWords);
  }));
}

TEST_CASE("threads have as many ranges each, as far as there are blocks, and none longer than 4 KiB") {
  CHECK(split_words_for(0, 2).empty());
  CHECK(split_words_for(128, 4).size() == 1);
  CHECK(split_words_for(1'000, 4).size() == 4);
  CHECK(split_words_for(2'048, 2).size() == 2);
  CHECK(split_words_for(2'049, 2).size() == 4);
  CHECK(rc::check([] {
    const auto count = *rc::gen::inRange<std::size_t>(1, 1'000'000);
    const auto threads = *rc::gen::inRange<unsigned>(1, 20);
    const auto ranges = split_words_for(count, threads);
    RC_ASSERT((count <= kWholeWords * (threads - 1) || ranges.size() % threads == 0));
    RC_ASSERT(std::ranges::all_of(ranges, [](const WordRange& range) { return range.count <= 1'024; }));
    RC_ASSERT(ranges.back().first + ranges.back().count == count);
  }));
}

TEST_CASE("a width or a beginning that makes no sense is a programmer's mistake") {
  Words values(32);
  SeededRandom random(1);
  const auto masks = random_masks(random, 1);
  CHECK(tests::aborts([&] { apply_masks(masks, 0, 0, values); }));
  CHECK(tests::aborts([&] { apply_masks(masks, 33, 0, values); }));
  CHECK(tests::aborts([&] { apply_masks(masks, 16, 8, values); }));
  CHECK(tests::aborts([] { split_words(10, 0); }));
  CHECK(tests::aborts([] { split_words_for(10, 0); }));
}

TEST_CASE("without masks nothing changes") {
  SeededRandom random(2);
  const Words before = random_values(random, 100, 13);
  Words values = before;
  apply_masks({}, 13, 0, values);
  CHECK(values == before);
}

}  // namespace
}  // namespace fedspend
