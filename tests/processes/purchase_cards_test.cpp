// The quickstart on the purchase cards: real transactions, real processes, and the simulator's model to the bit.

#include <cstdio>

#include <doctest/doctest.h>

#include "tests/paths.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

TEST_CASE("the quickstart on the purchase cards gives the simulator's model, to the bit") {
  const std::filesystem::path data = tests::source_dir() + "/../shared/data";
  if (!std::filesystem::is_directory(data / "purchase-cards")) {
    std::puts("skipped: the quickstart on the purchase cards: data absent");
    return;
  }
  const TemporaryFolder folder;
  const std::string out = folder / "cards";
  const Outcome outcome = run_to_end({"bash", tests::source_dir() + "/simulations/quickstart.sh", "--bin", tests::bin_dir(), "--data", tests::source_dir() + "/simulations/data/purchase-cards.toml",
                                      "--data-root", data, "--rounds", "2", "--out", out, "--check"},
                                     Millis(280'000));
  INFO(outcome.out << outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.out.find("the same model, to the bit") != std::string::npos);
  CHECK(content_of(out + "/table.txt").find("2 rounds, 0 aborted") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::test
