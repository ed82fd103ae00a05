#include "common/crypto/mask_stream.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

MaskKey key_of(const std::array<std::uint8_t, 32>& bytes) {
  MaskKey key;
  std::ranges::copy(bytes, key.bytes.expose_mutable().begin());
  return key;
}

std::vector<std::uint32_t> words(const MaskKey& key, std::uint32_t tensor, std::uint64_t first, std::size_t count) {
  std::vector<std::uint32_t> out(count);
  mask_words(key, tensor, first, out);
  return out;
}

TEST_CASE("RFC 8439 section 2.3.2, and the project's vectors: the words of a mask") {
  const auto records = tests::read_vectors("mask_stream.txt");
  CHECK(records.size() == 6);
  for (const auto& record : records) {
    CAPTURE(record.text("name"));
    const Bytes expected = record.bytes("words");
    const auto got = words(key_of(record.array<32>("key")), static_cast<std::uint32_t>(std::stoul(record.text("tensor"))),
                           std::stoull(record.text("first")), expected.size() / 4);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == load_u32(ByteSpan(expected).subspan(4 * i)));
  }
}

TEST_CASE("a stream is the same words wherever a call begins, over several chunks") {
  const MaskKey key = key_of({1, 2, 3});
  const std::size_t count = 3 * kMaskChunkWords + 5;
  const auto whole = words(key, 0, 0, count);
  for (const std::size_t first : {std::size_t{16}, std::size_t{2048}, kMaskChunkWords - 16, kMaskChunkWords, 2 * kMaskChunkWords + 4096}) {
    CAPTURE(first);
    const auto part = words(key, 0, first, count - first);
    CHECK(std::ranges::equal(part, std::span(whole).subspan(first)));
  }
  CHECK(words(key, 0, 32, 0).empty());
}

TEST_CASE("no key, tensor or chunk gives the words of another") {
  const auto base = words(key_of({1}), 0, 0, 16);
  CHECK(base != words(key_of({2}), 0, 0, 16));
  CHECK(base != words(key_of({1}), 1, 0, 16));
  CHECK(base != words(key_of({1}), 0, kMaskChunkWords, 16));
  CHECK(base != words(key_of({1}), 0, 16, 16));
}

TEST_CASE("a call begins at a block of the stream") {
  CHECK(tests::aborts([] { words(key_of({1}), 0, 8, 16); }));
}

}  // namespace
}  // namespace fedspend
