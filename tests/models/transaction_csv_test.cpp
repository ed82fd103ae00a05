#include "models/transactions/transaction_csv.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>

#include "models/transactions/transaction_fields.h"

using namespace fedspend;
using namespace fedspend::models;

namespace {

const std::string kHeader = std::string(kTransactionCsvHeader) + "\n";

std::string refusal(const std::string& text, const TransactionCsvLimits& limits = {}) {
  const auto rows = parse_transaction_csv(as_bytes(text), limits);
  return rows ? "accepted" : rows.error().message;
}

}  // namespace

TEST_CASE("a transaction file is read as it is described") {
  const auto rows = parse_transaction_csv(as_bytes(kHeader + "2017-01-28T19:06:53Z,3.86,debit,EGGS,\"The \"\"Corner\"\" Shop\",USD\n2017-01-29T00:00:00Z,1200.00,credit,,,\n"));
  REQUIRE(rows);
  REQUIRE(rows->size() == 2);
  CHECK((*rows)[0].time_s == 1485630413);
  CHECK((*rows)[0].amount_minor == 386);
  CHECK((*rows)[0].direction == Direction::debit);
  CHECK((*rows)[0].category == "EGGS");
  CHECK((*rows)[0].merchant == "The \"Corner\" Shop");
  CHECK((*rows)[0].currency == "USD");
  CHECK((*rows)[1].amount_minor == 120000);
  CHECK((*rows)[1].direction == Direction::credit);
  CHECK((*rows)[1].category.empty());
}

TEST_CASE("rows come out by time, and rows of one time as they stand in the file") {
  const auto rows = parse_transaction_csv(as_bytes(kHeader + "2017-01-03T00:00:00Z,1.00,debit,a,,\n2017-01-02T00:00:00Z,2.00,debit,b,,\n2017-01-03T00:00:00Z,3.00,debit,c,,\n"));
  REQUIRE(rows);
  CHECK((*rows)[0].category == "b");
  CHECK((*rows)[1].category == "a");
  CHECK((*rows)[2].category == "c");
}

TEST_CASE("a header alone is a file without transactions") {
  const auto rows = parse_transaction_csv(as_bytes(kHeader));
  REQUIRE(rows);
  CHECK(rows->empty());
}

TEST_CASE("what differs from the form is refused by line and column, without the value") {
  const auto row = [](const std::string& text) { return kHeader + "2017-01-01T00:00:00Z,1.00,debit,a,b,c\n" + text + "\n"; };
  CHECK(refusal("") == "the transaction file is empty");
  CHECK(refusal("\n\n") == "the transaction file has no header");
  CHECK(refusal("time,amount\n") == "line 1: the header is not that of a transaction file");
  CHECK(refusal(row("2017-02-30T00:00:00Z,1.00,debit,a,b,c")) == "line 3, column time: not of the form it must have");
  CHECK(refusal(row("2017-02-03,1.00,debit,a,b,c")) == "line 3, column time: not of the form it must have");
  CHECK(refusal(row("2017-02-03T00:00:00Z,-1.00,debit,a,b,c")) == "line 3, column amount: not of the form it must have");
  CHECK(refusal(row("2017-02-03T00:00:00Z,nan,debit,a,b,c")) == "line 3, column amount: not of the form it must have");
  CHECK(refusal(row("2017-02-03T00:00:00Z,1.00,out,a,b,c")) == "line 3, column direction: not of the form it must have");
  CHECK(refusal(row("2017-02-03T00:00:00Z,1.00,debit,a,b")) == "line 3: 5 fields where 6 are expected");
  CHECK(refusal(row("2017-02-03T00:00:00Z,1.00,debit,a\"b,c,d")).starts_with("line 3: a quote"));
  CHECK(refusal(row("2017-02-03T00:00:00Z,1.00,debit,\xff,c,d")).starts_with("line 3: bytes that are not UTF-8"));
}

TEST_CASE("the caps on bytes, rows and fields hold") {
  const std::string rows = kHeader + "2017-01-01T00:00:00Z,1.00,debit,a,b,c\n2017-01-01T00:00:00Z,1.00,debit,a,b,c\n";
  CHECK(refusal(rows, {.max_rows = 2}) == "accepted");
  CHECK(refusal(rows, {.max_rows = 1}) == "line 3: more than 1 transactions");
  CHECK(refusal(rows, {.max_bytes = 50}) == "the transaction file has more than 50 bytes");
  CHECK(refusal(kHeader + "2017-01-01T00:00:00Z,1.00,debit," + std::string(2000, 'a') + ",b,c\n") == "line 2: a field is longer than 1024 bytes");
}

TEST_CASE("a transaction that is written reads back as it was") {
  CHECK(rc::check([] {
    const auto text = rc::gen::container<std::string>(rc::gen::oneOf(rc::gen::inRange<char>(0x20, 0x7f), rc::gen::element('"', ',', '\n', '\r', ' ', '\t')));
    Transaction transaction{.time_s = *rc::gen::inRange(seconds_of_day(1, 1, 1), seconds_of_day(9999, 12, 31)),
                            .amount_minor = *rc::gen::inRange<std::int64_t>(0, kMaxAmountMinor + 1),
                            .direction = *rc::gen::element(Direction::debit, Direction::credit),
                            .category = *text,
                            .merchant = *text,
                            .currency = *text};
    std::string file = kHeader;
    append_transaction_csv(transaction, file);
    const auto rows = parse_transaction_csv(as_bytes(file));
    RC_ASSERT(rows.has_value());
    RC_ASSERT(rows->size() == 1U);
    const Transaction& read = rows->front();
    RC_ASSERT(read.time_s == transaction.time_s);
    RC_ASSERT(read.amount_minor == transaction.amount_minor);
    RC_ASSERT(read.direction == transaction.direction);
    RC_ASSERT(read.category == transaction.category);
    RC_ASSERT(read.merchant == transaction.merchant);
    RC_ASSERT(read.currency == transaction.currency);
  }));
}
