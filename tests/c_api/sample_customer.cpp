#include "tests/c_api/sample_customer.h"

#include <doctest/doctest.h>

#include <fstream>
#include <utility>

#include <nlohmann/json.hpp>

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

namespace {

SmallFederationOptions options_with(const std::vector<std::string>& settings) {
  SmallFederationOptions options{.clients = 12, .processes = 3, .settings = {"federation.rounds=400", "federation.retry_after_ms=300"}};
  options.settings.insert(options.settings.end(), settings.begin(), settings.end());
  return options;
}

}  // namespace

SampleCustomer::SampleCustomer(std::string program_given, const std::vector<std::string>& settings) : federation(options_with(settings)), program(std::move(program_given)) {
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

std::string SampleCustomer::draft(const std::string& model_name) const {
  const std::string sim = program_path("fedspend-sim").string(), plan = federation.path().string() + "/" + model_name + ".toml", model = federation.path().string() + "/" + model_name + ".fsm";
  std::vector<std::string> draft = {sim, "plan", "--demonstration", "--seed", "1", "--model", model_name, "--out", plan};
  for (const std::string& option : federation.data_options()) draft.push_back(option);
  require_done(draft);
  require_done({program_path("fedspend-admin").string(), "sign-plan", "--plan", plan, "--release-key", (federation / "keys/release.key").string()});
  require_done({sim, "init", "--plan", plan, "--out", model});
  return plan + " " + model;
}

std::string SampleCustomer::other_than(const std::string& category) const {
  std::string other = shell("cut -d, -f4 " + federation.path().string() + "/rows | tr -d '\\r' | grep -vxF '" + category + "' | head -n 1");
  other.erase(other.find_last_not_of('\n') + 1);
  REQUIRE_FALSE(other.empty());
  return other;
}

void SampleCustomer::check_insights(const std::string& category) const {
  const std::string base = federation.path().string();
  const std::string other = other_than(category);
  sample("install " + draft("categoriser"));
  // Nothing is said of one that has a category.
  CHECK(shell("now=$(date +%s); for i in $(seq 40); do echo \"shop-$i,$((now - (50 - i) * 3600)),900," + category + ",CORNER SHOP 7\"; done > " + base + "/shop; " + program + " " + folder.string() +
              " ingest < " + base + "/shop").empty());
  const auto buy = [&](const std::string& id) { return shell("echo \"" + id + ",$(date +%s),950,,CORNER SHOP 7\" | " + program + " " + folder.string() + " ingest"); };
  const std::string said = buy("new-1");
  INFO(said);
  REQUIRE(said.starts_with("category new-1 {"));
  const auto json = nlohmann::json::parse(said.substr(said.find('{')));
  CHECK(json["transaction_id"] == "new-1");
  CHECK(json["hand_over"] == "none");
  CHECK(json["next"][0]["name"] == category);
  const std::string words = sample("insight category new-1");
  INFO(words);
  CHECK(words.find(category) != std::string::npos);
  CHECK(sample("insight category") == words);  // it is the newest
  sample("correct new-1 '" + other + "'");
  const std::string again = buy("new-2");
  INFO(again);
  REQUIRE(again.starts_with("category new-2 {"));
  CHECK(nlohmann::json::parse(again.substr(again.find('{')))["next"][0]["name"] == other);
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
