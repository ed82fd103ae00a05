// The beacon's ledger (hostile case 33): one roster an attempt, remembered before the signature is there, by one process at a time.
#include "coordinator/beacon_signer.h"

#include <sys/stat.h>

#include <filesystem>
#include <optional>

#include <doctest/doctest.h>

#include "common/crypto/random.h"
#include "common/program/file_lock.h"
#include "common/program/key_files.h"
#include "tests/common/program/capture.h"

namespace fedspend::coordinator {
namespace {

namespace fs = std::filesystem;
using test::content_of;
using test::TemporaryFolder;

template <class T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

constexpr std::uint64_t kNow_s = 1'750'000'000;

SessionId attempt(std::uint64_t number) {
  SessionId id;
  store_u64(id.bytes, number);
  return id;
}
Hash256 root(std::uint8_t value) {
  Hash256 hash{};
  hash.fill(value);
  return hash;
}

struct MadeBeacon {
  TemporaryFolder folder;
  fs::path key = folder / "beacon.key";
  fs::path ledger = folder / "beacon.key.ledger";
  IdentityPublicKey public_key;

  MadeBeacon() {
    SystemRandom random;
    REQUIRE(create_beacon(key, random));
    public_key = *program::read_identity_public_key(folder / "beacon.key.pub", "beacon");
  }
};

TEST_CASE("a beacon is made once, private, with an empty ledger") {
  MadeBeacon beacon;
  struct stat status {};
  for (const fs::path& path : {beacon.key, beacon.ledger}) {
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600);
  }
  CHECK(*BeaconLedger::parse(content_of(beacon.ledger)) == BeaconLedger{});
  const std::string key = content_of(beacon.key);
  SystemRandom random;
  CHECK(code_of(create_beacon(beacon.key, random)) == ErrorCode::conflict);
  fs::remove(beacon.key);
  CHECK(code_of(create_beacon(beacon.key, random)) == ErrorCode::conflict);  // the ledger of another key
  fs::remove(beacon.ledger);
  CHECK(code_of(create_beacon(beacon.key, random)) == ErrorCode::conflict);  // its public half is still there
  CHECK_FALSE(fs::exists(beacon.ledger));
  CHECK_FALSE(fs::exists(beacon.key));
}

TEST_CASE("an attempt's roster is signed as often as it is asked for, a second roster of the attempt never (hostile case 33)") {
  MadeBeacon beacon;
  const auto first = sign_once(beacon.key, attempt(1), root(1), kNow_s);
  REQUIRE(first);
  CHECK(open_beacon(beacon.public_key, attempt(1), root(1), first->signature).has_value());
  CHECK(BeaconLedger::parse(content_of(beacon.ledger))->entries.at(attempt(1)).root == root(1));
  CHECK(*sign_once(beacon.key, attempt(1), root(1), kNow_s + 5) == *first);
  for (const std::uint64_t later : {std::uint64_t{0}, std::uint64_t{1}, kBeaconMemory_s}) {
    const auto second = sign_once(beacon.key, attempt(1), root(2), kNow_s + later);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::refused);
    CHECK(second.error().message.find("another roster of the attempt " + attempt(1).hex()) != std::string::npos);
  }
  CHECK(sign_once(beacon.key, attempt(2), root(2), kNow_s).has_value());
  // The first one is still known beside the others.
  CHECK(code_of(sign_once(beacon.key, attempt(1), root(2), kNow_s)) == ErrorCode::refused);
}

TEST_CASE("what cannot be remembered is not signed") {
  MadeBeacon beacon;
  const auto refused = [&] { return !sign_once(beacon.key, attempt(1), root(1), kNow_s); };
  SUBCASE("the ledger is gone") { fs::remove(beacon.ledger); }
  SUBCASE("the ledger is empty") { test::write_text(beacon.ledger, ""); }
  SUBCASE("the ledger is cut off") { test::write_text(beacon.ledger, "fedspend-beacon-v1\n" + attempt(2).hex() + " " + to_hex(root(2)) + " 17500"); }
  SUBCASE("the ledger is a folder") {
    fs::remove(beacon.ledger);
    fs::create_directory(beacon.ledger);
  }
  SUBCASE("the key was copied away from it") {
    fs::create_directory(beacon.folder / "copy");
    fs::copy_file(beacon.key, beacon.folder / "copy/beacon.key");
    beacon.key = beacon.folder / "copy/beacon.key";
  }
  CHECK(refused());
}

