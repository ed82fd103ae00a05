#include "simulations/audit/canaries.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "common/numeric/norm.h"
#include "tests/common/aborts.h"

namespace fedspend::simulations {
namespace {

double product(const std::vector<float>& a, const std::vector<float>& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

}  // namespace

// 2,000 coins: six standard deviations of 22.4, false alarm below 1e-8.
TEST_CASE("about half of the canaries are included, by the seed alone") {
  const CanaryOptions options{.seed = 4, .count = 2000, .length = 8};
  const Canaries canaries(options), again(options), others({.seed = 5, .count = 2000, .length = 8});
  int included = 0, same = 0;
  for (std::size_t i = 0; i < canaries.size(); ++i) {
    REQUIRE(canaries.is_included(i) == again.is_included(i));
    included += canaries.is_included(i) ? 1 : 0;
    same += canaries.is_included(i) == others.is_included(i) ? 1 : 0;
  }
  CHECK(std::abs(included - 1000) <= 135);
  CHECK(std::abs(same - 1000) <= 135);
  CHECK(canaries.direction(3) == again.direction(3));
  CHECK(canaries.direction(3) != others.direction(3));
  CHECK(canaries.direction(3) != canaries.direction(4));
}

TEST_CASE("an update is the direction at the clip norm, or zero") {
  for (const CanaryKind kind : {CanaryKind::sphere, CanaryKind::dirac}) {
    const Canaries canaries({.seed = 1, .count = 20, .length = 300, .kind = kind});
    for (std::size_t i = 0; i < canaries.size(); ++i) {
      CHECK(norm_l2(canaries.direction(i)) == doctest::Approx(1).epsilon(1e-6));
      CHECK(norm_l2(canaries.update(i, 0, 2.5)) == doctest::Approx(canaries.is_included(i) ? 2.5 : 0).epsilon(1e-6));
      if (canaries.is_included(i)) CHECK(product(canaries.update(i, 0, 2.5), canaries.direction(i)) == doctest::Approx(2.5).epsilon(1e-6));
    }
  }
}

TEST_CASE("no two updates of an included canary are the same, and none is longer than the clip norm or noticeably shorter") {
  for (const CanaryKind kind : {CanaryKind::sphere, CanaryKind::dirac}) {
    const Canaries canaries({.seed = 1, .count = 20, .length = 300, .kind = kind});
    std::size_t canary = 0;
    while (!canaries.is_included(canary)) ++canary;
    std::set<std::vector<float>> updates;
    for (std::uint32_t time = 0; time < 500; ++time) {
      updates.insert(canaries.update(canary, time, 2.5));
      CHECK(norm_l2(canaries.update(canary, time, 2.5)) <= 2.5 * (1 + 1e-6));
      CHECK(norm_l2(canaries.update(canary, time, 2.5)) >= 2.5 * (1 - 5e-4));
    }
    CHECK(updates.size() == 500);
  }
}

// Products of random directions have standard deviation 1 / sqrt(length): six of them, false alarm of 190 pairs below 1e-6.
TEST_CASE("directions on the sphere are far apart, and Dirac canaries have a coordinate each") {
  const Canaries sphere({.seed = 2, .count = 20, .length = 2500});
  for (std::size_t i = 0; i < sphere.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(std::abs(product(sphere.direction(i), sphere.direction(j))) <= 6.0 / 50);
  const Canaries dirac({.seed = 2, .count = 50, .length = 50, .kind = CanaryKind::dirac});
  std::set<std::vector<float>> directions;
  for (std::size_t i = 0; i < dirac.size(); ++i) directions.insert(dirac.direction(i));
  CHECK(directions.size() == 50);
  CHECK(fedspend::tests::aborts([] { (void)Canaries({.count = 51, .length = 50, .kind = CanaryKind::dirac}); }));
}

TEST_CASE("canaries come after the clients, and are eligible without a history") {
  const std::vector<FederatedClient> clients(3, FederatedClient{.label = "somebody", .rows = std::vector<models::HistoryRow>(7)});
  const ClientsWithCanaries source(clients, 2);
  REQUIRE(source.size() == 5);
  CHECK(source.known_rows(2) == 7);
  CHECK_FALSE(source.known_rows(3).has_value());
  std::vector<models::HistoryRow> scratch(1);
  CHECK(source.history(2, scratch).size() == 7);
  CHECK(source.history(4, scratch).empty());
  CHECK(source.label(2) == "somebody");
  CHECK(source.label(3) == "canary of the audit 1");
  CHECK(source.label(4) != source.label(3));
  CHECK(source.device_class(4).empty());
  CHECK(source.digest() != ClientsWithCanaries(clients, 3).digest());
}

}  // namespace fedspend::simulations
