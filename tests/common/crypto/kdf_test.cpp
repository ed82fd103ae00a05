#include "common/crypto/kdf.h"

#include <doctest/doctest.h>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

TEST_CASE("the KDF is keyed BLAKE2b-256 over the framing of a label and fields") {
  const auto records = tests::read_vectors("kdf_blake2b.txt");
  CHECK(records.size() == 6);
  for (const auto& record : records) {
    CAPTURE(record.text("label"));
    KeyDerivation kdf(record.text("label"), record.array<32>("secret"));
    for (const std::string& field : record.all("field")) kdf.field(tests::VectorRecord::bytes_of(field));
    CHECK(to_hex(kdf.finish().expose()) == record.text("key"));
  }
}

TEST_CASE("integers enter as little-endian fields of their own width") {
  const auto record = tests::read_vectors("kdf_blake2b.txt").back();
  REQUIRE(record.text("label") == "integers");
  KeyDerivation kdf("integers", record.array<32>("secret"));
  kdf.u32(0x01020304).u64(0x0102030405060708);
  CHECK(to_hex(kdf.finish().expose()) == record.text("key"));
}

TEST_CASE("the secret matters, also a secret of zeros") {
  const std::array<std::uint8_t, 32> zeros{};
  std::array<std::uint8_t, 32> one{};
  one.back() = 1;
  const std::string unkeyed = to_hex(Hasher("x").finish());
  CHECK(to_hex(KeyDerivation("x", zeros).finish().expose()) != unkeyed);
  CHECK(to_hex(KeyDerivation("x", zeros).finish().expose()) != to_hex(KeyDerivation("x", one).finish().expose()));
}

TEST_CASE("a derivation is finished once") {
  CHECK(tests::aborts([] {
    KeyDerivation kdf("x", std::array<std::uint8_t, 32>{});
    kdf.finish();
    kdf.finish();
  }));
}

}  // namespace
}  // namespace fedspend
