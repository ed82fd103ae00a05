#include "common/shown_number.h"

#include <doctest/doctest.h>

#include <limits>

namespace fedspend {
namespace {

TEST_CASE("a number in a message has six digits at most") {
  CHECK(shown_number(0) == "0");
  CHECK(shown_number(2.5) == "2.5");
  CHECK(shown_number(-1.0 / 3) == "-0.333333");
  CHECK(shown_number(1e-6) == "1e-06");
  CHECK(shown_number(1234567) == "1.23457e+06");
  CHECK(shown_number(std::numeric_limits<double>::infinity()) == "inf");
}

}  // namespace
}  // namespace fedspend
