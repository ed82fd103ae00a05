// fedspend-sim itself on bad input: one line that says what, where and how to mend it, exit code 4, and nothing written.
#include <doctest/doctest.h>

#include "tests/simulations/sim_program.h"

using namespace fedspend::tests;

namespace {

const std::string kDescription = "[files]\ntransactions = \"*.csv\"\n[columns]\nclient = \"c\"\ntime = \"t\"\namount = \"a\"\ncategory = \"k\"\n";
const std::string kRows = "c,t,a,k\n1,2017-01-01,1,x\n1,2017-01-02,1,x\n1,2017-01-03,1,x\n1,2017-01-04,1,x\n1,2017-01-05,1,x\n1,2017-01-06,1,x\n1,2017-01-07,1,x\n";

void check_rows_refused(const std::string& rows, std::initializer_list<const char*> parts) {
  const TemporaryFolder folder;
  folder.write("d.toml", kDescription);
  folder.write("x.csv", rows);
  check_refused(folder, "baselines --data d.toml", parts);
}

}  // namespace

TEST_CASE("a data description that is missing, broken or misspelt is refused") {
  const TemporaryFolder folder;
  folder.write("x.csv", kRows);
  check_refused(folder, "baselines --data no.toml", {"no.toml", "check the path"});
  folder.write("broken.toml", "[files\n");
  check_refused(folder, "baselines --data broken.toml", {"broken.toml:1: this is not TOML"});
  folder.write("typo.toml", kDescription + "merchnt = \"m\"\n");
  check_refused(folder, "baselines --data typo.toml", {"typo.toml:8: unknown key columns.merchnt", "known here: "});
  folder.write("binary.toml", std::string("\0\1\2\3", 4));
  check_refused(folder, "baselines --data binary.toml", {"binary.toml:1: this is not TOML"});
  folder.write("empty.toml", "");
  check_refused(folder, "baselines --data empty.toml", {"empty.toml: the section [files] is missing"});
}

TEST_CASE("a CSV with a wrong column, date or amount is refused with file, line and column") {
  check_rows_refused("c,t,amount,k\n1,2017-01-01,1,x\n", {"x.csv: there is no column \"a\"", "the file has: \"c\", \"t\", \"amount\", \"k\""});
  check_rows_refused("c,t,a,k\n1,2017-01-32,1,x\n", {"x.csv:2: column \"t\": \"2017-01-32\" is not a date", "on_error = \"skip\""});
  check_rows_refused("c,t,a,k\n1,2017-01-01,NaN,x\n", {"x.csv:2: column \"a\": \"NaN\" is not a decimal number"});
  check_rows_refused("c,t,a,k\n1,2017-01-01,inf,x\n", {"x.csv:2: column \"a\": \"inf\" is not a decimal number"});
  check_rows_refused("c,t,a,k\n1,2017-01-01\n", {"x.csv:2: 2 fields where the header has 4"});
}

TEST_CASE("a CSV that is empty, binary, without rows or without histories is refused") {
  check_rows_refused("", {"x.csv: the file is empty"});
  check_rows_refused("\x7f" "ELF\x02\x01\x01\x03\x02\x03", {"x.csv: the file is not text"});
  check_rows_refused("c,t,a,k\n", {"no transaction with a category"});
  check_rows_refused("c,t,a,k\n1,2017-01-01,1,x\n", {"no client has the 5 categorised transactions"});
}

TEST_CASE("files that are not there are refused") {
  const TemporaryFolder folder;
  folder.write("d.toml", kDescription);
  check_refused(folder, "baselines --data d.toml", {"no file matches \"*.csv\"", "--data-root DIR"});
  check_refused(folder, "baselines --data d.toml --data-root no", {"the data root no is not a folder"});
}

TEST_CASE("unknown commands, options and values are refused") {
  const TemporaryFolder folder;
  folder.write("d.toml", kDescription);
  folder.write("x.csv", kRows);
  check_refused(folder, "baselines --data d.toml --nonsense", {"nonsense"});
  check_refused(folder, "nonsense", {"nonsense"});
  check_refused(folder, "baselines", {"--data"});
  check_refused(folder, "baselines --data d.toml --threads 0", {"--threads", "1"});
  check_refused(folder, "plan --data d.toml --model nonsense --out p.toml", {"there is no model \"nonsense\""});
  check_refused(folder, "plan --data d.toml --out p.toml --set aggregation.mode=open --set federation.rouns=3", {"federation.rouns", "federation.rounds"});
  check_refused(folder, "plan --data d.toml --out p.toml", {"a secure sum needs 3 clients, and only 1", "aggregation.mode=open"});
  check_refused(folder, "synth --clients 0 --out s", {"--clients"});
  CHECK(!std::filesystem::exists(folder.path() / "p.toml"));
  CHECK(!std::filesystem::exists(folder.path() / "s"));
}

TEST_CASE("a plan that is missing or broken is refused by its name") {
  const TemporaryFolder folder;
  folder.write("d.toml", kDescription);
  folder.write("x.csv", kRows);
  check_refused(folder, "profiles --data d.toml --plan no.toml --processes 1 --out o", {"no.toml"});
  folder.write("p.toml", "schema = 1\n[model\n");
  check_refused(folder, "profiles --data d.toml --plan p.toml --processes 1 --out o", {"p.toml: plan: line 2"});
  CHECK(!std::filesystem::exists(folder.path() / "o"));
}

