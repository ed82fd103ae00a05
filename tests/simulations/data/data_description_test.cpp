#include "simulations/data/data_description.h"

#include <doctest/doctest.h>

#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

const std::string kFiles = "[files]\ntransactions = \"*.csv\"\n";
const std::string kColumns = "[columns]\nclient = \"c\"\ntime = \"t\"\namount = \"a\"\n";

std::string refusal(const std::string& text) {
  const auto description = parse_data_description(text, "d.toml");
  if (description) return "accepted";
  CHECK(description.error().code == ErrorCode::malformed);
  CHECK(!description.error().hint.empty());
  return description.error().message;
}

}  // namespace

TEST_CASE("a description with every key is read whole") {
  const auto description = parse_data_description(R"(
[files]
transactions = ["a/*.csv", "b.csv"]
delimiter = ";"
encoding = "latin-1"
on_error = "skip"
[columns]
client = "CARD"
time = ["WHEN", "DATE"]
time_format = "%d/%m/%Y"
amount = ["X", "Y"]
category_from = ["type", "operation"]
merchant = "M"
currency = "CUR"
label = "fraud"
distinguishing = ["id"]
direction = { column = "kind", credit = ["C"], debit = ["D", "W"] }
[attributes]
file = "people.csv"
client = "id"
columns = ["age", "income"]
[lookup]
file = "products.csv"
key = "product"
columns = ["type"]
)", "d.toml");
  REQUIRE(description);
  CHECK(description->transactions == std::vector<std::string>{"a/*.csv", "b.csv"});
  CHECK(description->delimiter == ';');
  CHECK(description->encoding == models::TextEncoding::latin1);
  CHECK(description->on_error == OnError::skip);
  const ColumnRules& columns = description->columns;
  CHECK(columns.client == ColumnChoice{"CARD"});
  CHECK(columns.time == ColumnChoice{"WHEN", "DATE"});
  CHECK(columns.time_format.read("28/01/2017"));
  CHECK(columns.amount == ColumnChoice{"X", "Y"});
  CHECK(columns.category == std::vector<ColumnChoice>{{"type"}, {"operation"}});
  CHECK(columns.merchant == ColumnChoice{"M"});
  CHECK(columns.currency == ColumnChoice{"CUR"});
  CHECK(columns.label == ColumnChoice{"fraud"});
  CHECK(columns.distinguishing == std::vector<ColumnChoice>{{"id"}});
  CHECK(columns.direction.column == ColumnChoice{"kind"});
  CHECK(columns.direction.credit == std::vector<std::string>{"C"});
  CHECK(columns.direction.debit == std::vector<std::string>{"D", "W"});
  REQUIRE(description->attributes);
  CHECK(description->attributes->columns == std::vector<std::string>{"age", "income"});
  REQUIRE(description->lookup);
  CHECK(description->lookup->key == "product");
}

TEST_CASE("what is left out has the stated defaults") {
  const auto description = parse_data_description(kFiles + kColumns + "category = \"k\"\n", "d.toml");
  REQUIRE(description);
  CHECK(description->delimiter == ',');
  CHECK(description->encoding == models::TextEncoding::utf8);
  CHECK(description->on_error == OnError::stop);
  CHECK(description->columns.time_format.read("2017-01-28"));
  CHECK(description->columns.direction.negative_is_credit);
  CHECK(!description->lookup);
  CHECK(!description->attributes);
}

TEST_CASE("an unknown key is refused by name and line, in every section") {
  const std::string rest = kColumns + "category = \"k\"\n";
  CHECK(refusal(kFiles + "delimeter = \";\"\n" + rest) == "d.toml:3: unknown key files.delimeter");
  CHECK(refusal(kFiles + rest + "merchnt = \"m\"\n") == "d.toml:8: unknown key columns.merchnt");
  CHECK(refusal(kFiles + rest + "[extra]\n") == "d.toml:8: unknown key extra");
  CHECK(refusal(kFiles + rest + "direction = { column = \"k\", credit = [\"C\"], debit = [\"D\"], x = 1 }\n") == "d.toml:8: unknown key columns.direction.x");
  CHECK(refusal(kFiles + rest + "[lookup]\nfile = \"f\"\nkeys = \"k\"\n") == "d.toml:10: unknown key lookup.keys");
  CHECK(refusal(kFiles + rest + "[attributes]\nfile = \"f\"\nkey = \"k\"\n") == "d.toml:10: unknown key attributes.key");
}

