// fedspend-sim secagg-params and secagg as commands: the figures of SECAGG.md, a whole round with losses, and what is refused.
#include <cmath>
#include <cstdint>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/simulations/sim_program.h"

using namespace fedspend::tests;

namespace {

nlohmann::json data_of(const std::string& arguments) {
  CAPTURE(arguments);
  const TemporaryFolder folder;
  const Ended ended = sim(folder, arguments + " --format json");
  CAPTURE(ended.err);
  REQUIRE(ended.code == 0);
  const auto envelope = nlohmann::json::parse(ended.out, nullptr, false);
  REQUIRE(envelope.is_object());
  CHECK(envelope["status"] == "ok");
  return envelope["data"];
}

}  // namespace

TEST_CASE("secagg-params stays within every row of SECAGG.md's table") {
  struct Row {
    const char* corrupt;
    const char* dropout;
    const char* threat;
    std::uint32_t graph[3][2];  // degree and threshold at most, for 100, 1,000 and 10,000 clients
  };
  constexpr Row kTable[] = {
      {"0.05", "0.05", "curious", {{12, 6}, {30, 17}, {34, 20}}},          {"0.05", "0.05", "semi-malicious", {{16, 11}, {52, 37}, {62, 44}}},
      {"0.05", "0.33", "curious", {{28, 6}, {72, 24}, {86, 29}}},          {"0.05", "0.33", "semi-malicious", {{72, 39}, {398, 223}, {746, 420}}},
      {"0.1", "0.1", "semi-malicious", {{32, 22}, {96, 67}, {122, 85}}},   {"0.1", "0.2", "semi-malicious", {{52, 32}, {194, 124}, {280, 179}}},
  };
  constexpr std::uint32_t kClients[] = {100, 1'000, 10'000};
  for (const Row& row : kTable) {
    for (std::size_t i = 0; i < 3; ++i) {
      const auto data = data_of("secagg-params --clients " + std::to_string(kClients[i]) + " --corrupt " + row.corrupt + " --dropout " + row.dropout + " --threat " + row.threat);
      CAPTURE(data.dump());
      const auto degree = data["degree"].get<std::uint32_t>(), threshold = data["threshold"].get<std::uint32_t>();
      CHECK(degree <= row.graph[i][0]);
      CHECK(threshold <= row.graph[i][1]);
      CHECK(degree % 2 == 0);
      CHECK(threshold >= 2);
      CHECK(data["threat"] == row.threat);
      // null: it cannot happen at all.
      CHECK((data["security_log2"].is_null() || data["security_log2"] <= -40.0));
      CHECK((data["failure_log2"].is_null() || data["failure_log2"] <= -20.0));
      CHECK((data["connectivity_log2"].is_null() || data["connectivity_log2"] <= -40.0));
      CHECK(2 * data["quorum"].get<std::uint32_t>() > kClients[i] + data["corrupt"].get<std::uint32_t>());
    }
  }
}

TEST_CASE("secagg-params takes the defaults that its help names, and asks more of more security") {
  const auto plain = data_of("secagg-params --clients 1000");
  CHECK(plain == data_of("secagg-params --clients 1000 --corrupt 0.1 --dropout 0.1 --threat semi-malicious --security-bits 40"));
  const auto more = data_of("secagg-params --clients 1000 --security-bits 80");
  CHECK(more["degree"] > plain["degree"]);
  CHECK(more["degree"] <= 120);
  CHECK(more["threshold"] <= 87);
  CHECK(more["security_log2"] <= -80.0);
}

TEST_CASE("secagg-params refuses what no graph can give, and wrong arguments, in one line") {
  const TemporaryFolder folder;
  check_refused(folder, "secagg-params --clients 1000 --corrupt 0.4 --dropout 0.4", {"1000 clients, 40% corrupt, 40% lost", "no graph holds", "tolerate less"});
  check_refused(folder, "secagg-params --clients 10 --corrupt 0.4 --dropout 0.4", {"10 clients", "no graph holds"});
  check_refused(folder, "secagg-params", {"--clients N is missing"});
  check_refused(folder, "secagg-params --clients 2", {"--clients '2'", "from 3 to 100000"});
  check_refused(folder, "secagg-params --clients 100001", {"--clients '100001'"});
  check_refused(folder, "secagg-params --clients many", {"--clients 'many'"});
  check_refused(folder, "secagg-params --clients 100 --corrupt nan", {"--corrupt 'nan'"});
  check_refused(folder, "secagg-params --clients 100 --corrupt -0.1", {"--corrupt"});
  check_refused(folder, "secagg-params --clients 100 --dropout 1", {"--dropout '1'"});
  check_refused(folder, "secagg-params --clients 100 --dropout 0.1234567", {"--dropout has more than six decimals"});
  check_refused(folder, "secagg-params --clients 100 --threat lazy", {"--threat 'lazy' is neither semi-malicious nor curious"});
  check_refused(folder, "secagg-params --clients 100 --security-bits 129", {"--security-bits '129'"});
  check_refused(folder, "secagg-params --clients 100 --bits 8", {"--bits"});
}

