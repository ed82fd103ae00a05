// Kill, power cut and full disk at every single operation on the disk: while a vault is made, transactions are ingested, the record and
// consents are written, and while it is wiped. Each change is whole or absent, and what was acknowledged is there.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <doctest/doctest.h>

#include "client/transaction_store.h"
#include "tests/disk/power_cut.h"
#include "tests/client/record_folder.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;
using disk::Fate;

constexpr std::int64_t kNow = 1'700'000'000;
constexpr Shelf kShelvesUsed[] = {Shelf::setting, Shelf::record, Shelf::account, Shelf::transaction, Shelf::consent, Shelf::history, Shelf::personal};

// All that a vault holds, as text; the same for the same calls, but for nonces and the like, which are not contents.
std::string contents_of(Vault& vault) {
  std::string text;
  for (const Shelf shelf : kShelvesUsed) {
    const Status read = vault.read(shelf, 0, [&](std::uint64_t number, ByteSpan content) {
      text += std::to_string(static_cast<int>(shelf)) + "/" + std::to_string(number) + ": " + to_hex(content) + "\n";
      return true;
    });
    const auto size = vault.size_of(shelf);
    if (!read || !size) return "cannot be read: " + (read ? size.error() : read.error()).message;
    text += "last " + std::to_string(size->last_number) + "\n";
  }
  return text;
}

// What a device does to its vault, one change of it in each step.
class Steps {
 public:
  explicit Steps(Vault& vault) : vault_(vault) {}
  static constexpr std::size_t kCount = 13;

