// Rows of the vault: what was written is read, and nothing else is.

#include "client/row_codec.h"

#include <rapidcheck.h>

#include <doctest/doctest.h>

#include "tests/client/failing_vault.h"

namespace fedspend::client {
namespace {

struct Sample {
  std::uint8_t small = 0;
  std::uint64_t large = 0;
  std::int64_t time = 0;
  double real = 0;
  std::string text = {};
  ModelHash hash = {};
};
Bytes written(const Sample& sample) {
  RowWriter row(7);
  row.u8(sample.small).u64(sample.large).i64(sample.time).f64(sample.real).text(sample.text).id(sample.hash);
  return row.take();
}
bool reads(const Bytes& bytes, Sample& sample, std::size_t most = 300) {
  RowReader row(bytes, 7);
  sample.small = row.u8();
  sample.large = row.u64();
  sample.time = row.i64();
  sample.real = row.f64();
  sample.text = row.text(most);
  sample.hash = row.id<ModelHash>();
  return row.done();
}

TEST_CASE("a row is laid out as the header says") {
  CHECK(to_hex(written({.small = 1, .large = 2, .time = -1, .real = 1.0, .text = "ab", .hash = {}})) ==
        "07" "01" "0200000000000000" "ffffffffffffffff" "000000000000f03f" "0200" "6162" + std::string(64, '0'));
}

TEST_CASE("any fields are read as they were written") {
  CHECK(rc::check([](std::uint8_t small, std::uint64_t large, std::int64_t time, const std::string& text) {
    const Sample sample{.small = small, .large = large, .time = time, .real = 0.1, .text = text.substr(0, 300), .hash = {}};
    Sample read;
    RC_ASSERT(reads(written(sample), read));
    RC_ASSERT((read.small == small && read.large == large && read.time == time && read.text == sample.text));
  }));
}

TEST_CASE("a row that was changed is read as other fields, which write it again, or not at all") {
  for (const Bytes& bytes : mutations_of(written({.small = 9, .large = 300, .time = 5, .real = 2.5, .text = "hello", .hash = {}}))) {
    Sample read;
    if (reads(bytes, read)) CHECK(written(read) == bytes);
  }
}

TEST_CASE("any bytes are read as fields that write them again, or not at all") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& tail) {
    Bytes bytes(1 + tail.size(), 7);
    std::ranges::copy(tail, bytes.begin() + 1);
    Sample read;
    if (reads(bytes, read)) RC_ASSERT(written(read) == bytes);
  }));
}

TEST_CASE("rows that are cut short, too long, of another form, or with a text above its cap are refused") {
  const Bytes good = written({.small = 1, .large = 2, .time = 3, .real = 4, .text = "five", .hash = {}});
  Sample read;
  REQUIRE(reads(good, read));
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(reads(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)), read));
  Bytes longer = good, other = good;
  longer.push_back(0);
  other[0] = 8;
  CHECK_FALSE(reads(longer, read));
  CHECK_FALSE(reads(other, read));
  CHECK(reads(good, read, 4));
  CHECK_FALSE(reads(good, read, 3));
}

}  // namespace
}  // namespace fedspend::client
