#include "tests/c_api/sample_customer.h"

#include <doctest/doctest.h>

#include <fstream>
#include <utility>

namespace fedspend::test {
namespace fs = std::filesystem;

std::string SampleCustomer::shell(const std::string& command) const {
  const Outcome outcome = run_to_end({"/bin/sh", "-c", command});
  INFO(command);
  INFO(outcome.out);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  return outcome.out;
}

SampleCustomer::SampleCustomer(std::string program_given) : program(std::move(program_given)) {
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
  const fs::path profile = fs::directory_iterator(federation / "profiles/process-3")->path() / "transactions.csv";
  shell("awk -F, 'NR>1 {t=$1; gsub(/\"/,\"\",t); printf \"%d,%s,%d,%s\\n\", NR, t, 100+NR, $4}' " + profile.string() + " > " + base + "/rows.raw");
  shell("while IFS=, read -r id t a c; do echo \"$id,$(date -u -d \"$t\" +%s),$a,$c\"; done < " + base + "/rows.raw > " + base + "/rows");
}

std::string SampleCustomer::ingest_habit() const {
  const std::string base = federation.path().string();
  std::string category = shell("tail -n 1 " + base + "/rows | cut -d, -f4");
  category.erase(category.find_last_not_of("\r\n") + 1);
  REQUIRE_FALSE(category.empty());
  shell("now=$(date +%s); for i in $(seq 300); do echo \"habit-$i,$((now - (301 - i) * 3600)),1000," + category + "\"; done > " + base + "/habit");
  sample("ingest < " + base + "/habit");
  return category;
}

std::vector<Process> SampleCustomer::start_federation() const {
  std::vector<Process> processes;
  processes.push_back(federation.start("state", federation.coordinator("state")));
  const std::string endpoint = federation.endpoint_of("state");
  REQUIRE_FALSE(endpoint.empty());
  std::ofstream(folder / "coordinator.address") << endpoint << "\n";
  for (const std::string name : {"process-1", "process-2", "process-3"}) processes.push_back(federation.start(name, federation.device(name, endpoint)));
  return processes;
}

}  // namespace fedspend::test
