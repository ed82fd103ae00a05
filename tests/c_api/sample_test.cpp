// The sample program that a newcomer copies (client/samples/spending.c), against a real coordinator.

#include <doctest/doctest.h>

#include <string>

#include "tests/c_api/sample_customer.h"

namespace fedspend::test {
namespace {

TEST_CASE("the sample program enrols, ingests, contributes, tells the customer so, and stops when consent is withdrawn") {
  const SampleCustomer customer(program_path("sample_spending").string());
  const std::string base = customer.federation.path().string();
  customer.sample("ingest < " + base + "/rows");
  CHECK(customer.sample("run").starts_with("no-consent"));
  customer.sample("consent");

  const std::vector<Process> others = customer.start_federation();
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
  const std::string habit = customer.ingest_habit();
  customer.sample("personalise next_category");
  const std::string explained = customer.sample("insight next");
  INFO(explained);
  CHECK(explained.starts_with("Likely next: " + habit + " ("));
  CHECK(explained.find("\nWhy " + habit + ":\n  - ") != std::string::npos);
  customer.check_insights(habit);

  // The agent, on the same store.
  const std::string agent = program_path("fedspend-device").string(), store = " --profiles " + customer.folder.string() + "/device --population synthetic";
  customer.shell("mkdir " + base + "/agent && cp -r " + customer.folder.string() + "/cache " + base + "/agent/device");
  const auto explain = [&](const std::string& of) { return agent + " explain" + store + " --release-key " + customer.folder.string() + "/release.pub --cache " + base + "/agent " + of; };
  CHECK(customer.shell(explain("--kind category --transaction new-2")) == customer.sample("insight category new-2"));
  const std::string first = customer.shell(explain("--kind category --transaction shop-1"));
  CHECK(first == customer.sample("insight category shop-1"));
  CHECK(first != customer.sample("insight category"));
  CHECK(customer.shell(explain("")) == customer.sample("insight next"));
  customer.shell(agent + " correct" + store + " --transaction new-1 --category '" + habit + "'");
  CHECK(customer.sample("insight category new-2").starts_with("This is " + habit + " ("));
  CHECK(customer.shell(explain("--kind sometime") + " 2>&1 || true").find("next, category, forecast, unusual, offers") != std::string::npos);
  CHECK(customer.shell(explain("--kind forecast") + " 2>&1 || true").find("holds no model spend_forecast") != std::string::npos);

  customer.sample("withdraw");
  CHECK(customer.sample("run").starts_with("no-consent"));
  customer.sample("wipe");
  CHECK(customer.sample("run").starts_with("not-enrolled"));
}

}  // namespace
}  // namespace fedspend::test
