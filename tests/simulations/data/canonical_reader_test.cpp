#include "simulations/data/canonical_reader.h"

#include <doctest/doctest.h>

#include "models/transactions/transaction_fields.h"
#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;
using models::Direction;

namespace {

struct Given {
  std::string files = "";     // further lines of [files]
  std::string columns = "";   // further lines of [columns]
  std::string sections = "";
  std::string category = "category = \"k\"\n";
};

DataDescription describe(const tests::TemporaryFolder& folder, const Given& given = {}) {
  auto description = parse_data_description("[files]\ntransactions = \"*.csv\"\n" + given.files + "[columns]\nclient = \"c\"\ntime = \"t\"\namount = [\"a\", \"b\"]\n" + given.category + given.columns + given.sections, "d.toml");
  REQUIRE_MESSAGE(description, description.error().message);
  description->data_root = folder.path();
  return *description;
}

struct Outcome {
  std::vector<CanonicalRow> rows;
  ReadStatistics statistics;
  std::optional<Error> error;
};

Outcome read(const DataDescription& description, unsigned threads = 2) {
  Outcome outcome;
  const auto statistics = read_transactions(
      description,
      [&](const CanonicalRow& row) {
        outcome.rows.push_back(row);
        return Status();
      },
      {.threads = threads});
  if (statistics) outcome.statistics = *statistics;
  if (!statistics) outcome.error = statistics.error();
  return outcome;
}

// The one error of reading `text` as x.csv, without the folder's name.
std::string refusal(const std::string& text, const Given& given = {}) {
  const tests::TemporaryFolder folder;
  folder.write("x.csv", text);
  const Outcome outcome = read(describe(folder, given));
  REQUIRE(outcome.error);
  CHECK((outcome.error->code == ErrorCode::malformed || outcome.error->code == ErrorCode::not_found || outcome.error->code == ErrorCode::limit));
  CHECK(!outcome.error->hint.empty());
  std::string message = outcome.error->message;
  const std::string prefix = folder.path().string() + "/";
  if (const auto at = message.find(prefix); at != std::string::npos) message.erase(at, prefix.size());
  return message;
}

std::uint64_t skipped(const ReadStatistics& statistics, SkipReason reason) { return statistics.skipped[static_cast<std::size_t>(reason)]; }

}  // namespace

TEST_CASE("rows become transactions, and negative amounts credits") {
  const tests::TemporaryFolder folder;
  folder.write("x.csv", "c,t,a,k,m,cur,l\r\n1,2017-01-28,\"1,234.50\",food,\"A, B\",GBP,no\r\n2,2017-01-29,-3,refunded,,,\r\n");
  const Outcome outcome = read(describe(folder, {.columns = "merchant = \"m\"\ncurrency = \"cur\"\nlabel = \"l\"\n"}));
  REQUIRE(!outcome.error);
  REQUIRE(outcome.rows.size() == 2);
  const CanonicalRow& first = outcome.rows[0];
  CHECK(first.client == "1");
  CHECK(first.transaction.time_s == 1485561600);
  CHECK(first.transaction.amount_minor == 123450);
  CHECK(first.transaction.direction == Direction::debit);
  CHECK(first.transaction.category == "food");
  CHECK(first.transaction.merchant == "A, B");
  CHECK(first.transaction.currency == "GBP");
  CHECK(first.label == "no");
  CHECK(first.line == 2);
  CHECK(outcome.rows[1].transaction.amount_minor == 300);
  CHECK(outcome.rows[1].transaction.direction == Direction::credit);
  CHECK(outcome.rows[1].line == 3);
  CHECK(outcome.statistics.rows == 2);
  CHECK(outcome.statistics.kept == 2);
  CHECK(outcome.statistics.credits == 1);
}

TEST_CASE("the sign may mean the other direction") {
  const tests::TemporaryFolder folder;
  folder.write("x.csv", "c,t,a,k\n1,2017-01-28,-5,food\n1,2017-01-28,5,salary\n1,2017-01-28,0,nothing\n");
  const Outcome outcome = read(describe(folder, {.columns = "direction = { negative = \"debit\" }\n"}));
  REQUIRE(outcome.rows.size() == 3);
  CHECK(outcome.rows[0].transaction.direction == Direction::debit);
  CHECK(outcome.rows[1].transaction.direction == Direction::credit);
  CHECK(outcome.rows[2].transaction.direction == Direction::debit);
}

