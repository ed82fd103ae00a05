#include "models/history.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace fedspend::models;

TEST_CASE("a merchant's hash is FNV-1a of its lower-cased letters and digits") {
  // From the published FNV-1a 64 test vectors of "a" and "foobar" (draft-eastlake-fnv, appendix).
  CHECK(merchant_hash("a") == 0xaf63dc4c8601ec8cULL);
  CHECK(merchant_hash("foobar") == 0x85944171f73967e8ULL);
  CHECK(merchant_hash("Foo-Bar!") == merchant_hash("  f o o b a r"));
  CHECK(merchant_hash("foobar1") != merchant_hash("foobar2"));
}

TEST_CASE("a merchant without letters or digits is none") {
  CHECK(merchant_hash("") == 0);
  CHECK(merchant_hash(" -*.") == 0);
}

TEST_CASE("a category that the plan does not know is other") {
  const std::vector<std::string> categories = {"fuel", "food", "fuel"};
  const Vocabulary vocabulary(categories);
  CHECK(vocabulary.index_of("fuel") == 0);  // the first of two equal names
  CHECK(vocabulary.index_of("food") == 1);
  CHECK(vocabulary.index_of("Food") == 3);
  CHECK(vocabulary.index_of("") == 3);
  CHECK(vocabulary.other() == 3);
  const HistoryRow row = to_history_row({.time_s = 5, .amount_minor = 70, .direction = Direction::credit, .category = "boats",
                                         .merchant = "A", .currency = "GBP"}, vocabulary);
  CHECK(row.time_s == 5);
  CHECK(row.amount_minor == 70);
  CHECK(row.merchant_hash == merchant_hash("a"));
  CHECK(row.category == vocabulary.other());
  CHECK(row.direction == Direction::credit);
}

TEST_CASE("the training rows are all but the last ceil(f n)") {
  CHECK(training_rows(0, 0.2) == 0);
  CHECK(training_rows(1, 0.2) == 0);
  CHECK(training_rows(4, 0.2) == 3);
  CHECK(training_rows(5, 0.2) == 4);
  CHECK(training_rows(6, 0.2) == 4);
  CHECK(training_rows(10, 0.2) == 8);
  CHECK(training_rows(11, 0.2) == 8);
  CHECK(training_rows(7, 0.0) == 7);
  CHECK(training_rows(7, 1.0) == 0);
  // 0.1 * 30 is 3.0000000000000004 in binary, and still 3 rows.
  for (std::size_t n = 0; n < 10'000; n += 10) CHECK(training_rows(n, 0.1) == n - n / 10);
}
