// Nothing of the transactions, consents and records that a device keeps lies in a file of its folder in clear, and no key but the key file's
// own; not while they are written, not afterwards, and after a wipe there is no file at all.

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include <unistd.h>

#include <doctest/doctest.h>

#include "client/transaction_store.h"
#include "client/vault_device_record.h"
#include "client/vault_store.h"
#include "common/crypto/random.h"
#include "tests/leaks/leak_detector.h"

namespace fedspend::testing {
namespace {

namespace fs = std::filesystem;
using namespace fedspend::client;

constexpr std::int64_t kNow = 1'700'000'000;

// Forbids every draw that is long enough for a key.
class ForbiddingRandom final : public RandomSource {
 public:
  explicit ForbiddingRandom(LeakDetector& detector) : detector_(detector) {}
  void fill(MutableByteSpan out) override {
    random_.fill(out);
    if (out.size() >= 32) detector_.forbid("a key", out);
  }

 private:
  SystemRandom random_;
  LeakDetector& detector_;
};

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "fedspend-leaks-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  fs::path path;
};

Bytes bytes_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string bytes = text.str();
  return Bytes(bytes.begin(), bytes.end());
}

std::vector<IngestedTransaction> canaries(LeakDetector& detector) {
  std::vector<IngestedTransaction> planted;
  SeededRandom random(4);
  for (int i = 0; i < 300; ++i) {
    IngestedTransaction each;
    each.id = "CANARY-ID-" + std::to_string(7'310'000 + i);
    each.transaction = {.time_s = kNow - i, .amount_minor = static_cast<std::int64_t>(100'000'000'000'000 + random.below(800'000'000'000'000)), .category = "CANARY CATEGORY " + std::to_string(i),
                        .merchant = "CANARY MERCHANT " + std::to_string(i) + " ACCT DK5000400440116243", .currency = "DKK"};
    detector.forbid("an id", as_bytes(each.id));
    detector.forbid("a category", as_bytes(each.transaction.category));
    detector.forbid("a merchant", as_bytes(each.transaction.merchant));
    Bytes amount(8);
    store_u64(amount, static_cast<std::uint64_t>(each.transaction.amount_minor));
    detector.forbid("an amount", amount);
    planted.push_back(std::move(each));
  }
  detector.forbid("a canary", as_bytes("CANARY M"));
  return planted;
}

// By file; the key file holds its key.
std::string found_in(const LeakDetector& detector, const fs::path& folder) {
  std::string found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() == kStoreKeyFile) continue;
    for (const std::string& what : detector.found_in(bytes_of(entry.path()))) found += entry.path().filename().string() + ": " + what + "; ";
  }
  return found;
}

TEST_CASE("of planted transactions, consents and records nothing lies in the device's files in clear") {
  LeakDetector detector;
  const Folder folder;
  ForbiddingRandom random(detector);
  FileSeedProtector protector(folder.path / kStoreKeyFile, random);
  const std::vector<IngestedTransaction> planted = canaries(detector);
  std::set<std::string> names;
  const auto look = [&] {
    for (const auto& entry : fs::directory_iterator(folder.path)) names.insert(entry.path().filename().string());
    CHECK(found_in(detector, folder.path) == "");
  };
  {
    auto vault = VaultStore::open(folder.path / kVaultFile, protector, random);
    REQUIRE(vault);
    const auto store = TransactionStore::open(**vault, {.max_transactions = 200});
    const auto record = VaultDeviceRecord::open(**vault, random);
    for (std::size_t i = 0; i < planted.size(); i += 50) {
      REQUIRE((*store)->ingest(std::span(planted).subspan(i, 50), kNow));
      look();
    }
    const std::string consent = "CANARY CONSENT to insights, notice 2026-11";
    detector.forbid("a consent", as_bytes(consent));
    const VaultRow row{Shelf::consent, 1, Bytes(consent.begin(), consent.end())};
    REQUIRE((*vault)->change({}, {&row, 1}));
    for (std::uint64_t i = 0; i < 20; ++i) {
      const Hash256 update = Hasher("test-leak-update").u64(i).finish();
      const SessionId session{Hasher("test-leak-session").u64(i).finish()};
      detector.forbid("an update's digest", update);
      detector.forbid("a session", session.bytes);
      REQUIRE((*record)->record_update(session, update));
    }
    look();
    REQUIRE((*store)->erase_all());
    REQUIRE((*store)->ingest(std::span(planted).first(100), kNow));
    look();
    vault = fail(ErrorCode::internal, "closed");
  }
  look();
  CHECK(names == std::set<std::string>{"device.db", "device.db-wal", "device.db.reserve", "device.db.seed", "store.key"});
  CHECK_FALSE(detector.found_in(bytes_of(folder.path / kStoreKeyFile)).empty());  // so it is able to find a key
  auto vault = VaultStore::open(folder.path / kVaultFile, protector, random);
  REQUIRE(vault);
  // And everything else in what the vault gives to who may read it.
  std::set<std::string> inside;
  for (const Shelf shelf : {Shelf::record, Shelf::transaction, Shelf::consent})
    REQUIRE((*vault)->read(shelf, 0, [&](std::uint64_t, ByteSpan content) {
      inside.merge(detector.found_in(content));
      return true;
    }));
  for (const std::string what : {"an id", "a category", "a merchant", "an amount", "a canary", "a consent", "a session", "a key"}) CHECK_MESSAGE(inside.contains(what), what);
  CHECK_FALSE(inside.contains("an update's digest"));  // the record keeps a keyed digest of it only
  REQUIRE((*vault)->wipe());
  CHECK(fs::is_empty(folder.path));
}

}  // namespace
}  // namespace fedspend::testing
