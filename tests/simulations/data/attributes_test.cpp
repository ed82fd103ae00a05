#include "simulations/data/attributes.h"

#include <doctest/doctest.h>

#include "simulations/population/population.h"
#include "tests/simulations/temporary_folder.h"

using namespace fedspend;
using namespace fedspend::simulations;
using fedspend::tests::TemporaryFolder;

namespace {

const std::string kDescription =
    "[files]\ntransactions = \"t.csv\"\n[columns]\nclient = \"c\"\ntime = \"t\"\namount = \"a\"\ncategory = \"k\"\nlabel = \"l\"\n"
    "[attributes]\nfile = \"who.csv\"\nclient = \"id\"\ncolumns = [\"region\", \"age\"]\n";

Result<ReadPopulation> read(const std::string& who, const std::string& description = kDescription) {
  const TemporaryFolder folder;
  folder.write("d.toml", description);
  folder.write("t.csv", "c,t,a,k,l\nb,2017-01-01,1,x,\na,2017-01-02,1,x,odd\nc,2017-01-03,1,x,odd\n");
  if (!who.empty()) folder.write("who.csv", who);
  FEDSPEND_ASSIGN(const DataDescription described, read_data_description(folder.path() / "d.toml", std::nullopt));
  return read_population(described);
}

}  // namespace

TEST_CASE("a population knows the attributes of its clients, in the order of the description, and none of a client that the file does not name") {
  const auto population = read("age,id,extra,region\n30,b,?,north\n40,a,?,south\n50,z,?,east\n99,a,?,a second row of a client does not count\n");
  REQUIRE_MESSAGE(population, population.error().message);
  const Population& p = population->population;
  CHECK(p.attributes() == std::vector<std::string>{"region", "age"});
  CHECK(p.clients_with_attributes() == 2);
  CHECK(p.attribute(0, 0) == "south");
  CHECK(p.attribute(0, 1) == "40");
  CHECK(p.attribute(1, 0) == "north");
  CHECK(p.attribute(1, 1) == "30");
  CHECK(p.attribute(2, 0).empty());
  CHECK(p.attribute(2, 1).empty());
}

TEST_CASE("a population without an attributes section has no attributes") {
  const auto population = read("", kDescription.substr(0, kDescription.find("[attributes]")));
  REQUIRE(population);
  CHECK(population->population.attributes().empty());
  CHECK(population->population.clients_with_attributes() == 0);
}

TEST_CASE("a row keeps its label, and a row without one has the empty label") {
  const auto population = read("id,region,age\na,north,30\n");
  REQUIRE(population);
  const Population& p = population->population;
  CHECK(p.labels() == std::vector<std::string>{"", "odd"});
  CHECK(p.labels()[p.history(0)[0].label] == "odd");
  CHECK(p.labels()[p.history(1)[0].label].empty());
}
