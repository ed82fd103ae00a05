// The harness itself: a world that is broken on purpose must be found out, or its silence elsewhere would mean nothing.

#include <string>

#include <doctest/doctest.h>

#include "tests/rounds/world.h"

namespace fedspend::testing {
namespace {

// The violation that is found in the first of some worlds, or nothing.
std::string found(Sabotage sabotage, const std::string& server_optimizer = "fedavg", bool secure = false) {
  for (std::uint64_t seed = 1; seed <= (secure ? 3 : 10); ++seed) {
    WorldOptions options;
    options.secure = secure;
    if (secure) options.drop_permille = options.corrupt_permille = options.long_delay_permille = 20;
    options.seed = seed;
    options.sabotage = sabotage;
    options.server_optimizer = server_optimizer;
    const WorldOutcome outcome = run_world(options);
    if (!outcome.violations.empty()) return outcome.violations.front();
  }
  return "";
}

std::string found_in_secret(Sabotage sabotage) { return found(sabotage, "fedavg", true); }

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
TEST_CASE("a secure sum with a mask left in it is found out") { CHECK(holds(found_in_secret(Sabotage::leaves_a_mask), "is not what the optimizer makes")); }
TEST_CASE("a secure sum without one of its contributors is found out") { CHECK(holds(found_in_secret(Sabotage::leaves_out_input), "is not what the optimizer makes")); }
TEST_CASE("a secure sum that counts a contributor twice is found out") { CHECK(holds(found_in_secret(Sabotage::adds_twice), "is not what the optimizer makes")); }
TEST_CASE("a contributor of a secure sum who is named twice is found out") { CHECK(holds(found_in_secret(Sabotage::names_twice), "each once")); }
TEST_CASE("an input that leaves its device without masks is found out") { CHECK(holds(found_in_secret(Sabotage::sends_plain), "without its masks")); }
TEST_CASE("a share that is dropped silently is found out") { CHECK(holds(found_in_secret(Sabotage::drops_a_share), "every share")); }
TEST_CASE("a device that forgets what it was charged is found out") { CHECK(holds(found_in_secret(Sabotage::forgets_charges), "is charged for")); }
TEST_CASE("a coordinator of secure rounds that is never woken is found out as a hang") { CHECK(holds(found_in_secret(Sabotage::loses_alarms), "after its deadline")); }
TEST_CASE("a corrupted message that has an effect on a secure round is found out") { CHECK(holds(found_in_secret(Sabotage::takes_corrupt), "corrupted message")); }
TEST_CASE("the same secure worlds without sabotage are in order") { CHECK(found_in_secret(Sabotage::none) == ""); }
TEST_CASE("the same worlds without sabotage are in order") { CHECK(found(Sabotage::none) == ""); }
TEST_CASE("the same worlds without sabotage are in order with an optimizer that has state") { CHECK(found(Sabotage::none, "fedadam") == ""); }

}  // namespace
}  // namespace fedspend::testing
