#include <doctest/doctest.h>

#include "common/protocol/plain_text.h"

namespace fedspend {
namespace {

using namespace std::string_view_literals;

TEST_CASE("well-formed UTF-8 without control characters is plain text") {
  for (const std::string_view text : {""sv, "a"sv, " ~"sv, "k\xc3\xb8" "benhavn"sv, "\xc2\xa0"sv, "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xf0\x90\x80\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    CHECK(is_plain_text(text));
    CHECK(is_utf8(text));
  }
}

TEST_CASE("control characters are not plain text, but may be UTF-8") {
  for (const std::string_view text : {"\0"sv, "a\nb"sv, "\x1b[31m"sv, "\x1f"sv, "\x7f"sv, "\xc2\x80"sv, "\xc2\x9f"sv}) {
    CHECK(!is_plain_text(text));
    CHECK(is_utf8(text));
  }
}

// The classes of ill-formed sequences of RFC 3629, sections 3 and 4.
TEST_CASE("ill-formed UTF-8 is neither") {
  for (const std::string_view text : {"\x80"sv, "\xbf"sv, "\xc3"sv, "a\xc3"sv, "\xc3("sv, "\xe2\x82"sv, "\xf0\x90\x80"sv, "\xc0\xaf"sv, "\xc1\xbf"sv,
                                      "\xe0\x9f\xbf"sv, "\xf0\x8f\xbf\xbf"sv, "\xed\xa0\x80"sv, "\xed\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf8\x88\x80\x80\x80"sv, "\xfe"sv, "\xff"sv}) {
    CHECK(!is_plain_text(text));
    CHECK(!is_utf8(text));
  }
}

}  // namespace
}  // namespace fedspend
