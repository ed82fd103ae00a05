#include "client/shown_text.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "common/protocol/plain_text.h"

namespace fedspend::client {
namespace {

TEST_CASE("plain text is shown as it is") {
  CHECK(shown_text("K\xc3\xb8""bmand & S\xc3\xb8n \xf0\x9f\x8d\x8e", 100) == "K\xc3\xb8""bmand & S\xc3\xb8n \xf0\x9f\x8d\x8e");
}

TEST_CASE("what could spoil a line is a question mark") {
  CHECK(shown_text("a\nb\x1b[31m\x7f", 100) == "a?b?[31m?");
  CHECK(shown_text("\xe2\x80\xae" "evil\xe2\x80\xa8\xe2\x81\xa6", 100) == "?evil??");
  CHECK(shown_text("\xc2\x85|\xd8\x9c", 100) == "?|?");
  CHECK(shown_text("\xff\xc3", 100) == "??");
  CHECK(shown_text(std::string_view("\0", 1), 100) == "?");
}

TEST_CASE("text is cut between characters") {
  CHECK(shown_text("ab\xc3\xb8", 3) == "ab");
  CHECK(shown_text("ab\xc3\xb8", 4) == "ab\xc3\xb8");
  CHECK(shown_text("abc", 0) == "");
}

TEST_CASE("of any bytes there is plain text of at most that length, the same when shown again") {
  CHECK(rc::check([](const std::string& text, std::uint8_t most) {
    const std::string shown = shown_text(text, most);
    RC_ASSERT((shown.size() <= most && is_plain_text(shown)));
    RC_ASSERT(shown_text(shown, most) == shown);
  }));
}

}  // namespace
}  // namespace fedspend::client