TEST_CASE("a direction column says the direction, whatever the sign, and an unknown value is an error") {
  const Given given{.columns = "direction = { column = \"d\", credit = [\"C\"], debit = [\"D\", \"W\"] }\n"};
  const tests::TemporaryFolder folder;
  folder.write("x.csv", "c,t,a,k,d\n1,2017-01-28,-5,x,D\n1,2017-01-28,5,x,C\n1,2017-01-28,5,x,W\n");
  const Outcome outcome = read(describe(folder, given));
  REQUIRE(outcome.rows.size() == 3);
  CHECK(outcome.rows[0].transaction.direction == Direction::debit);
  CHECK(outcome.rows[0].transaction.amount_minor == 500);
  CHECK(outcome.rows[1].transaction.direction == Direction::credit);
  CHECK(outcome.rows[2].transaction.direction == Direction::debit);
  CHECK(refusal("c,t,a,k,d\n1,2017-01-28,5,x,Q\n", given) == "x.csv:2: column \"d\": \"Q\" is not one of the values that columns.direction lists");
}

TEST_CASE("files may differ in their headers: order, alternatives, repeated, blank and missing optional names") {
  const tests::TemporaryFolder folder;
  folder.write("1.csv", "k,t,,a,a,c\nfood,2017-01-01,z,1.00,9.00,x\n");
  folder.write("2.csv", "c,b,a,t,k,m\nx,2.00,3.00,2017-01-02,drink,shop\n");
  folder.write("3.csv", "c,b,t,k\nx,4.00,2017-01-03,fuel\n");
  const Outcome outcome = read(describe(folder, {.columns = "merchant = \"m\"\n"}));
  REQUIRE(!outcome.error);
  REQUIRE(outcome.rows.size() == 3);
  CHECK(outcome.rows[0].transaction.amount_minor == 100);  // the first of two columns of one name
  CHECK(outcome.rows[1].transaction.amount_minor == 300);  // "a" before "b" where a file has both
  CHECK(outcome.rows[1].transaction.merchant == "shop");
  CHECK(outcome.rows[2].transaction.amount_minor == 400);
  CHECK(outcome.rows[2].transaction.merchant.empty());
  CHECK(outcome.rows[2].file == 2);
}

TEST_CASE("a category may be put together from columns, or found by a lookup") {
  const tests::TemporaryFolder folder;
  folder.write("x.csv", "c,t,a,k,o,p\n1,2017-01-01,1,in,cash,10\n1,2017-01-01,1,in,,11\n1,2017-01-01,1,,,12\n");
  const Outcome joined = read(describe(folder, {.category = "category_from = [\"k\", \"o\"]\n"}));
  REQUIRE(joined.rows.size() == 3);
  CHECK(joined.rows[0].transaction.category == "in/cash");
  CHECK(joined.rows[1].transaction.category == "in/");
  CHECK(joined.rows[2].transaction.category.empty());
  CHECK(joined.statistics.without_category == 1);

  folder.write("products.txt", "name,p,kind\nbread,10,bakery\nmilk,11,dairy\n");
  const Outcome looked_up = read(describe(folder, {.sections = "[lookup]\nfile = \"products.txt\"\nkey = \"p\"\ncolumns = [\"kind\"]\n", .category = "category = \"kind\"\n"}));
  REQUIRE(!looked_up.error);
  CHECK(looked_up.rows[0].transaction.category == "bakery");
  CHECK(looked_up.rows[1].transaction.category == "dairy");
  CHECK(looked_up.rows[2].transaction.category.empty());
}

