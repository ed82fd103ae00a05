#include <doctest/doctest.h>

#include "common/program/program.h"

using fedspend::program::format_table;

TEST_CASE("words stand left, numbers right, and the header of a column of numbers right") {
  CHECK(format_table({{"model", "accuracy"}, {"markov-1", ".523"}, {"gru", "-1.5"}}) ==
        "model     accuracy\n"
        "--------  --------\n"
        "markov-1      .523\n"
        "gru           -1.5\n");
}

TEST_CASE("characters are counted, not bytes") {
  CHECK(format_table({{"name", "x"}, {"caf\u00e9", "1"}, {"cafe", "2"}}) ==
        "name  x\n"
        "----  -\n"
        "caf\u00e9  1\n"
        "cafe  2\n");
}

TEST_CASE("short rows and no rows are fine") {
  CHECK(format_table({}) == "");
  CHECK(format_table({{"a", "b"}, {"x"}}) == "a  b\n-  -\nx\n");
}
