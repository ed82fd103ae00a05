// The sample program that a newcomer copies (client/samples/spending.c), against a real coordinator.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

// A customer with the sample program, enrolled in the federation.
struct Customer {
  SmallFederation federation{{.clients = 12, .processes = 3, .settings = {"federation.rounds=40", "federation.retry_after_ms=300"}}};
  fs::path folder = federation / "sample";

  std::string shell(const std::string& command) const {
    const Outcome outcome = run_to_end({"/bin/sh", "-c", command});
    INFO(command);
    INFO(outcome.out);
    INFO(outcome.err);
    REQUIRE(outcome.code == 0);
    return outcome.out;
  }
  std::string sample(const std::string& arguments) const { return shell(program_path("sample_spending").string() + " " + folder.string() + " " + arguments); }

  Customer() {
    fs::create_directories(folder);
    fs::copy(federation / "keys/release.key.pub", folder / "release.pub");
    fs::copy(federation / "keys/coordinator.key.pub", folder / "coordinator.pub");
    fs::copy(federation / "authority/authority.key.pub", folder / "authority.pub");
    fs::copy(federation / "policy.toml", folder / "policy.toml");
    std::ofstream(folder / "coordinator.address") << "tcp://127.0.0.1:1\n";
    const std::string base = federation.path().string();
    const std::string admin = program_path("fedspend-admin").string();
    shell(admin + " token --authority " + base + "/authority --population synthetic --count 1 --out " + base + "/sample.tokens");
    sample("request $(cat " + base + "/sample.tokens) > " + base + "/sample.list");
    shell(admin + " enrol --authority " + base + "/authority --devices " + base + "/devices.list " + base + "/sample.list");
    sample("certificate < " + base + "/sample.list.certificates");
    // The rows of one of the invented customers, as an app would have them.
    const fs::path profile = fs::directory_iterator(federation / "profiles/process-3")->path() / "transactions.csv";
    shell("awk -F, 'NR>1 {t=$1; gsub(/\"/,\"\",t); printf \"%d,%s,%d,%s\\n\", NR, t, 100+NR, $4}' " + profile.string() + " > " + base + "/rows.raw");
    shell("while IFS=, read -r id t a c; do echo \"$id,$(date -u -d \"$t\" +%s),$a,$c\"; done < " + base + "/rows.raw > " + base + "/rows");
  }
};

TEST_CASE("the sample program enrols, ingests, contributes, tells the customer so, and stops when consent is withdrawn") {
  const Customer customer;
  const std::string base = customer.federation.path().string();
  customer.sample("ingest < " + base + "/rows");
  CHECK(customer.sample("run").starts_with("no-consent"));
  customer.sample("consent");

  Process coordinator = customer.federation.start("state", customer.federation.coordinator("state"));
  const std::string endpoint = customer.federation.endpoint_of("state");
  REQUIRE_FALSE(endpoint.empty());
  std::ofstream(customer.folder / "coordinator.address") << endpoint << "\n";
  std::vector<Process> devices;
  for (const std::string name : {"process-1", "process-2", "process-3"}) devices.push_back(customer.federation.start(name, customer.federation.device(name, endpoint)));
  std::string last;
  const bool contributed = eventually(Millis(90'000), [&] { return (last = customer.sample("run")).starts_with("contributed"); });
  INFO(last);
  INFO(customer.federation.text_of("state.err"));
  REQUIRE(contributed);
  const std::string history = customer.sample("history");
  INFO(history);
  CHECK(history.find("next_category") != std::string::npos);
  CHECK(customer.sample("statement").find("in all: 1 contributions") != std::string::npos);

  customer.sample("consent personal_insights");
  customer.sample("personalise");
  const std::string explained = customer.sample("explain");
  INFO(explained);
  CHECK((explained.starts_with("Likely next: ") || explained.starts_with("Not sure what comes next.")));

  customer.sample("withdraw");
  CHECK(customer.sample("run").starts_with("no-consent"));
  customer.sample("wipe");
  CHECK(customer.sample("run").starts_with("not-enrolled"));
}

}  // namespace
}  // namespace fedspend::test
