#include "models/transactions/csv_rows.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>

using namespace fedspend;
using namespace fedspend::models;

namespace {

struct SeenRow {
  std::uint64_t line;
  std::vector<std::string> fields;
  bool operator==(const SeenRow&) const = default;
};

class Collector final : public CsvRowHandler {
 public:
  bool on_row(const CsvRow& row) override {
    rows.push_back({row.line, {row.fields.begin(), row.fields.end()}});
    return rows.size() < stop_after;
  }
  std::vector<SeenRow> rows;
  std::size_t stop_after = SIZE_MAX;
};

struct Outcome {
  std::vector<SeenRow> rows;
  Status status;
};

Outcome tokenize(std::string_view text, const CsvTokenizer::Options& options = {}, std::size_t piece = SIZE_MAX) {
  Collector collector;
  CsvTokenizer tokenizer(options, collector);
  Outcome outcome;
  for (std::size_t i = 0; i < text.size() && outcome.status; i += std::min(piece, text.size() - i)) outcome.status = tokenizer.feed(as_bytes(text.substr(i, piece)));
  if (outcome.status) outcome.status = tokenizer.finish();
  outcome.rows = collector.rows;
  return outcome;
}

void check_refused(std::string_view text, ErrorCode code, const std::string& part, const CsvTokenizer::Options& options = {}) {
  const Outcome outcome = tokenize(text, options);
  REQUIRE(!outcome.status);
  CHECK(outcome.status.error().code == code);
  CHECK_MESSAGE(outcome.status.error().message.find(part) != std::string::npos, outcome.status.error().message);
}

}  // namespace

TEST_CASE("quotes, doubled quotes, delimiters and line breaks inside quotes are read by RFC 4180") {
  const Outcome outcome = tokenize("a,\"b,c\",\"say \"\"hi\"\"\"\r\n\"two\nlines\",,x\r\nlast,\"\",3");
  REQUIRE(outcome.status);
  CHECK(outcome.rows == std::vector<SeenRow>{{1, {"a", "b,c", "say \"hi\""}}, {2, {"two\nlines", "", "x"}}, {4, {"last", "", "3"}}});
}

TEST_CASE("LF, CRLF and CR end a line, and blank lines count as lines but are no rows") {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    CAPTURE(end.size());
    const Outcome outcome = tokenize("a,b" + end + end + "c,d" + end + end + end + "e,f");
    REQUIRE(outcome.status);
    CHECK(outcome.rows == std::vector<SeenRow>{{1, {"a", "b"}}, {3, {"c", "d"}}, {6, {"e", "f"}}});
  }
}

TEST_CASE("a byte order mark is no part of the first name") {
  const Outcome outcome = tokenize("\xef\xbb\xbf\"a\",b\n");
  REQUIRE(outcome.status);
  CHECK(outcome.rows == std::vector<SeenRow>{{1, {"a", "b"}}});
}

TEST_CASE("blanks around a plain field are dropped, those inside quotes stay") {
  const Outcome outcome = tokenize("  a b ,\" c \"\n");
  REQUIRE(outcome.status);
  CHECK(outcome.rows == std::vector<SeenRow>{{1, {"a b", " c "}}});
}

TEST_CASE("another delimiter may be a semicolon or a tab") {
  CHECK(tokenize("a;b,c\n", {.delimiter = ';'}).rows == std::vector<SeenRow>{{1, {"a", "b,c"}}});
  CHECK(tokenize("a\tb\t\tc\n", {.delimiter = '\t'}).rows == std::vector<SeenRow>{{1, {"a", "b", "", "c"}}});
}

TEST_CASE("Latin-1 is handed on as UTF-8") {
  const Outcome outcome = tokenize("caf\xe9,\xa3\x35,\xff\n", {.encoding = TextEncoding::latin1});
  REQUIRE(outcome.status);
  CHECK(outcome.rows == std::vector<SeenRow>{{1, {"caf\xc3\xa9", "\xc2\xa3\x35", "\xc3\xbf"}}});
}