TEST_CASE("a bad row stops the reading with file, line, column and value") {
  CHECK(refusal("c,t,a,k\n1,2017-01-28,5,x\n1,2017-02-30,5,x\n") == "x.csv:3: column \"t\": \"2017-02-30\" is not a date of the form that columns.time_format says");
  CHECK(refusal("c,t,a,k\n1,2017-01-28,NaN,x\n") == "x.csv:2: column \"a\": \"NaN\" is not a decimal number such as 1234.56 or 1,234.56");
  CHECK(refusal("c,t,a,k\n ,2017-01-28,5,x\n") == "x.csv:2: column \"c\": \"\" is not the client's id");
  CHECK(refusal("c,t,a,k\n1,2017-01-28,5\n") == "x.csv:2: 3 fields where the header has 4");
  CHECK(refusal("c,t,a,k\n1,2017-01-28,5,x,y\n") == "x.csv:2: 5 fields where the header has 4");
  CHECK(refusal("c,t,a,k\n\n\"a\nb\",2017-01-28,5,x\n1,no,5,x\n").starts_with("x.csv:5: column \"t\": \"no\""));
  CHECK(refusal("c,t,a,k\n1,2017-01-28,1\t\x01" + std::string(60, '9') + ",x\n") == "x.csv:2: column \"a\": \"1??" + std::string(34, '9') + "...\" is not a decimal number such as 1234.56 or 1,234.56");
}

TEST_CASE("a missing column is named, with those that are there") {
  CHECK(refusal("c,t,amt,k\n1,2017-01-28,5,x\n") == "x.csv: there is no column \"a\", \"b\", which d.toml names for columns.amount");
  CHECK(refusal("c,t,a,k\n", {.columns = "merchant = \"m\"\n"}) == "d.toml: no file has a column \"m\", which is named for columns.merchant");
  CHECK(refusal("c,t,a,k\n", {.columns = "distinguishing = \"id\"\n"}) == "d.toml: no file has a column \"id\", which columns.distinguishing names");
  CHECK(refusal("c,t,a,k\n", {.sections = "[lookup]\nfile = \"p\"\nkey = \"p\"\ncolumns = [\"q\"]\n"}) == "x.csv: there is no column \"p\", which d.toml names for lookup.key");
  CHECK(refusal("c,t,a,k\n", {.sections = "[lookup]\nfile = \"no.csv\"\nkey = \"k\"\ncolumns = [\"q\"]\n"}).starts_with("no.csv: cannot be read"));
}

TEST_CASE("an empty file, a binary one, another encoding and a broken quote are refused by file and line") {
  CHECK(refusal("") == "x.csv: the file is empty");
  CHECK(refusal("\n\n") == "x.csv: there is no header line");
  CHECK(refusal("\x7f" "ELF\x02\x01\x01\x03\x02\x03\x01\x05") == "x.csv: the file is not text: its first bytes look binary");
  CHECK(refusal("c,t,a,k\n1,2017-01-28,5,caf\xe9 au lait\n") == "x.csv: line 2: bytes that are not UTF-8");
  CHECK(refusal("c,t,a,k\n1,2017-01-28,5,a\"b\n") == "x.csv: line 2: a quote where none may be");
  CHECK(refusal("c,t,a,k\n1,2017-01-28,5,\"a\n") == "x.csv: line 2: a quote is opened and never closed");
}

TEST_CASE("a file with a header alone has no rows and is no error") {
  const tests::TemporaryFolder folder;
  folder.write("x.csv", "c,t,a,k\n");
  const Outcome outcome = read(describe(folder));
  CHECK(!outcome.error);
  CHECK(outcome.rows.empty());
  CHECK(outcome.statistics.files == 1);
}

TEST_CASE("on_error skip counts what it leaves out, by reason") {
  const tests::TemporaryFolder folder;
  folder.write("x.csv", "c,t,a,k\n1,2017-01-28,5,x\n1,2017-02-30,5,x\n1,2017-01-28,nan,x\n1,2017-01-28,inf,x\n,2017-01-28,5,x\n1,2017-01-28\n1,2017-01-28,5,\n1,2017-01-28,6,x,,\n");
  const Outcome outcome = read(describe(folder, {.files = "on_error = \"skip\"\n"}));
  REQUIRE(!outcome.error);
  CHECK(outcome.rows.size() == 3);
  CHECK(outcome.statistics.rows == 8);
  CHECK(outcome.statistics.kept == 3);
  CHECK(outcome.statistics.without_category == 1);
  CHECK(skipped(outcome.statistics, SkipReason::bad_date) == 1);
  CHECK(skipped(outcome.statistics, SkipReason::bad_amount) == 2);
  CHECK(skipped(outcome.statistics, SkipReason::missing_client) == 1);
  CHECK(skipped(outcome.statistics, SkipReason::field_count) == 1);
  CHECK(outcome.statistics.skipped_in_all() == 5);
}

