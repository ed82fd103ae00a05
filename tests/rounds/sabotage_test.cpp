// The harness itself: a world that is broken on purpose must be found out, or its silence elsewhere would mean nothing.

#include <string>

#include <doctest/doctest.h>

#include "tests/rounds/world.h"

namespace fedspend::testing {
namespace {

// The violation that is found in the first of some worlds, or nothing.
std::string found(Sabotage sabotage, const std::string& server_optimizer = "fedavg") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    WorldOptions options;
    options.seed = seed;
    options.sabotage = sabotage;
    options.server_optimizer = server_optimizer;
    const WorldOutcome outcome = run_world(options);
    if (!outcome.violations.empty()) return outcome.violations.front();
  }
  return "";
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("a coordinator that adds an update twice is found out") { CHECK(holds(found(Sabotage::adds_twice), "is not what the optimizer makes")); }
TEST_CASE("a coordinator that names a contributor twice is found out") { CHECK(holds(found(Sabotage::names_twice), "each once")); }
TEST_CASE("a coordinator that forgets its stored model over a restart is found out") { CHECK(holds(found(Sabotage::forgets_model), "last stored model")); }
TEST_CASE("a coordinator that forgets its optimizer's state over a restart is found out by its weights") {
  for (const std::string optimizer : {"fedavgm", "fedadam", "fedyogi", "fedadagrad"}) CHECK(holds(found(Sabotage::forgets_state, optimizer), "is not what the optimizer makes"));
}
TEST_CASE("a coordinator that is never woken is found out as a hang") { CHECK(holds(found(Sabotage::loses_alarms), "goes on after its deadline")); }
TEST_CASE("a corrupted message that has an effect is found out") { CHECK(holds(found(Sabotage::takes_corrupt), "corrupted message")); }
TEST_CASE("a model that is given out before it is stored is found out") { CHECK(holds(found(Sabotage::gives_out_early), "is stored")); }
TEST_CASE("the same worlds without sabotage are in order") { CHECK(found(Sabotage::none) == ""); }
TEST_CASE("the same worlds without sabotage are in order with an optimizer that has state") { CHECK(found(Sabotage::none, "fedadam") == ""); }

}  // namespace
}  // namespace fedspend::testing
