#include "models/transactions/transaction_fields.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>

using namespace fedspend;
using namespace fedspend::models;

TEST_CASE("an amount is a decimal number in hundredths, rounded half away from zero") {
  CHECK(parse_amount_minor("12.34") == 1234);
  CHECK(parse_amount_minor("-12.34") == -1234);
  CHECK(parse_amount_minor("+7") == 700);
  CHECK(parse_amount_minor("0") == 0);
  CHECK(parse_amount_minor(".5") == 50);
  CHECK(parse_amount_minor("2.345") == 235);
  CHECK(parse_amount_minor("-2.345") == -235);
  CHECK(parse_amount_minor("2.3449999") == 234);
  CHECK(parse_amount_minor("0.999") == 100);
}

TEST_CASE("thousands commas stand where they belong or the amount is refused") {
  CHECK(parse_amount_minor("1,234,567.89") == 123456789);
  CHECK(parse_amount_minor("12,345") == 1234500);
  for (const char* wrong : {"1,23", "1,2345", ",123", "123,", "1234,567", "1,234,56", "1.234,56", "1,,234"}) {
    CAPTURE(wrong);
    CHECK(!parse_amount_minor(wrong));
  }
}

TEST_CASE("what is not a plain decimal number is no amount") {
  for (const char* wrong : {"", "-", ".", "5.", "nan", "NaN", "inf", "-Infinity", "0x10", "1e3", "4.440892e-16", "12.3.4", "--1", "1 2", "12,34.5a", "£5", "1_000", "1.-5"}) {
    CAPTURE(wrong);
    CHECK(!parse_amount_minor(wrong));
  }
}

TEST_CASE("an amount beyond the largest is refused and does not wrap") {
  CHECK(parse_amount_minor("10000000000000") == kMaxAmountMinor);
  CHECK(parse_amount_minor("10,000,000,000,000.00") == kMaxAmountMinor);
  CHECK(!parse_amount_minor("10000000000000.01"));
  CHECK(!parse_amount_minor("10000000000001"));
  CHECK(!parse_amount_minor("99999999999999999999999999999999"));
}

TEST_CASE("an amount that is written reads back as it was") {
  CHECK(rc::check([] {
    const auto amount = *rc::gen::inRange<std::int64_t>(-kMaxAmountMinor, kMaxAmountMinor + 1);
    RC_ASSERT(parse_amount_minor(format_amount(amount)) == amount);
  }));
  CHECK(format_amount(-5) == "-0.05");
}

TEST_CASE("a time format reads what it describes and nothing else") {
  const auto read = [](const char* format, const char* text) { return TimeFormat::parse(format)->read(text); };
  CHECK(read("%Y-%m-%d", "2017-01-28") == 1485561600);
  CHECK(read("%d/%m/%Y %H:%M", "28/01/2017 19:06") == 1485630360);
  CHECK(read("%d/%m/%Y", "8/1/2017") == 1483833600);
  CHECK(read("%Y%m%d", "20170128") == 1485561600);
  CHECK(!read("%Y%m%d", "2017128"));
  CHECK(read("%d %b %y", "28 JAN 17") == 1485561600);
  CHECK(read("%d-%b-%y", "31-Dec-69") == -86400);
  CHECK(read("%Y-%m-%dT%H:%M:%SZ", "2017-01-28T19:06:53Z") == 1485630413);
  for (const char* wrong : {"", "2017-01-28 ", " 2017-01-28", "2017-1x-28", "17-01-28", "2017/01/28", "2017-01", "2017-01-28T00:00:00", "2017-13-01", "2017-00-10", "2017-01-00", "2017-01-32", "0000-01-01"}) {
    CAPTURE(wrong);
    CHECK(!read("%Y-%m-%d", wrong));
  }
  CHECK(!read("%d %b %y", "28 Foo 17"));
  CHECK(!read("%Y-%m-%dT%H:%M:%SZ", "2017-01-28T24:00:00Z"));
  CHECK(!read("%Y-%m-%dT%H:%M:%SZ", "2017-01-28T23:59:60Z"));
}

TEST_CASE("a day that the calendar does not have is refused") {
  const auto format = *TimeFormat::parse("%Y-%m-%d");
  CHECK(format.read("2016-02-29"));
  CHECK(!format.read("2017-02-29"));
  CHECK(format.read("2000-02-29"));
  CHECK(!format.read("1900-02-29"));
  CHECK(!format.read("2017-04-31"));
}

TEST_CASE("a time format that does not give year, month and day once each is refused") {
  for (const char* wrong : {"", "%Y-%m", "%Y-%m-%d-%y", "%m/%d/%b/%Y", "%j %Y", "%Y-%m-%d %", "%Y-%m-%d %H %H"}) {
    CAPTURE(wrong);
    const auto format = TimeFormat::parse(wrong);
    REQUIRE(!format);
    CHECK(format.error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("a time that is written in RFC 3339 reads back as it was") {
  const std::int64_t first = seconds_of_day(1, 1, 1), last = seconds_of_day(9999, 12, 31) + 86399;
  CHECK(rc::check([=] {
    const auto time = *rc::gen::inRange(first, last + 1);
    RC_ASSERT(parse_rfc3339_utc(format_rfc3339(time)) == time);
  }));
  CHECK(format_rfc3339(-1) == "1969-12-31T23:59:59Z");
  CHECK(!parse_rfc3339_utc("2017-1-28T19:06:53Z"));
  CHECK(!parse_rfc3339_utc("2017-01-28T19:06:53+01:00"));
}

TEST_CASE("the month of a time is that of its day") {
  CHECK(month_of(seconds_of_day(2016, 2, 29)) == CalendarMonth{2016, 2});
  CHECK(month_of(seconds_of_day(2016, 3, 1) - 1) == CalendarMonth{2016, 2});
  CHECK(month_of(-1) == CalendarMonth{1969, 12});
}