TEST_CASE("secagg runs a round with losses and says what it cost") {
  const auto data = data_of("secagg --clients 20 --dimension 300 --dropout 0.1 --bits 12 --threads 2");
  CAPTURE(data.dump());
  for (const char* cost : {"client_ms", "server_ms", "quorum_check_ms", "bytes_up_per_client", "bytes_down_per_client", "expansion", "mask_floor_ms", "client_mask_floor_ms", "server_unmasking_ms", "peak_memory_bytes"}) {
    CAPTURE(cost);
    REQUIRE(data[cost].is_number());
    CHECK(data[cost] > 0);
  }
  CHECK(data["sum_is_right"] == true);
  CHECK(data["dropped"] == 2);
  CHECK(data["survivors"] == 18);
  CHECK(data["ring_bits"] == 17);  // 12 and ceil(log2 20)
  CHECK(data["degree"] == 19);     // all others, below about 65 clients
  CHECK(data["threshold"].get<int>() >= 11);
  CHECK(data["masks"] == 18 + 2 * 18);  // the survivors' own, and those of each of the two lost with every survivor
  const double up = data["bytes_up_per_client"].get<double>();
  CHECK(up >= 300 * 17 / 8.0);
  CHECK(std::abs(data["expansion"].get<double>() - up / (300 * 12 / 8.0)) < 1e-9);
  CHECK(data["server_ms"] >= data["server_unmasking_ms"]);
}

TEST_CASE("secagg gives the same round for one seed on any number of threads, and its parameters are those of secagg-params") {
  const auto one = data_of("secagg --clients 90 --dimension 40 --dropout 0.05 --threads 1"), three = data_of("secagg --clients 90 --dimension 40 --dropout 0.05 --threads 3");
  for (const char* fact : {"degree", "threshold", "quorum", "dropped", "survivors", "masks", "bytes_up_per_client", "ring_bits"}) {
    CAPTURE(fact);
    CHECK(one[fact] == three[fact]);
  }
  const auto parameters = data_of("secagg-params --clients 90 --dropout 0.05");
  for (const char* fact : {"degree", "threshold", "quorum"}) {
    CAPTURE(fact);
    CHECK(one[fact] == parameters[fact]);
  }
  CHECK(one["degree"] < 89);  // a sparse graph
}

TEST_CASE("secagg takes the smallest round and the widest ring") {
  CHECK(data_of("secagg --clients 3 --dimension 1 --bits 30")["ring_bits"] == 32);
  CHECK(data_of("secagg --clients 3 --dimension 1 --bits 1")["survivors"] == 3);
}

TEST_CASE("secagg refuses wrong arguments and rounds that cannot end, in one line") {
  const TemporaryFolder folder;
  check_refused(folder, "secagg --clients 20", {"--dimension D is missing"});
  check_refused(folder, "secagg --dimension 20", {"--clients N is missing"});
  check_refused(folder, "secagg --clients 20 --dimension 0", {"--dimension '0'"});
  check_refused(folder, "secagg --clients 20 --dimension 16777217", {"--dimension '16777217'"});
  check_refused(folder, "secagg --clients 2 --dimension 5", {"--clients '2'"});
  check_refused(folder, "secagg --clients 20 --dimension 5 --bits 0", {"--bits '0'"});
  check_refused(folder, "secagg --clients 20 --dimension 5 --bits 28", {"28 bits for each of 20 clients need more than the ring's 32", "fewer bits"});
  check_refused(folder, "secagg --clients 20 --dimension 5 --dropout 0.5", {"20 clients, 10% corrupt, 50% lost", "no graph holds"});
  check_refused(folder, "secagg --clients 20 --dimension 5 --dropout 0.2 --tolerated-dropout 0.1", {"--tolerated-dropout is below --dropout"});
  check_refused(folder, "secagg --clients 20 --dimension 5 --threads 0", {"--threads '0'"});
  check_refused(folder, "secagg --clients 20 --dimension 5 --seed -1", {"--seed"});
  check_refused(folder, "secagg --clients 20 --dimension 5 --threat lazy", {"--threat 'lazy'"});
  check_refused(folder, "secagg --clients 20 --dimension 5 --nonsense 1", {"--nonsense"});
}
