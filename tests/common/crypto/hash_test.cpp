#include "common/crypto/hash.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "common/ids.h"
#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

using tests::read_vectors;
using tests::VectorRecord;

using Fields = std::vector<Bytes>;

Hash256 hash_of(const std::string& label, const Fields& fields) {
  Hasher hasher(label);
  for (const Bytes& field : fields) hasher.field(field);
  return hasher.finish();
}

TEST_CASE("the digests are those of another implementation of BLAKE2b over the framing") {
  const auto records = read_vectors("hash_framing.txt");
  for (const VectorRecord& record : records) {
    Fields fields;
    for (const std::string& field : record.all("field")) fields.push_back(VectorRecord::bytes_of(field));
    CAPTURE(record.text("label"));
    CHECK(to_hex(hash_of(record.text("label"), fields)) == record.text("digest"));
  }
  CHECK(records.size() == 13);
}

TEST_CASE("integers enter as little-endian fields of their own width") {
  const Hash256 by_name = Hasher("integers").u8(7).u32(0x01020304).u64(0x0102030405060708).finish();
  CHECK(by_name == hash_of("integers", {{7}, {4, 3, 2, 1}, {8, 7, 6, 5, 4, 3, 2, 1}}));
  CHECK(Hasher("integers").u32(7).finish() != Hasher("integers").u64(7).finish());
}

TEST_CASE("no two different lists of fields have the same digest, however the bytes are cut") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& bytes) {
    const std::size_t cut_a = *rc::gen::inRange<std::size_t>(0, bytes.size() + 1);
    const std::size_t cut_b = *rc::gen::inRange<std::size_t>(0, bytes.size() + 1);
    const auto cut = [&](std::size_t at) {
      const auto middle = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      return hash_of("cut", {Bytes(bytes.begin(), middle), Bytes(middle, bytes.end())});
    };
    RC_ASSERT((cut(cut_a) == cut(cut_b)) == (cut_a == cut_b));
    RC_ASSERT(cut(cut_a) != hash_of("cut", {bytes}));
  }));
  CHECK(rc::check([](const Fields& a, const Fields& b) { RC_ASSERT((hash_of("list", a) == hash_of("list", b)) == (a == b)); }));
}

TEST_CASE("a label is not a field, and another label is another function") {
  CHECK(hash_of("a", {{'b'}}) != hash_of("ab", {}));
  CHECK(hash_of("a", {{'x'}}) != hash_of("b", {{'x'}}));
}

TEST_CASE("a field can be handed over as text, and a digest becomes an id") {
  Hasher by_text("id");
  by_text.field("abc");
  const ClientId id = hash_as<ClientId>(by_text);
  CHECK(id.bytes == hash_of("id", {{'a', 'b', 'c'}}));
}

TEST_CASE("using a hash again after it is finished ends the process") {
  Hasher hasher("once");
  hasher.finish();
  CHECK(tests::aborts([&] { hasher.finish(); }));
  CHECK(tests::aborts([&] { hasher.u8(1); }));
}

}  // namespace
}  // namespace fedspend