  Status take(std::size_t step) {
    switch (step) {
      case 0: return open_record();
      case 1: return ingest(0, 5);
      case 2: return record_->record_answered(task_of(1), RoundId{1}, session_of(1));
      case 3: return record_->record_survivor_choice(session_of(1), hash_of(1));
      case 4: return ingest(3, 12);  // some replaced, some pushed out: rows are erased
      case 5: return record_->charge_participation(task_of(1), RoundId{1}, session_of(1), {}, capped(9));
      case 6: return write(Shelf::consent, 1, "given");
      case 7: return record_->record_update(session_of(1), hash_of(1));
      case 8: return record_->charge_participation(task_of(1), RoundId{2}, session_of(2), {}, capped(9));  // an account replaced, an old entry erased
      case 9: return write(Shelf::consent, 2, "withdrawn");
      case 10: return write(Shelf::personal, 1, std::string(20'000, 'w'));  // many pages
      case 11: return store_->erase_all();
      case 12: return write(Shelf::history, 1, "and that is all");
      default: return fail(ErrorCode::internal, "no such step");
    }
  }

 private:
  Status open_record() {
    SeededRandom random(1);  // so that its key is the same each time
    FEDSPEND_ASSIGN(record_, VaultDeviceRecord::open(vault_, random, {.entries_kept = 1}));
    FEDSPEND_ASSIGN(store_, TransactionStore::open(vault_, {.max_transactions = 10}));
    return {};
  }
  Status ingest(int from, int to) {
    std::vector<IngestedTransaction> given;
    for (int i = from; i < to; ++i) given.push_back({.id = std::to_string(i), .transaction = {.time_s = kNow + i, .amount_minor = from + i, .category = "", .merchant = "somewhere", .currency = ""}});
    FEDSPEND_TRY(store_->ingest(given, kNow));
    return {};
  }
  Status write(Shelf shelf, std::uint64_t number, const std::string& text) {
    const VaultRow row{shelf, number, Bytes(text.begin(), text.end())};
    return vault_.change({}, {&row, 1});
  }

  Vault& vault_;
  std::unique_ptr<VaultDeviceRecord> record_;
  std::unique_ptr<TransactionStore> store_;
};

// After 0, 1, 2 ... steps.
std::vector<std::string> expected_contents() {
  MemoryVault vault;
  Steps steps(vault);
  std::vector<std::string> expected{contents_of(vault)};
  for (std::size_t step = 0; step < Steps::kCount; ++step) {
    const Status taken = steps.take(step);
    REQUIRE_MESSAGE(taken, taken.error().message);
    expected.push_back(contents_of(vault));
  }
  return expected;
}

std::uint64_t* shared_counter() {
  void* memory = mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  return static_cast<std::uint64_t*>(memory);
}

// Until fate comes too late. Returns how many operations there were.
std::uint64_t cut_everywhere(Fate fate, std::uint64_t seed) {
  const disk::NoWaiting no_waiting;
  const std::vector<std::string> expected = expected_contents();
  std::uint64_t* const acknowledged = shared_counter();
  for (std::uint64_t operation = 1;; ++operation) {
    CAPTURE(operation);
    const RecordFolder folder;
    *acknowledged = 0;
    const int outcome = disk::in_child([&] {
      disk::set_fate(fate, operation, seed + operation);
      const auto opened = folder.open_vault();
      if (!opened) return 1;
      Steps steps(*opened->vault);
      for (std::size_t step = 0; step < Steps::kCount; ++step) {
        if (!steps.take(step)) return 2;
        ++*acknowledged;
      }
      disk::set_fate(Fate::none, 0);
      return 0;
    });
    REQUIRE((outcome == 0 || outcome == disk::kCutOff));
    const auto found = folder.open_vault();
    REQUIRE_MESSAGE(found, found.error().message);
    const std::string contents = contents_of(*found->vault);
    const std::uint64_t done = *acknowledged;
    CHECK_MESSAGE((contents == expected[done] || (done < Steps::kCount && contents == expected[done + 1])), "after step " << done << ": " << contents);
    // And it goes on.
    if (done > 0) CHECK(VaultDeviceRecord::open(*found->vault, *found->random));
    const VaultRow row{Shelf::setting, 1, Bytes(3)};
    CHECK(found->vault->change({}, {&row, 1}));
    if (outcome == 0) {
      munmap(acknowledged, sizeof(std::uint64_t));
      return operation - 1;
    }
  }
}

TEST_CASE("killed at any operation on the disk: each change is whole or absent, and what was acknowledged is there") { CHECK(cut_everywhere(Fate::killed, 0) > 60); }

TEST_CASE("the power cut at any operation, and all that was not synced lost: the same") { CHECK(cut_everywhere(Fate::power_cut, 0) > 60); }

TEST_CASE("the power cut at any operation, and some of what was not synced lost, the last write torn: the same") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) CHECK(cut_everywhere(Fate::power_half_cut, 1'000 * seed) > 60);
}

TEST_CASE("the disk full at any operation: an error that says so, nothing changed, and with space again it goes on where it was") {
  const disk::NoWaiting no_waiting;
  const std::vector<std::string> expected = expected_contents();
  int outcome = 0;
  std::uint64_t operation = 1;
  std::uint64_t failures = 0;
  std::uint64_t* const failed = shared_counter();
  for (; outcome == 0; ++operation) {
    CAPTURE(operation);
    const RecordFolder folder;
    *failed = 0;
    outcome = disk::in_child([&] {
      const auto says_so = [&](const Error& error) {
        ++*failed;
        return error.code == ErrorCode::io && error.hint.find("free some space") == 0;
      };
      disk::set_fate(Fate::full, operation);
      auto opened = folder.open_vault();
      if (!opened && !says_so(opened.error())) return 1;
      if (!opened) {
        disk::set_fate(Fate::none, 0);
        opened = folder.open_vault();
        if (!opened) return 2;
      }
      Steps steps(*opened->vault);
      for (std::size_t step = 0; step < Steps::kCount; ++step) {
        const Status taken = steps.take(step);
        if (!taken) {
          if (!says_so(taken.error())) return 3;
          if (contents_of(*opened->vault) != expected[step]) return 4;
          disk::set_fate(Fate::none, 0);
          if (!steps.take(step)) return 5;
        }
        if (contents_of(*opened->vault) != expected[step + 1]) return 6;
      }
      return *failed == 0 && disk::operations() < operation ? 100 : 0;
    });
    failures += *failed;
    REQUIRE((outcome == 0 || outcome == 100));
    const auto found = folder.open_vault();
    REQUIRE(found);
    CHECK(contents_of(*found->vault) == expected.back());
  }
  CHECK(operation > 60);
  CHECK(failures > 40);
}

// Each write is whole or as before; what was acknowledged is there.
TEST_CASE("the reserve, cut off at any operation on the disk, holds what was written last or what was before") {
  const disk::NoWaiting no_waiting;
  for (const Fate fate : {Fate::killed, Fate::power_cut, Fate::power_half_cut, Fate::power_half_cut, Fate::power_half_cut}) {
    int outcome = disk::kCutOff;
    std::uint64_t* const acknowledged = shared_counter();
    for (std::uint64_t operation = 1; outcome == disk::kCutOff; ++operation) {
      CAPTURE(operation);
      const RecordFolder folder;
      *acknowledged = 0;
      REQUIRE(folder.open_vault());
      outcome = disk::in_child([&] {
        disk::set_fate(fate, operation, operation * 7);
        const auto opened = folder.open_vault();
        if (!opened) return 1;
        for (std::uint8_t written = 1; written <= 4; ++written) {
          if (!opened->vault->write_reserve(Bytes(kVaultReserveBytes, written))) return 2;
          *acknowledged = written;
        }
        disk::set_fate(Fate::none, 0);
        return 0;
      });
      REQUIRE((outcome == 0 || outcome == disk::kCutOff));
      const auto found = folder.open_vault();
      REQUIRE(found);
      const auto content = found->vault->read_reserve();
      REQUIRE_MESSAGE(content, content.error().message);
      const std::uint64_t number = content->empty() ? 0 : content->front();
      CHECK((number == *acknowledged || number == *acknowledged + 1));
    }
    munmap(acknowledged, sizeof(std::uint64_t));
  }
}

// All that is in the folder, by name.
void copy_folder(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::directory_iterator(from)) fs::copy_file(entry.path(), to / entry.path().filename());
}

TEST_CASE("cut off at any operation of a wipe, the vault is whole or wiped, and never readable in part") {
  const disk::NoWaiting no_waiting;
  const RecordFolder template_folder;
  const std::string whole = expected_contents().back();
  {
    const auto opened = template_folder.open_vault();
    REQUIRE(opened);
    Steps steps(*opened->vault);
    for (std::size_t step = 0; step < Steps::kCount; ++step) REQUIRE(steps.take(step));
  }
  MemoryVault none;
  const std::string empty = contents_of(none);
  for (const Fate fate : {Fate::killed, Fate::power_cut, Fate::power_half_cut, Fate::power_half_cut, Fate::power_half_cut}) {
    std::uint64_t whole_found = 0, wiped_found = 0;
    int outcome = disk::kCutOff;
    for (std::uint64_t operation = 1; outcome == disk::kCutOff; ++operation) {
      CAPTURE(operation);
      const RecordFolder folder;
      copy_folder(template_folder.path(), folder.path());
      outcome = disk::in_child([&] {
        const auto opened = folder.open_vault();
        if (!opened) return 1;
        const VaultRow row{Shelf::setting, 9, Bytes(3)};  // so that there is a log, too
        if (!opened->vault->change({}, {&row, 1}) || !opened->vault->change(std::vector{VaultRowId{Shelf::setting, 9}}, {})) return 2;
        disk::set_fate(fate, operation, operation + wiped_found);
        return opened->vault->wipe() ? 0 : 3;
      });
      REQUIRE((outcome == 0 || outcome == disk::kCutOff));
      if (outcome == 0) CHECK(names_in(folder.path()).empty());
      const auto found = folder.open_vault();
      REQUIRE_MESSAGE(found, found.error().message);
      std::string contents = contents_of(*found->vault);
      if (found->vault->is_new()) {
        CHECK(contents == empty);
        ++wiped_found;
      } else {
        CHECK(outcome != 0);
        // But for the number that the setting had.
        const std::size_t last = contents.find("last 9\n");
        REQUIRE(last == 0);
        contents[5] = '0';
        CHECK(contents == whole);
        ++whole_found;
      }
    }
    CHECK(whole_found >= 1);
    CHECK(wiped_found >= 8);
  }
}

}  // namespace
}  // namespace fedspend::client