TEST_CASE("bytes that are not UTF-8 are refused with their line") {
  for (const std::string bad : {"\xe9", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xe2\x82", "\xc3"}) {
    check_refused("a,b\nc,d\nx" + bad + ",yyyyyyyyyyyyyyyyy\n", ErrorCode::malformed, "line 3: bytes that are not UTF-8");
  }
  check_refused("a,b\nc,\xe2\x82", ErrorCode::malformed, "line 2: bytes that are not UTF-8");
  CHECK(tokenize("\xe2\x82\xac,\xf0\x9f\x92\xb6\n").status);
}

TEST_CASE("a NUL byte is refused in either encoding") {
  const std::string text("a,b\nc,\0d, some more text that keeps the share of control bytes low\n", 67);
  check_refused(text, ErrorCode::malformed, "line 2: a NUL byte");
  check_refused(text, ErrorCode::malformed, "line 2: a NUL byte", {.encoding = TextEncoding::latin1});
}

TEST_CASE("files that are no CSV are recognised by their first bytes") {
  check_refused("\x1f\x8b\x08 etc", ErrorCode::malformed, "compressed (gzip)");
  check_refused("PK\x03\x04 etc", ErrorCode::malformed, "zip archive or a spreadsheet");
  check_refused(std::string("\xff\xfe" "a\0b\0", 6), ErrorCode::malformed, "UTF-16");
  check_refused("\x7f" "ELF\x02\x01\x01\x03\x02\x03\x01\x05", ErrorCode::malformed, "first bytes look binary", {.encoding = TextEncoding::latin1});
}

TEST_CASE("a quote in a plain field is refused with its line") {
  check_refused("a,b\nc,d\"e\n", ErrorCode::malformed, "line 2: a quote where none may be");
  check_refused("a,b\n\"c\"d,e\n", ErrorCode::malformed, "line 2: a quote where none may be");
}

TEST_CASE("a quote that is never closed is refused") {
  check_refused("a,b\n\"c,d\ne,f\n", ErrorCode::malformed, "line 2: a quote is opened and never closed");
  std::string text = "a,b\nc,\"";
  text.append(1 << 20, 'x');
  check_refused(text, ErrorCode::limit, "line 2: a field is longer than");
}

TEST_CASE("fields, rows and field counts beyond the limits are refused") {
  const CsvTokenizer::Options options{.limits = {.max_field_bytes = 10, .max_row_bytes = 25, .max_fields = 5}};
  CHECK(tokenize("0123456789,0123456789\n", options).status);
  check_refused("a\n01234567890\n", ErrorCode::limit, "line 2: a field is longer than 10 bytes", options);
  check_refused("0123456789,0123456789,0123456789\n", ErrorCode::limit, "line 1: a row is longer than 25 bytes", options);
  check_refused("1,2,3,4,5,6,7\n", ErrorCode::limit, "line 1: a row has more than 5 fields", options);
}

TEST_CASE("columns that are not selected are empty but counted") {
  Collector collector;
  CsvTokenizer tokenizer({}, collector);
  tokenizer.select_columns({false, true});
  REQUIRE(tokenizer.feed(as_bytes("a,b,c\n")));
  REQUIRE(tokenizer.finish());
  CHECK(collector.rows == std::vector<SeenRow>{{1, {"", "b", ""}}});
}

TEST_CASE("a handler that has enough ends the reading without an error") {
  Collector collector;
  collector.stop_after = 1;
  CsvTokenizer tokenizer({}, collector);
  CHECK(tokenizer.feed(as_bytes("a\nb\n\"broken")));
  CHECK(tokenizer.stopped());
  CHECK(tokenizer.finish());
  CHECK(collector.rows.size() == 1);
}

TEST_CASE("how a file is cut into blocks makes no difference") {
  CHECK(rc::check([] {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\n', '\r', ' ', '\xc3', '\xa9'));
    const auto piece = *rc::gen::inRange<std::size_t>(1, 8);
    const Outcome whole = tokenize("head\n" + text), cut = tokenize("head\n" + text, {}, piece);
    RC_ASSERT(whole.status.has_value() == cut.status.has_value());
    if (whole.status) RC_ASSERT(whole.rows == cut.rows);
  }));
}
