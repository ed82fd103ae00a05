// Nothing of a device's transactions, of its own update or of its keys leaves it in a round of secure aggregation, and nothing of them is in
// what the coordinator writes. The same detector finds the update where the plan's sum is open.

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "common/ids.h"
#include "tests/leaks/leak_world.h"

namespace fedspend::testing {
namespace {

std::string joined(const std::set<std::string>& found) {
  std::string text;
  for (const std::string& what : found) text += what + "; ";
  return text;
}

std::set<std::string> found_in(const LeakOutcome& outcome, const std::vector<Bytes>& all) {
  std::set<std::string> found;
  for (const Bytes& bytes : all) found.merge(outcome.detector.found_in(bytes));
  return found;
}

TEST_CASE("a whole secure round: no transaction, no unmasked update and no key leaves a device or is written down by the coordinator") {
  const LeakOutcome outcome = run_leak_world({});
  REQUIRE(outcome.published);
  REQUIRE(outcome.detector.size() > 100'000);  // windows of eight updates
  REQUIRE(outcome.frames.size() >= 8 * 6);     // check-in and five messages
  CHECK(joined(found_in(outcome, outcome.frames)) == "");
  CHECK(joined(found_in(outcome, outcome.frames_down)) == "");
  std::set<std::string> names;
  for (const auto& [name, bytes] : outcome.files) {
    names.insert(name);
    CAPTURE(name);
    CHECK(joined(outcome.detector.found_in(bytes)) == "");
  }
  for (const std::string name : {"while it ran: coordinator.sqlite", "while it ran: coordinator.sqlite-wal", "afterwards: coordinator.sqlite", "afterwards: model.fsm",
                                 "afterwards: cohorts.jsonl", "afterwards: log"})
    CHECK(names.contains(name));
}

TEST_CASE("without masking the same detector finds every update among what left") {
  const LeakOutcome outcome = run_leak_world({.secure = false});
  REQUIRE(outcome.published);
  CHECK(found_in(outcome, outcome.frames).contains("an update, packed"));
  // And nothing else: an open sum, too, keeps transactions and keys at home.
  CHECK(joined(found_in(outcome, outcome.frames)) == "an update, packed; ");
  for (const auto& [name, bytes] : outcome.files) CHECK(joined(outcome.detector.found_in(bytes)) == "");
}

TEST_CASE("a device that gives a canary away is found out, in its frames") {
  const LeakOutcome outcome = run_leak_world({.software = "CANARY MERCHANT 7310000 ACCT DK5000400440116243"});
  const std::set<std::string> found = found_in(outcome, outcome.frames);
  for (const std::string what : {"a canary", "a merchant's name", "an account"}) CHECK(found.contains(what));
}

TEST_CASE("the detector finds what is forbidden at any place, as bytes and as digits, and nothing that is not there") {
  SeededRandom random(5);
  Bytes key(32), update(200), hay(5'000);
  for (Bytes* bytes : {&key, &update, &hay}) random.fill(*bytes);
  LeakDetector detector;
  detector.forbid("key", key);
  detector.forbid_windows("update", update);
  detector.forbid_windows("zeros", Bytes(100));
  CHECK(detector.found_in(hay).empty());
  CHECK(detector.found_in(Bytes(5'000)).empty());
  for (const std::size_t place : {std::size_t{0}, std::size_t{1'237}, hay.size() - 64}) {
    Bytes with_key = hay, with_digits = hay, with_window = hay, with_less = hay;
    std::copy(key.begin(), key.end(), with_key.begin() + static_cast<std::ptrdiff_t>(place));
    const std::string digits = to_hex(key);
    std::copy(digits.begin(), digits.end(), with_digits.begin() + static_cast<std::ptrdiff_t>(place));
    std::copy(update.begin() + 77, update.begin() + 77 + 32, with_window.begin() + static_cast<std::ptrdiff_t>(place));
    std::copy(update.begin() + 77, update.begin() + 77 + 31, with_less.begin() + static_cast<std::ptrdiff_t>(place));
    CHECK(detector.found_in(with_key) == std::set<std::string>{"key"});
    CHECK(detector.found_in(with_digits) == std::set<std::string>{"key in hexadecimal"});
    CHECK(detector.found_in(with_window) == std::set<std::string>{"update"});
    CHECK(detector.found_in(with_less).empty());
  }
}

}  // namespace
}  // namespace fedspend::testing