TEST_CASE("an output that cannot be written, or is somebody's, is refused and nothing is left behind") {
  const TemporaryFolder folder;
  folder.write("d.toml", kDescription);
  folder.write("x.csv", kRows);
  folder.write("theirs/file", "precious");
  check_refused(folder, "synth --clients 2 --out theirs", {"theirs holds files"});
  check_refused(folder, "synth --clients 2 --out x.csv/s", {"x.csv"});
  check_refused(folder, "plan --data d.toml --demonstration --set aggregation.mode=open --out no/p.toml", {"no/p.toml"});
  CHECK(TemporaryFolder::read(folder.path() / "theirs" / "file") == "precious");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()) == 3);
}

TEST_CASE("the commands work together: a population, its plan, its profiles") {
  const TemporaryFolder folder;
  CHECK(sim(folder, "synth --clients 6 --months 2 --out s").code == 0);
  CHECK(sim(folder, "baselines --data s/synthetic.toml --format json").out.find("\"status\":\"ok\"") != std::string::npos);
  const Ended guarded = sim(folder, "plan --data s/synthetic.toml --out guarded.toml");
  CHECK(guarded.code == 0);
  CHECK(guarded.out.find("spends epsilon ") != std::string::npos);
  const Ended open = sim(folder, "plan --data s/synthetic.toml --demonstration --out open.toml");
  CHECK(open.code == 0);
  CHECK(open.out.find("demonstration plan") != std::string::npos);
  CHECK(sim(folder, "profiles --data s/synthetic.toml --plan open.toml --processes 2 --out p").code == 0);
  CHECK(std::filesystem::exists(folder.path() / "p" / "process-2" / "client-00006" / "transactions.csv"));
}

TEST_CASE("an attributes file that is missing, empty, or of other clients is refused") {
  const TemporaryFolder folder;
  folder.write("x.csv", kRows);
  folder.write("d.toml", kDescription + "[attributes]\nfile = \"who.txt\"\nclient = \"id\"\ncolumns = [\"age\"]\n");
  check_refused(folder, "baselines --data d.toml", {"who.txt: cannot be read"});
  folder.write("who.txt", "");
  check_refused(folder, "baselines --data d.toml", {"who.txt: the file is empty"});
  folder.write("who.txt", "id,age\n");
  check_refused(folder, "baselines --data d.toml", {"who.txt: no client below the header", "leave [attributes] out of d.toml"});
  folder.write("who.txt", "id,income\n1,30\n");
  check_refused(folder, "baselines --data d.toml", {"who.txt: there is no column \"age\""});
  folder.write("who.txt", "id,age\n1\n");
  check_refused(folder, "baselines --data d.toml", {"who.txt: line 2: 1 fields where at least 2 are expected"});
  folder.write("who.txt", "id,age\n7,30\n");
  check_refused(folder, "baselines --data d.toml", {"who.txt: none of the 1 clients is in column \"id\"", "attributes.client in d.toml"});
  folder.write("who.txt", "id,age\n1,30\n");
  CHECK(sim(folder, "baselines --data d.toml").code == 0);
}

TEST_CASE("synth with nothing to do, with data that it would not describe, or with rates out of range is refused") {
  const TemporaryFolder folder;
  folder.write("x.csv", kRows);
  folder.write("d.toml", kDescription);
  check_refused(folder, "synth --clients 3", {"nothing to do without --out or --describe"});
  check_refused(folder, "synth --clients 3 --out o --data d.toml", {"--data and --data-root have no effect without --describe"});
  check_refused(folder, "synth --clients 3 --describe --data d.toml --data d.toml --data d.toml --data-root . --data-root .", {"2 times --data-root for 3 times --data"});
  check_refused(folder, "synth --clients 3 --describe --data no.toml", {"no.toml"});
  folder.write("bad/d.toml", kDescription);
  folder.write("bad/x.csv", "c,t,a,k\n1,2017-01-32,1,x\n");
  check_refused(folder, "synth --clients 3 --describe --data d.toml --data bad/d.toml", {"bad/x.csv", "2017-01-32"});
  check_refused(folder, "synth --clients 3 --out o --unusual 1001", {"--unusual", "1001"});
  check_refused(folder, "synth --clients 0 --out o", {"--clients"});
  CHECK_FALSE(std::filesystem::exists(folder.path() / "o"));
}

TEST_CASE("synth describes its population beside every data set that is named, and writes it at the same time") {
  const TemporaryFolder folder;
  folder.write("x.csv", kRows);
  folder.write("d.toml", kDescription);
  const Ended ended = sim(folder, "synth --clients 3 --months 2 --describe --data d.toml --out o");
  CAPTURE(ended.err);
  CHECK(ended.code == 0);
  CHECK(ended.out.find("synthetic  d") != std::string::npos);
  CHECK(ended.out.find("rows with a label") != std::string::npos);
  for (const char* file : {"transactions.csv", "customers.csv", "events.csv", "synthetic.toml"}) CHECK(std::filesystem::exists(folder.path() / "o" / file));
  const Ended json = sim(folder, "synth --clients 3 --months 2 --describe --data d.toml --format json");
  CHECK(json.out.find("\"name\":\"synthetic\"") != std::string::npos);
  CHECK(json.out.find("\"name\":\"d\"") != std::string::npos);
}
