#include "common/secagg/graph.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "tests/common/aborts.h"
#include "tests/vectors/vector_file.h"

namespace fedspend {
namespace {

Hash256 filled(std::uint8_t value) {
  Hash256 hash;
  hash.fill(value);
  return hash;
}

MaskingGraph graph_of(std::uint32_t clients, std::uint32_t degree, std::uint8_t root = 1, std::uint8_t beacon = 2) {
  return MaskingGraph::draw(clients, degree, filled(root), filled(beacon));
}

TEST_CASE("the graph is the one that an independent computation draws") {
  const auto records = tests::read_vectors("graph.txt");
  CHECK(records.size() == 6);
  for (const auto& record : records) {
    CAPTURE(record.text("clients"));
    const auto graph = MaskingGraph::draw(static_cast<std::uint32_t>(std::stoul(record.text("clients"))), static_cast<std::uint32_t>(std::stoul(record.text("degree"))),
                                          record.array<32>("root"), record.array<32>("beacon"));
    const auto lines = record.all("neighbours");
    CHECK(lines.size() >= 2);
    for (const std::string& line : lines) {
      std::istringstream words(line);
      std::uint32_t position = 0;
      words >> position;
      std::vector<Neighbour> expected;
      for (std::string word; words >> word;)
        expected.push_back({static_cast<std::uint32_t>(std::stoul(word)), static_cast<std::uint32_t>(std::stoul(word.substr(word.find('@') + 1)))});
      CHECK(graph.neighbours(position) == expected);
    }
  }
}

TEST_CASE("the graph is regular and symmetric, nobody neighbours itself, and coordinates are 1 to k around every dealer") {
  CHECK(rc::check([](std::uint8_t root, std::uint8_t beacon) {
    const auto clients = *rc::gen::inRange<std::uint32_t>(2, 60);
    const auto half = *rc::gen::inRange<std::uint32_t>(0, (clients - 1) / 2 + 1);
    const MaskingGraph graph = graph_of(clients, half == 0 ? clients - 1 : 2 * half, root, beacon);
    for (std::uint32_t dealer = 0; dealer < clients; ++dealer) {
      const auto neighbours = graph.neighbours(dealer);
      RC_ASSERT(neighbours.size() == graph.degree());
      std::set<std::uint32_t> seen;
      for (std::size_t i = 0; i < neighbours.size(); ++i) {
        RC_ASSERT(neighbours[i].coordinate == i + 1);
        RC_ASSERT(neighbours[i].position != dealer);
        RC_ASSERT(seen.insert(neighbours[i].position).second);
        RC_ASSERT(graph.coordinate(dealer, neighbours[i].position) == neighbours[i].coordinate);
        RC_ASSERT(graph.coordinate(neighbours[i].position, dealer).has_value());
      }
      for (std::uint32_t other = 0; other < clients; ++other) RC_ASSERT(graph.coordinate(dealer, other).has_value() == seen.contains(other));
    }
  }));
}

TEST_CASE("a neighbour ahead by s is at coordinate s, and sees the dealer at k/2 + s") {
  const MaskingGraph graph = graph_of(20, 6);
  for (std::uint32_t dealer = 0; dealer < 20; ++dealer) {
    for (const Neighbour& neighbour : graph.neighbours(dealer)) {
      const std::uint32_t expected = neighbour.coordinate <= 3 ? neighbour.coordinate + 3 : neighbour.coordinate - 3;
      CHECK(graph.coordinate(neighbour.position, dealer) == expected);
    }
  }
}

TEST_CASE("on the complete graph the coordinate is the distance, and the two sides add up to n") {
  for (const std::uint32_t clients : {2U, 3U, 5U, 10U, 64U}) {
    const MaskingGraph graph = graph_of(clients, clients - 1);
    for (std::uint32_t a = 0; a < clients; ++a)
      for (std::uint32_t b = 0; b < clients; ++b)
        if (a != b) CHECK(*graph.coordinate(a, b) + *graph.coordinate(b, a) == clients);
  }
}

TEST_CASE("the same root and beacon give the same graph, and either of them another") {
  const auto all = [](const MaskingGraph& graph) {
    std::vector<std::vector<Neighbour>> rows;
    for (std::uint32_t i = 0; i < graph.clients(); ++i) rows.push_back(graph.neighbours(i));
    return rows;
  };
  const auto base = all(graph_of(50, 8, 1, 2));
  CHECK(base == all(graph_of(50, 8, 1, 2)));
  CHECK(base != all(graph_of(50, 8, 3, 2)));
  CHECK(base != all(graph_of(50, 8, 1, 3)));
  CHECK(base != all(graph_of(50, 8, 2, 1)));
}

// 3,000 beacons, 6 clients, ring of degree 2: each pair is neighbours with chance 2/5, 1,200 times expected, standard deviation
// 27. A deviation of 150 is 5.5 of them: a wrong alarm over 15 pairs has probability under 1e-6, and the beacons are fixed.
TEST_CASE("every pair is as likely to be neighbours as any other") {
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> counts;
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    const auto graph = MaskingGraph::draw(6, 2, filled(1), Hasher("test").u64(i).finish());
    for (std::uint32_t a = 0; a < 6; ++a)
      for (std::uint32_t b = a + 1; b < 6; ++b) counts[{a, b}] += graph.coordinate(a, b).has_value() ? 1 : 0;
  }
  CHECK(counts.size() == 15);
  for (const auto& [pair, count] : counts) CHECK(std::abs(count - 1'200) < 150);
}

TEST_CASE("the default beacon is H of the root") {
  CHECK(default_beacon(filled(7)) == Hasher("beacon").field(filled(7)).finish());
}

TEST_CASE("a degree that is odd, 0 or too large is a programmer's mistake") {
  for (const std::uint32_t degree : {0U, 3U, 10U, 11U}) CHECK(tests::aborts([&] { graph_of(10, degree); }));
  CHECK(tests::aborts([] { graph_of(1, 0); }));
  CHECK(tests::aborts([] { (void)graph_of(10, 4).neighbours(10); }));
}

}  // namespace
}  // namespace fedspend