TEST_CASE("repeated and stray rows are counted and kept") {
  const tests::TemporaryFolder folder;
  folder.write("1.csv", "c,t,a,k,id\n1,2017-01-01,5,x,1\n1,2017-01-01,5,x,2\n1,2017-01-01,5,x,1\n1,2016-12-31,5,x,1\n1,2017-01-01,-5,x,1\n");
  folder.write("2.csv", "c,t,a,k,id\n1,2017-01-01,5,x,1\n1,2017-02-01,5,x,1\n");
  const Outcome plain = read(describe(folder));
  CHECK(plain.rows.size() == 7);
  CHECK(plain.statistics.repeated == 3);
  CHECK(plain.statistics.stray == 1);         // of the first file: the second has no month of its own
  CHECK(plain.statistics.monthly_files == 1);
  CHECK(models::format_date(plain.statistics.first_time_s) == "2016-12-31");
  CHECK(models::format_date(plain.statistics.last_time_s) == "2017-02-01");
  CHECK(read(describe(folder, {.columns = "distinguishing = \"id\"\n"})).statistics.repeated == 2);
}

TEST_CASE("rows come by file, then line, for any number of threads") {
  const tests::TemporaryFolder folder;
  for (int file = 0; file < 12; ++file) {
    std::string text = "c,t,a,k\n";
    const int rows = file % 3 == 0 ? 40'000 : 700 * file;  // more than may wait in a queue, or few
    for (int row = 0; row < rows; ++row) text += std::to_string(row % 7) + ",2017-01-01," + std::to_string(row) + ",k" + std::to_string(file) + "\n";
    folder.write("f" + std::to_string(100 + file) + ".csv", text);
  }
  const Outcome one = read(describe(folder), 1);
  REQUIRE(!one.error);
  for (std::size_t i = 1; i < one.rows.size(); ++i) {
    const bool ordered = one.rows[i - 1].file < one.rows[i].file || (one.rows[i - 1].file == one.rows[i].file && one.rows[i - 1].line + 1 == one.rows[i].line);
    REQUIRE(ordered);
  }
  for (const unsigned threads : {2U, 5U}) {
    const Outcome several = read(describe(folder), threads);
    REQUIRE(several.rows.size() == one.rows.size());
    for (std::size_t i = 0; i < one.rows.size(); ++i) {
      const bool same = several.rows[i].file == one.rows[i].file && several.rows[i].line == one.rows[i].line && several.rows[i].transaction.amount_minor == one.rows[i].transaction.amount_minor &&
                        several.rows[i].transaction.category == one.rows[i].transaction.category;
      REQUIRE(same);
    }
    CHECK(several.statistics.repeated == one.statistics.repeated);
  }
}

TEST_CASE("the error that is reported is the first by file and line, and a sink's error is handed on") {
  const tests::TemporaryFolder folder;
  std::string text = "c,t,a,k\n";
  for (int row = 0; row < 30'000; ++row) text += "1,2017-01-01,1,k\n";
  folder.write("1.csv", text + "1,late,1,k\n");
  folder.write("2.csv", "c,t,a,k\n1,early,1,k\n");
  for (const unsigned threads : {1U, 2U, 4U}) {
    const Outcome outcome = read(describe(folder), threads);
    REQUIRE(outcome.error);
    CHECK(outcome.error->message.find("1.csv:30002: column \"t\": \"late\"") != std::string::npos);
    CHECK(outcome.rows.size() == 30'000);
  }
  std::size_t seen = 0;
  const auto statistics = read_transactions(describe(folder), [&](const CanonicalRow&) -> Status {
    if (++seen == 5) return fail(ErrorCode::limit, "enough");
    return {};
  });
  REQUIRE(!statistics);
  CHECK(statistics.error().message == "enough");
  CHECK(seen == 5);
}
