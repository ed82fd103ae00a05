#pragma once
// TensorBoard's event files, without TensorFlow: scalars over steps. Pure functions.
//
// A file is TFRecords (tensorflow/core/lib/io/record_writer.h): u64 length, u32 masked CRC of the length, the bytes, u32 masked CRC of
// the bytes, all little-endian; the mask is ((crc >> 15) | (crc << 17)) + 0xa282ead8. The CRC is CRC32C (Castagnoli: RFC 3720, section
// 12.1, with the examples of its appendix B.4). Each record is a protobuf Event (tensorflow/core/util/event.proto):
//   double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5
// with Summary (tensorflow/core/framework/summary.proto) { repeated Value value = 1 } and Value { string tag = 1; float simple_value = 2 }.
// The first record is the file's version, "brain.Event:2". These few fields are written by hand: the whole of protobuf would be the
// larger dependency.

#include <cstdint>
#include <span>
#include <string>

#include "common/bytes.h"

namespace fedspend::simulations {

struct ScalarEvent {
  std::int64_t step = 0;   // not negative
  double wall_time_s = 0;  // since 1970; TensorBoard shows it as a time of day, and the differences as durations
  std::string tag;         // "accuracy/held out": what stands before the slash groups the charts
  float value = 0;
};

Bytes encode_event_file(std::span<const ScalarEvent> events);

std::uint32_t crc32c(ByteSpan bytes);
std::uint32_t masked_crc32c(ByteSpan bytes);

}  // namespace fedspend::simulations
