// The Java sample behind a gateway: HttpsTransport, with its pinned certificate, in a real round.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/c_api/sample_customer.h"
#include "tests/gateway/gateway_bench.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

TEST_CASE("the Java sample contributes through the gateway by TLS of its own; with another certificate pinned it sends nothing") {
  const SampleCustomer customer(std::string(FEDSPEND_JAVA_COMMAND) + " Spending", {"federation.cohort=13", "federation.over_selection=1.0", "federation.min_cohort=8", "federation.selection_window_ms=1500"});  // waits for whom comes by a longer way
  GatewayFederation gateway(customer.federation);
  gateway.start_coordinator();
  gateway.start_gateway();
  std::vector<Process> others;
  for (const std::string name : {"process-1", "process-2", "process-3"}) others.push_back(customer.federation.start(name, customer.federation.device(name, gateway.endpoint)));
  fs::remove(customer.folder / "coordinator.address");
  fs::remove(customer.folder / "coordinator.pub");
  std::ofstream(customer.folder / "gateway.address") << "https://localhost:" << gateway.port << "\n";
  require_done({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost", "-keyout", gateway.in("other.key"), "-out", (customer.folder / "gateway.pem").string()});
  customer.sample("ingest < " + customer.federation.path().string() + "/rows");
  customer.sample("consent");

  const std::string refused = customer.sample("run");
  INFO(refused);
  CHECK(refused.starts_with("unreachable"));
  CHECK(refused.find("unauthorized") != std::string::npos);
  CHECK(customer.sample("statement").find("1 contributions") == std::string::npos);

  fs::copy_file(gateway.in("server.pem"), customer.folder / "gateway.pem", fs::copy_options::overwrite_existing);
  std::string last;
  const bool contributed = eventually(Millis(90'000), [&] { return (last = customer.sample("run")).starts_with("contributed"); });
  INFO(last);
  INFO(customer.federation.text_of("gateway.err"));
  REQUIRE(contributed);
  CHECK(last.find("WARNING") == std::string::npos);
  CHECK(customer.sample("statement").find("in all: 1 contributions") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::test
