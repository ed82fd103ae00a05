// RFC 3720, appendix B.4 for the CRC; for the file an independent reader, which knows the formats' descriptions alone.

#include "simulations/reports/event_file.h"

#include <bit>
#include <map>
#include <numeric>

#include <doctest/doctest.h>

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

// The CRC bit by bit, from its definition.
std::uint32_t slow_crc32c(ByteSpan bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : bytes) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const bool carry = ((crc ^ (byte >> bit)) & 1) != 0;
      crc = crc >> 1 ^ (carry ? 0x82f63b78U : 0U);
    }
  }
  return crc ^ 0xffffffff;
}

std::vector<Bytes> records_of(ByteSpan file) {
  std::vector<Bytes> records;
  while (!file.empty()) {
    REQUIRE(file.size() >= 16);
    const std::uint64_t length = load_u64(file);
    REQUIRE(file.size() >= 16 + length);
    const auto unmasked = [](std::uint32_t masked) { return std::rotl(masked - 0xa282ead8U, 15); };
    CHECK(unmasked(load_u32(file.subspan(8))) == slow_crc32c(file.first(8)));
    const ByteSpan record = file.subspan(12, length);
    CHECK(unmasked(load_u32(file.subspan(12 + length))) == slow_crc32c(record));
    records.emplace_back(record.begin(), record.end());
    file = file.subspan(16 + length);
  }
  return records;
}

// Any protobuf message: field number to the raw value (a varint as eight bytes).
std::map<unsigned, Bytes> fields_of(ByteSpan message) {
  std::map<unsigned, Bytes> fields;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      REQUIRE(!message.empty());
      const std::uint8_t byte = message[0];
      message = message.subspan(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
  };
  while (!message.empty()) {
    const std::uint64_t key = varint();
    std::size_t size = 0;
    switch (key & 7) {
      case 0: {
        Bytes value(8);
        store_u64(value, varint());
        fields[static_cast<unsigned>(key >> 3)] = value;
        continue;
      }
      case 1: size = 8; break;
      case 2: size = varint(); break;
      case 5: size = 4; break;
      default: FAIL("a wire type that is not there");
    }
    REQUIRE(message.size() >= size);
    fields[static_cast<unsigned>(key >> 3)] = Bytes(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
    message = message.subspan(size);
  }
  return fields;
}

}  // namespace

TEST_CASE("CRC32C gives the examples of RFC 3720, appendix B.4") {
  CHECK(crc32c(Bytes(32, 0x00)) == 0x8a9136aa);
  CHECK(crc32c(Bytes(32, 0xff)) == 0x62a8ab43);
  Bytes rising(32);
  std::iota(rising.begin(), rising.end(), std::uint8_t{0});
  CHECK(crc32c(rising) == 0x46dd794e);
  CHECK(crc32c(Bytes(rising.rbegin(), rising.rend())) == 0x113fdb5c);
  // An iSCSI SCSI Read (10) command PDU.
  const Bytes pdu = *from_hex("01c00000" "00000000" "00000000" "00000000" "14000000" "00000400" "00000014" "00000018" "28000000" "00000000" "02000000" "00000000");
  CHECK(crc32c(pdu) == 0xd9963a56);
  CHECK(crc32c({}) == 0);
}

TEST_CASE("the mask is a rotation by 15 bits and a constant") {
  const Bytes zeros(32, 0);
  CHECK(masked_crc32c(zeros) == ((0x8a9136aaU >> 15 | 0x8a9136aaU << 17) + 0xa282ead8U));
}

TEST_CASE("what was written is what an independent reader finds: version, steps, times, tags and values") {
  const std::vector<ScalarEvent> events = {{1, 0.5, "held out/accuracy", 0.25F}, {300, 2.25, "bytes/up", 1.5e7F}, {std::int64_t{1} << 40, 1e9, std::string(300, 'x'), -0.0F}};
  const std::vector<Bytes> records = records_of(encode_event_file(events));
  REQUIRE(records.size() == 4);
  CHECK(as_text(fields_of(records[0]).at(3)) == "brain.Event:2");
  for (std::size_t i = 0; i < events.size(); ++i) {
    auto event = fields_of(records[i + 1]);
    CHECK(std::bit_cast<double>(load_u64(event.at(1))) == events[i].wall_time_s);
    CHECK(load_u64(event.at(2)) == static_cast<std::uint64_t>(events[i].step));
    auto value = fields_of(fields_of(event.at(5)).at(1));
    CHECK(as_text(value.at(1)) == events[i].tag);
    CHECK(load_u32(value.at(2)) == std::bit_cast<std::uint32_t>(events[i].value));
  }
}

TEST_CASE("without events there is a file with its version alone") { CHECK(records_of(encode_event_file({})).size() == 1); }
