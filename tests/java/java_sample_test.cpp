// The Java sample (client/samples/Spending.java) and the Java face's callbacks (RoundTest.java), against a real coordinator.

#include <doctest/doctest.h>

#include <string>

#include "tests/c_api/sample_customer.h"

namespace fedspend::test {
namespace {

const std::string kJava = FEDSPEND_JAVA_COMMAND;

bool is_clean(const std::string& printed) { return printed.find("WARNING") == std::string::npos && printed.find("FATAL") == std::string::npos; }

TEST_CASE("the Java sample enrols, ingests, contributes, tells the customer so, and stops when consent is withdrawn; callbacks fail closed") {
  const SampleCustomer customer(kJava + " Spending");
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
  CHECK(is_clean(last));
  CHECK(customer.sample("history").find("next_category") != std::string::npos);
  CHECK(customer.sample("statement").find("in all: 1 contributions") != std::string::npos);

  customer.sample("consent personal_insights");
  const std::string habit = customer.ingest_habit();
  customer.sample("personalise next_category");
  const std::string explained = customer.sample("insight next");
  INFO(explained);
  CHECK(explained.starts_with("Likely next: " + habit + " ("));
  CHECK(explained.find("\nWhy " + habit + ":\n  - ") != std::string::npos);
  customer.check_insights(habit);

  // The same customer, with callbacks that throw, examples of the app's own, a listener and a close in the midst of a run.
  const std::string rounds = customer.shell(kJava + " org.fedspend.client.RoundTest " + customer.folder.string() + " " + base + "/rows");
  INFO(rounds);
  CHECK(is_clean(rounds));
  CHECK(rounds.find("all is well") != std::string::npos);

  const std::string insights = customer.shell(kJava + " org.fedspend.client.InsightTest " + customer.folder.string() + " " + customer.draft_categoriser() + " '" + habit + "' '" + customer.other_than(habit) + "'");
  INFO(insights);
  CHECK(is_clean(insights));
  CHECK(insights.find("all is well") != std::string::npos);

  customer.sample("withdraw");
  CHECK(customer.sample("run").starts_with("no-consent"));
  customer.sample("wipe");
  CHECK(customer.sample("run").starts_with("not-enrolled"));
}

}  // namespace
}  // namespace fedspend::test
