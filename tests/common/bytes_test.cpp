#include "common/bytes.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <array>

#include "common/ids.h"
#include "tests/common/aborts.h"

namespace fedspend {
namespace {

TEST_CASE("hexadecimal text goes both ways, and either case is read") {
  CHECK(to_hex(Bytes{0x00, 0x9f, 0xa0, 0xff}) == "009fa0ff");
  CHECK(from_hex("009FA0fF").value() == Bytes{0x00, 0x9f, 0xa0, 0xff});
  CHECK(from_hex("").value().empty());
  CHECK(rc::check([](const Bytes& bytes) { RC_ASSERT(from_hex(to_hex(bytes)).value() == bytes); }));
}

TEST_CASE("text that is not hexadecimal, or not of the size, is malformed") {
  for (const std::string_view text : {"0", "0g", "g0", "0x", " 0", "0\n", "/0", ":0", "@0", "`0"}) {
    CAPTURE(text);
    const auto bytes = from_hex(text);
    REQUIRE_FALSE(bytes.has_value());
    CHECK(bytes.error().code == ErrorCode::malformed);
  }
  std::array<std::uint8_t, 2> out;
  CHECK(from_hex("0102", out).has_value());
  CHECK_FALSE(from_hex("01", out).has_value());
  CHECK_FALSE(from_hex("010203", out).has_value());
}

TEST_CASE("integers are stored and loaded little-endian") {
  std::array<std::uint8_t, 8> bytes;
  store_u64(bytes, 0x0102030405060708);
  CHECK(bytes == std::array<std::uint8_t, 8>{8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(load_u64(bytes) == 0x0102030405060708);
  CHECK(load_u32(bytes) == 0x05060708);
  CHECK(load_u16(bytes) == 0x0708);
  store_u32(bytes, 0xfffefdfc);
  store_u16(MutableByteSpan(bytes).subspan(4), 0xa1b2);
  CHECK(bytes == std::array<std::uint8_t, 8>{0xfc, 0xfd, 0xfe, 0xff, 0xb2, 0xa1, 2, 1});
}

TEST_CASE("an integer that does not fit the span ends the process") {
  std::array<std::uint8_t, 8> bytes{};
  CHECK(tests::aborts([&] { store_u64(MutableByteSpan(bytes).first(7), 1); }));
  CHECK(tests::aborts([&] { store_u16(MutableByteSpan(bytes).first(1), 1); }));
  CHECK(tests::aborts([&] { static_cast<void>(load_u32(ByteSpan(bytes).first(3))); }));
}

TEST_CASE("an id goes to text and back, and a text of another length is none") {
  TaskId id;
  CHECK(id.is_zero());
  id.bytes.back() = 0xab;
  CHECK_FALSE(id.is_zero());
  CHECK(id.hex() == "000000000000000000000000000000ab");
  CHECK(TaskId::parse(id.hex()).value() == id);
  CHECK_FALSE(TaskId::parse("ab").has_value());
  CHECK_FALSE(ClientId::parse(id.hex()).has_value());
}

Status fails_if(bool wanted) {
  if (wanted) return fail(ErrorCode::limit, "too much", "take less");
  return {};
}
Result<int> number(bool wanted_failure) {
  FEDSPEND_TRY(fails_if(wanted_failure));
  return 4;
}
Result<int> next(bool wanted_failure) {
  FEDSPEND_ASSIGN(const int value, number(wanted_failure));
  return value + 1;
}

TEST_CASE("an error travels through FEDSPEND_TRY and FEDSPEND_ASSIGN unchanged") {
  CHECK(next(false).value() == 5);
  const auto failed = next(true);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::limit);
  CHECK(failed.error().message == "too much");
  CHECK(failed.error().hint == "take less");
}

}  // namespace
}  // namespace fedspend