TEST_CASE("a wrong value is refused by key and line") {
  const std::string rest = kColumns + "category = \"k\"\n";
  CHECK(refusal("") == "d.toml: the section [files] is missing");
  CHECK(refusal(kFiles) == "d.toml: the section [columns] is missing");
  CHECK(refusal("files = 3\n") == "d.toml:1: files must be a table");
  CHECK(refusal("[files]\n" + rest) == "d.toml:1: files.transactions is missing");
  CHECK(refusal("[files]\ntransactions = 3\n" + rest) == "d.toml:2: files.transactions must be text");
  CHECK(refusal("[files]\ntransactions = []\n" + rest) == "d.toml:2: files.transactions is an empty list");
  CHECK(refusal("[files]\ntransactions = [1]\n" + rest) == "d.toml:2: files.transactions must be a list of texts");
  CHECK(refusal(kFiles + "delimiter = \"ab\"\n" + rest) == "d.toml:3: files.delimiter must be one ASCII character");
  CHECK(refusal(kFiles + "encoding = \"utf-16\"\n" + rest) == "d.toml:3: files.encoding is not an encoding that is read");
  CHECK(refusal(kFiles + "on_error = \"ignore\"\n" + rest) == "d.toml:3: files.on_error is not known");
  CHECK(refusal(kFiles + rest + "time_format = \"%Q\"\n").starts_with("d.toml:8: columns.time_format cannot be used: "));
  CHECK(refusal(kFiles + kColumns) == "d.toml:3: columns.category is missing");
  CHECK(refusal(kFiles + rest + "category_from = [\"a\", \"b\"]\n") == "d.toml:8: columns.category_from stands beside category");
  CHECK(refusal(kFiles + rest + "direction = { column = \"k\", credit = [\"C\"], debit = [\"C\"] }\n") == "d.toml:8: columns.direction.credit and debit share the value \"C\"");
  CHECK(refusal(kFiles + rest + "direction = { negative = \"both\" }\n") == "d.toml:8: columns.direction.negative is not known");
  CHECK(refusal("[files\n").starts_with("d.toml:1: this is not TOML: "));
  CHECK(refusal("[files]\ntransactions = \"\xff\"\n").find("this is not TOML") != std::string::npos);
}

TEST_CASE("the data root is the description's folder unless another is given") {
  const tests::TemporaryFolder folder;
  const auto path = folder.write("sub/d.toml", kFiles + kColumns + "category = \"k\"\n");
  CHECK(read_data_description(path, std::nullopt)->data_root == folder.path() / "sub");
  CHECK(read_data_description(path, folder.path())->data_root == folder.path());
  const auto missing = read_data_description(path, folder.path() / "no");
  REQUIRE(!missing);
  CHECK(missing.error().code == ErrorCode::not_found);
}

TEST_CASE("globs give every file once, sorted by name, and none is an error") {
  const tests::TemporaryFolder folder;
  for (const char* name : {"x[1]/b.csv", "x[1]/a.csv", "x[1]/c.txt", "x[1]/d.csv/e.csv"}) folder.write(name, "h\n");
  DataDescription description;
  description.data_root = folder.path() / "x[1]";
  description.transactions = {"*.csv", "a.*"};
  CHECK(find_transaction_files(description) == std::vector<std::filesystem::path>{description.data_root / "a.csv", description.data_root / "b.csv"});
  description.transactions = {"*.csv", "*.tsv"};
  const auto none = find_transaction_files(description);
  REQUIRE(!none);
  CHECK(none.error().code == ErrorCode::not_found);
  CHECK(none.error().message.starts_with("no file matches \"*.tsv\" in "));
}

TEST_CASE("clients that are made on demand are described without files, and wrongly described ones are refused with key and line") {
  const auto description = parse_data_description("[synthetic]\nclients = 100_000\nseed = 4\nmonths = 6\nsample = 50\n", "d.toml");
  REQUIRE(description);
  REQUIRE(description->synthetic);
  CHECK(description->synthetic->clients == 100'000);
  CHECK(description->synthetic->seed == 4);
  CHECK(description->synthetic->months == 6);
  CHECK(description->synthetic->sample == 50);
  CHECK(parse_data_description("[synthetic]\nclients = 7\n", "d.toml")->synthetic->sample == 7);
  const auto refusal = [](const std::string& text) {
    const auto wrong = parse_data_description(text, "d.toml");
    return wrong ? std::string() : wrong.error().message;
  };
  CHECK(refusal("[synthetic]\n").find("synthetic.clients is missing") != std::string::npos);
  CHECK(refusal("[synthetic]\nclients = 0\n").find("d.toml:2: synthetic.clients must be a whole number from 1") != std::string::npos);
  CHECK(refusal("[synthetic]\nclients = 1.5\n").find("d.toml:2: synthetic.clients must be a whole number") != std::string::npos);
  CHECK(refusal("[synthetic]\nclients = 1\nmonths = 121\n").find("d.toml:3: synthetic.months") != std::string::npos);
  CHECK(refusal("[synthetic]\nclients = 1\nyears = 1\n").find("unknown key synthetic.years") != std::string::npos);
  CHECK(refusal("[synthetic]\nclients = 1\n[files]\ntransactions = [\"a\"]\n").find("unknown key files") != std::string::npos);
}
