#include "simulations/reports/quantities.h"

#include <doctest/doctest.h>

#include "simulations/reports/csv.h"

using namespace fedspend::simulations;

TEST_CASE("counts have their thousands apart") {
  CHECK(count_text(0) == "0");
  CHECK(count_text(999) == "999");
  CHECK(count_text(1306) == "1,306");
  CHECK(count_text(1234567) == "1,234,567");
  CHECK(count_text(-1234) == "-1,234");
  CHECK(count_text(3.44) == "3.4");
  CHECK(count_text(1306.7) == "1,307");
}

TEST_CASE("shares and their differences have units and a sign") {
  CHECK(percent_text(0.5476) == "54.8%");
  CHECK(percent_text(0.5476, 2) == "54.76%");
  CHECK(points_text(0.0221) == "+2.2 points");
  CHECK(points_text(-0.0221) == "-2.2 points");
  CHECK(points_text(0.0001) == "0.0 points");
  CHECK(points_text(-0.0001) == "0.0 points");
  CHECK(fixed_text(-0.04, 1) == "0.0");
}

TEST_CASE("bytes go in steps of a thousand, and no unit shows a thousand of itself") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(1000) == "1.0 kB");
  CHECK(bytes_text(99163) == "99.2 kB");
  CHECK(bytes_text(132366) == "132 kB");
  CHECK(bytes_text(999960) == "1.0 MB");
  CHECK(bytes_text(2.5e15) == "2.5 PB");
}

TEST_CASE("durations take the unit that fits, and carry over") {
  CHECK(duration_text(0) == "0 ms");
  CHECK(duration_text(0.85) == "850 ms");
  CHECK(duration_text(0.9996) == "1.0 s");
  CHECK(duration_text(20.24) == "20.2 s");
  CHECK(duration_text(59.97) == "1 min");
  CHECK(duration_text(190) == "3 min 10 s");
  CHECK(duration_text(3600) == "1 h");
  CHECK(duration_text(5 * 3600 + 125) == "5 h 2 min");
  CHECK(duration_text(86'400 * 3.5) == "3 d 12 h");
}

TEST_CASE("a CSV cell is quoted where it must be") {
  CHECK(csv_cell("plain") == "plain");
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(csv_cell("two\nlines") == "\"two\nlines\"");
}
