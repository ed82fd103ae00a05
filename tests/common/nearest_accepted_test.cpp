#include "common/nearest_accepted.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace fedspend {
namespace {

TEST_CASE("of whole numbers the nearest that is accepted is found on either side, where all beyond it are") {
  CHECK(rc::check([](std::int16_t refused, std::int16_t limit) {
    const int edge = *rc::gen::arbitrary<std::int16_t>();
    const bool up = limit > refused;
    const auto found = nearest_accepted(refused, limit, [&](std::int64_t value) { return up ? value >= edge : value <= edge; });
    const bool is_there = refused != limit && (up ? limit >= edge : limit <= edge);
    RC_ASSERT(found.has_value() == is_there);
    if (!found) return;
    const std::int64_t next = refused + (up ? 1 : -1);
    RC_ASSERT(*found == (up ? std::max<std::int64_t>(edge, next) : std::min<std::int64_t>(edge, next)));
  }));
}

TEST_CASE("of a few whole numbers one alone that is accepted is found, and no value beyond the limit is asked for") {
  CHECK(nearest_accepted(6, 32, [](std::int64_t bits) { return bits == 17; }) == 17);
  CHECK(nearest_accepted(6, 2, [](std::int64_t bits) { return bits == 3; }) == 3);
  CHECK_FALSE(nearest_accepted(6, 2, [](std::int64_t) { return false; }));
  CHECK_FALSE(nearest_accepted(5, 5, [](std::int64_t) { return true; }));
  (void)nearest_accepted(5, 1'000'003, [](std::int64_t value) { CHECK((value > 5 && value <= 1'000'003)); return false; });
}

TEST_CASE("of numbers one is found that is accepted as it is printed, a part of a thousand at most from the edge") {
  CHECK(rc::check([] {
    const auto number = [] { return std::exp(static_cast<double>(*rc::gen::inRange(-2'000'000, 2'000'000)) / 1e5); };
    const double refused = number(), limit = number(), edge = number();
    const bool up = limit > refused;
    const auto accepts = [&](double value) { return up ? value >= edge : value <= edge; };
    RC_PRE(!accepts(refused));
    RC_PRE(std::abs(std::log(limit / refused)) < std::log(1e12));  // a wider search begins within that of its limit
    const auto found = nearest_accepted_number(refused, limit, accepts);
    RC_ASSERT(found.has_value() == accepts(limit));
    if (!found) return;
    RC_ASSERT(accepts(std::strtod(exact_text(*found).c_str(), nullptr)));
    RC_ASSERT((up ? *found <= limit : *found >= limit));
    RC_ASSERT(std::abs(*found - edge) <= 1.5e-3 * edge);
    // Four digits, rounded to the side that is accepted, do; but where that would be beyond the limit.
    char four[32];
    std::snprintf(four, sizeof four, "%.3e", *found);
    RC_ASSERT((std::strtod(four, nullptr) == *found || std::abs(*found - limit) <= 2e-3 * limit));
  }));
}

TEST_CASE("numbers that are none, or none that a search can begin at, end it") {
  const auto always = [](double) { return true; };
  CHECK_FALSE(nearest_accepted_number(std::numeric_limits<double>::quiet_NaN(), 1, always));
  CHECK(nearest_accepted_number(0, 10, [](double value) { return value >= 2; }).value() == doctest::Approx(2).epsilon(2e-3));
  CHECK(nearest_accepted_number(std::numeric_limits<double>::infinity(), 0.1, [](double value) { return value <= 2; }).value() == doctest::Approx(2).epsilon(2e-3));
  CHECK_FALSE(nearest_accepted_number(-1, 10, [](double) { return false; }));
}

TEST_CASE("a number is written in the fewest digits that are read back as the same") {
  CHECK(exact_text(0.1) == "0.1");
  CHECK(exact_text(50) == "50");
  CHECK(exact_text(720) == "720");
  CHECK(exact_text(1.0 / 3) == "0.3333333333333333");
  CHECK(exact_text(1e-21) == "1e-21");
  CHECK(rc::check([](double value) { RC_ASSERT((std::isnan(value) || std::strtod(exact_text(value).c_str(), nullptr) == value)); }));
}

}  // namespace
}  // namespace fedspend
