// Golden transcripts (tests/transcripts): whole sessions with fixed randomness, a line for each message with its size and hash, and for each
// decision. A change of any byte of the protocol shows up here, as text that can be read beside PROTOCOL.md.
// To renew them after an intended change: FEDSPEND_RENEW_TRANSCRIPTS=1 build/notorch/bin/test_common_secagg
// --source-file=*transcripts_test.cpp, then read the difference before committing it.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "tests/common/secagg/forged_roster.h"
#include "tests/common/secagg/secure_session.h"
#include "tests/paths.h"

namespace fedspend::testing {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void check_transcript(const std::string& name, const std::string& about, const SecureSession& session) {
  const std::string path = tests::source_dir() + "/tests/transcripts/" + name + ".txt";
  std::string text = "# " + about + "\n# Made by tests/common/secagg/transcripts_test.cpp, which says how to renew it; README.md says how to read it.\n";
  for (const std::string& line : session.transcript()) text += line + "\n";
  if (std::getenv("FEDSPEND_RENEW_TRANSCRIPTS") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::istringstream expected(read_file(path));
  std::istringstream actual(text);
  std::string expected_line;
  std::string actual_line;
  for (std::uint32_t number = 1;; ++number) {
    const bool has_expected = static_cast<bool>(std::getline(expected, expected_line));
    const bool has_actual = static_cast<bool>(std::getline(actual, actual_line));
    if (!has_expected && !has_actual) break;
    CAPTURE(name);
    CAPTURE(number);
    REQUIRE(has_expected == has_actual);
    REQUIRE(expected_line == actual_line);
  }
}

template <class T>
void drop(std::vector<Delivery>& deliveries, std::size_t client) {
  std::erase_if(deliveries, [&](const Delivery& delivery) { return std::holds_alternative<T>(delivery.message) && delivery.client == client; });
}

constexpr SessionOptions kFive{.clients = 5, .length = 10, .dropout_ppm = 200'000};

TEST_CASE("transcript: a clean round of five") {
  SecureSession session(kFive);
  CHECK(session.run().is_right);
  check_transcript("clean_round_of_five", "Five clients, all of them to the end.", session);
}

TEST_CASE("transcript: two dropouts, one before its masked input and one before it unmasks") {
  SecureSession session({.clients = 7, .length = 10});
  session.up = [](std::vector<Delivery>& deliveries) {
    drop<MaskedInput>(deliveries, 2);
    drop<Unmask>(deliveries, 5);
  };
  CHECK(session.run().is_right);
  check_transcript("two_dropouts_of_seven", "Seven clients; the masked input of client 2 and the shares of client 5 are lost on their way.", session);
}

TEST_CASE("transcript: a bad share is corrected, and a share that does not open is skipped") {
  SecureSession session({.clients = 9, .length = 10, .dropout_ppm = 200'000});
  session.down = [](std::vector<Delivery>& deliveries) {
    change<DeliverShares>(deliveries, 3, [](DeliverShares& shares) { shares.sealed[2 * kSealedShareBytes + 40] ^= 1; });
  };
  session.up = [](std::vector<Delivery>& deliveries) { change<Unmask>(deliveries, 6, [](Unmask& unmask) { unmask.shares[0] ^= 1; }); };
  CHECK(session.run().is_right);
  check_transcript("bad_share", "Nine clients; a bit of the third share for client 3 is flipped on its way, and client 6 reveals a wrong first share.", session);
}

TEST_CASE("transcript: an abort, because the survivor sets that clients are shown differ") {
  SecureSession session(kFive);
  session.down = [&](std::vector<Delivery>& deliveries) {
    for (const std::size_t client : {0U, 3U, 4U}) change<Survivors>(deliveries, client, [](Survivors& survivors) { survivors.survivors[0] = 0x1b; });
  };
  CHECK(session.run().aborted == "2 clients have signed the survivor set, of at least 3");
  check_transcript("abort_without_quorum", "Five clients; to three of them the coordinator says that client 2 dropped out, with the root of all five.", session);
}

}  // namespace
}  // namespace fedspend::testing
