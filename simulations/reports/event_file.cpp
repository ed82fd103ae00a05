#include "simulations/reports/event_file.h"

#include <array>
#include <bit>

namespace fedspend::simulations {
namespace {

constexpr std::uint32_t kReflectedPolynomial = 0x82f63b78;  // 0x1edc6f41, bits in the order in which they are sent

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReflectedPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}

// https://protobuf.dev/programming-guides/encoding: a field is its number and wire type, then its value.
class ProtobufWriter {
 public:
  void int64_field(unsigned number, std::int64_t value) {
    key(number, 0);
    varint(static_cast<std::uint64_t>(value));
  }
  void double_field(unsigned number, double value) {
    key(number, 1);
    fixed(std::bit_cast<std::uint64_t>(value), 8);
  }
  void bytes_field(unsigned number, ByteSpan value) {
    key(number, 2);
    varint(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  void float_field(unsigned number, float value) {
    key(number, 5);
    fixed(std::bit_cast<std::uint32_t>(value), 4);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  void key(unsigned number, unsigned wire_type) { varint(number << 3 | wire_type); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<std::uint8_t>(value | 0x80));
    bytes_.push_back(static_cast<std::uint8_t>(value));
  }
  void fixed(std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  }
  Bytes bytes_;
};

void append_record(Bytes& out, ByteSpan record) {
  const std::size_t begin = out.size();
  out.resize(begin + 12);
  const MutableByteSpan head = std::span(out).subspan(begin);
  store_u64(head, record.size());
  store_u32(head.subspan(8), masked_crc32c(head.first(8)));
  out.insert(out.end(), record.begin(), record.end());
  out.resize(out.size() + 4);
  store_u32(std::span(out).last(4), masked_crc32c(record));
}

}  // namespace

std::uint32_t crc32c(ByteSpan bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xff];
  return ~crc;
}

std::uint32_t masked_crc32c(ByteSpan bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8U; }

Bytes encode_event_file(std::span<const ScalarEvent> events) {
  Bytes file;
  ProtobufWriter version;
  version.double_field(1, events.empty() ? 0 : events.front().wall_time_s);
  version.bytes_field(3, as_bytes("brain.Event:2"));
  append_record(file, version.bytes());
  for (const ScalarEvent& event : events) {
    ProtobufWriter value, summary, record;
    value.bytes_field(1, as_bytes(event.tag));
    value.float_field(2, event.value);
    summary.bytes_field(1, value.bytes());
    record.double_field(1, event.wall_time_s);
    record.int64_field(2, event.step);
    record.bytes_field(5, summary.bytes());
    append_record(file, record.bytes());
  }
  return file;
}

}  // namespace fedspend::simulations
