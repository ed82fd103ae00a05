// Figures of privacy in few digits: never on the side that promises more, and next to the value.
#include "common/privacy/figure_text.h"

#include <cmath>
#include <string>

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace fedspend {
namespace {

// Of all sizes; a fourth of them near a power of ten, where the digits change, or a decimal of few digits itself.
double any_value() {
  const double power = std::pow(10.0, *rc::gen::inRange(-30, 30));
  switch (*rc::gen::inRange(0, 4)) {
    case 0: return power * (1 + (*rc::gen::inRange(-100, 100)) * 1e-7);
    case 1: return std::nextafter(power * *rc::gen::inRange(1, 99'999), *rc::gen::element(0.0, HUGE_VAL));
    default: return power * (1 + (*rc::gen::arbitrary<std::uint32_t>()) * 0x1p-32 * 9);
  }
}

std::size_t significant_digits(const std::string& text) {
  std::string digits;
  for (const char c : text.substr(0, text.find('e')))
    if (c != '.') digits += c;
  digits.erase(0, digits.find_first_not_of('0'));
  if (text.find('.') == std::string::npos) digits.erase(digits.find_last_not_of('0') + 1);
  return digits.size();
}

}  // namespace

TEST_CASE("a bound in text is never below the value and a least never above it, in so many digits and less than one of the last away") {
  CHECK(rc::check([] {
    const double value = any_value();
    const int digits = *rc::gen::inRange(1, 16);
    const std::string above = bound_text(value, digits), below = least_text(value, digits);
    const double digit = std::pow(10.0, 1 - digits) * 1.000001 + 1e-15;
    RC_ASSERT((std::stod(above) >= value));
    RC_ASSERT((std::stod(above) <= value * (1 + digit)));
    RC_ASSERT((std::stod(below) <= value));
    RC_ASSERT((std::stod(below) >= value * (1 - digit)));
    RC_ASSERT((significant_digits(above) <= static_cast<std::size_t>(digits)));
    RC_ASSERT((significant_digits(below) <= static_cast<std::size_t>(digits)));
  }));
}

TEST_CASE("a value of few digits stays as it was typed, in both directions") {
  for (const char* text : {"1e-06", "2.5", "0.5", "1e-07", "5", "0.1", "1234", "3.7e-05"}) {
    CHECK(bound_text(std::stod(text)) == text);
    CHECK(least_text(std::stod(text)) == text);
  }
}

TEST_CASE("nearest rounding would promise more here: a delta, a noise multiplier and an epsilon") {
  CHECK(bound_text(1.0000001e-6) == "1.001e-06");
  CHECK(bound_text(1.0000004e-6, 6) == "1.00001e-06");
  CHECK(least_text(2.4999999, 6) == "2.49999");
  CHECK(bound_text(std::nextafter(5.222, 6.0)) == "5.223");
  CHECK(bound_text(9.9991) == "10");
  CHECK(least_text(std::nextafter(1, 0.0)) == "0.9999");
  CHECK(least_text(1000.4) == "1000");
}

TEST_CASE("what is no figure is on the safe side") {
  CHECK(bound_text(HUGE_VAL) == "infinity");
  CHECK(bound_text(NAN) == "infinity");
  CHECK(bound_text(0) == "0");
  CHECK(bound_text(1.7976931348623157e308) == "infinity");
  CHECK(least_text(NAN) == "0");
  CHECK(least_text(-1) == "0");
  CHECK(least_text(HUGE_VAL) == "infinity");
}

}  // namespace fedspend