TEST_CASE("one process signs at a time") {
  MadeBeacon beacon;
  {
    const auto held = program::FileLock::take(beacon.folder / "beacon.key.lock", beacon.key);
    REQUIRE(held);
    CHECK(code_of(sign_once(beacon.key, attempt(1), root(1), kNow_s)) == ErrorCode::conflict);
    CHECK(content_of(beacon.ledger) == BeaconLedger{}.text());
  }
  CHECK(sign_once(beacon.key, attempt(1), root(1), kNow_s).has_value());
}

TEST_CASE("a ledger comes back from its text, and one that is not whole is refused with its line") {
  BeaconLedger ledger;
  for (std::uint64_t i = 0; i < 20; ++i) REQUIRE(ledger.enter(attempt(i), root(static_cast<std::uint8_t>(i)), kNow_s + i));
  const std::string text = ledger.text();
  CHECK(*BeaconLedger::parse(text) == ledger);
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    // A cut after a whole line is what a file system cannot make of a file that is replaced whole.
    if (cut >= 19 && text[cut - 1] == '\n') continue;
    CHECK_FALSE(BeaconLedger::parse(std::string_view(text).substr(0, cut)).has_value());
  }
  const std::string line = attempt(1).hex() + " " + to_hex(root(1)) + " 5\n";
  for (const std::string& bad : {line + line, line.substr(1), "x" + line.substr(1), line.substr(0, line.size() - 2) + "-5\n", line.substr(0, line.size() - 1) + " \n",
                                 line.substr(0, 64) + "\t" + line.substr(65), line.substr(0, 129) + "\t" + line.substr(130), std::string("\n")}) {
    CAPTURE(bad);
    const auto broken = BeaconLedger::parse("fedspend-beacon-v1\n" + bad);
    REQUIRE_FALSE(broken);
    CHECK(broken.error().code == ErrorCode::malformed);
    CHECK(broken.error().message.find("line ") != std::string::npos);
  }
}

TEST_CASE("the ledger forgets what no device can be in any more, and a full one signs nothing new") {
  BeaconLedger ledger;
  REQUIRE(ledger.enter(attempt(0), root(0), kNow_s));
  REQUIRE(ledger.enter(attempt(1), root(1), kNow_s + 1));
  REQUIRE(ledger.enter(attempt(2), root(2), kNow_s + kBeaconMemory_s));
  CHECK(ledger.entries.contains(attempt(0)));
  REQUIRE(ledger.enter(attempt(3), root(3), kNow_s + kBeaconMemory_s + 1));
  CHECK_FALSE(ledger.entries.contains(attempt(0)));
  CHECK(ledger.entries.contains(attempt(1)));
  REQUIRE(ledger.enter(attempt(4), root(4), kNow_s));  // a clock set back forgets nothing
  CHECK(ledger.entries.size() == 4);

  for (std::uint64_t i = ledger.entries.size(); i < kMaxBeaconEntries; ++i)
    ledger.entries.emplace(attempt(1'000 + i), BeaconLedger::Entry{.root = root(1), .signed_at_s = kNow_s + kBeaconMemory_s});
  CHECK(code_of(ledger.enter(attempt(5), root(5), kNow_s + kBeaconMemory_s)) == ErrorCode::limit);
  CHECK(ledger.enter(attempt(2), root(2), kNow_s + kBeaconMemory_s).has_value());
  CHECK(code_of(ledger.enter(attempt(2), root(3), kNow_s + kBeaconMemory_s)) == ErrorCode::refused);
  CHECK(ledger.entries.size() == kMaxBeaconEntries);
  CHECK(ledger.enter(attempt(5), root(5), kNow_s + 3 * kBeaconMemory_s).has_value());
  CHECK(ledger.entries.size() == 1);
}

}  // namespace
}  // namespace fedspend::coordinator
