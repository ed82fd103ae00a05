// The rules of a device's record, each for the record in memory and for the one on disk, there also across a restart.

#include "client/device_record.h"

#include <optional>

#include <doctest/doctest.h>

#include "tests/disk/power_cut.h"
#include "tests/client/record_folder.h"

namespace fedspend::client {
namespace {

constexpr RoundId kRound{7};

class InMemory {
 public:
  explicit InMemory(RecordLimits limits = {}) : record_(random_, limits) {}
  DeviceRecord& record() { return record_; }
  void restart() {}  // it ends with its process: a simulated device is not restarted

 private:
  SeededRandom random_{1};
  MemoryDeviceRecord record_;
};

class OnDisk {
 public:
  explicit OnDisk(RecordLimits limits = {}) : limits_(limits) { restart(); }
  DeviceRecord& record() { return **record_; }
  void restart() {
    record_.reset();
    auto opened = folder_.open(limits_);
    REQUIRE_MESSAGE(opened, opened.error().message);
    record_.emplace(std::move(*opened));
  }

 private:
  RecordFolder folder_;
  RecordLimits limits_;
  std::optional<OpenRecord> record_;
};

bool is(const Status& status, ErrorCode code) { return !status && status.error().code == code; }
bool conflicts(const Status& status) { return is(status, ErrorCode::conflict); }

TEST_CASE_TEMPLATE("a session is answered once, also after a restart (hostile cases 1 and 32)", Kept, InMemory, OnDisk) {
  Kept kept;
  CHECK(kept.record().record_answered(task_of(1), kRound, session_of(1)));
  CHECK(conflicts(kept.record().record_answered(task_of(1), kRound, session_of(1))));
  CHECK(conflicts(kept.record().record_answered(task_of(2), RoundId{8}, session_of(1))));
  CHECK(kept.record().record_answered(task_of(1), kRound, session_of(2)));  // the round again, as another session
  kept.restart();
  CHECK(conflicts(kept.record().record_answered(task_of(1), kRound, session_of(1))));
  CHECK(conflicts(kept.record().record_answered(task_of(1), kRound, session_of(2))));
  CHECK(kept.record().record_answered(task_of(1), kRound, session_of(3)));
}

TEST_CASE_TEMPLATE("one choice of survivors is signed in a session, also after a restart (hostile case 13)", Kept, InMemory, OnDisk) {
  Kept kept;
  CHECK(kept.record().record_survivor_choice(session_of(1), hash_of(1)));
  CHECK(kept.record().record_survivor_choice(session_of(1), hash_of(1)));
  CHECK(conflicts(kept.record().record_survivor_choice(session_of(1), hash_of(2))));
  kept.restart();
  CHECK(conflicts(kept.record().record_survivor_choice(session_of(1), hash_of(2))));
  CHECK(kept.record().record_survivor_choice(session_of(1), hash_of(1)));
  CHECK(kept.record().record_survivor_choice(session_of(2), hash_of(2)));
}

TEST_CASE_TEMPLATE("participations are charged once a session, counted by task, and end at the cap for good (hostile case 28)", Kept, InMemory, OnDisk) {
  Kept kept;
  CHECK(kept.record().participations(task_of(1)).value() == 0);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    CHECK(kept.record().charge_participation(task_of(1), RoundId{i}, session_of(i), {}, capped(3)));
    CHECK(kept.record().participations(task_of(1)).value() == i);
    CHECK(conflicts(kept.record().charge_participation(task_of(1), RoundId{i}, session_of(i), {}, capped(3))));
    CHECK(kept.record().participations(task_of(1)).value() == i);
    kept.restart();
  }
  CHECK(is(kept.record().charge_participation(task_of(1), RoundId{4}, session_of(4), {}, capped(3)), ErrorCode::refused));
  CHECK(kept.record().participations(task_of(1)).value() == 3);
  CHECK(kept.record().participations(task_of(2)).value() == 0);
  CHECK(kept.record().charge_participation(task_of(2), RoundId{1}, session_of(5), {}, capped(3)));
  // What was refused was not charged: a policy with a higher cap lets the same session through, a lower one lets none.
  CHECK(is(kept.record().charge_participation(task_of(1), RoundId{4}, session_of(4), {}, capped(2)), ErrorCode::refused));
  CHECK(kept.record().charge_participation(task_of(1), RoundId{4}, session_of(4), {}, capped(4)));
  CHECK(kept.record().participations(task_of(1)).value() == 4);
}

TEST_CASE_TEMPLATE("a cap of 0 is no participation, not no cap", Kept, InMemory, OnDisk) {
  Kept kept;
  CHECK(is(kept.record().charge_participation(task_of(1), kRound, session_of(1), {}, capped(0)), ErrorCode::refused));
  CHECK(kept.record().participations(task_of(1)).value() == 0);
}

TEST_CASE_TEMPLATE("an update goes into one session's sum, also after a restart (hostile case 29)", Kept, InMemory, OnDisk) {
  Kept kept;
  CHECK_FALSE(kept.record().has_contributed(hash_of(1)).value());
  CHECK(kept.record().record_update(session_of(1), hash_of(1)));
  CHECK(kept.record().record_update(session_of(1), hash_of(1)));
  CHECK(kept.record().has_contributed(hash_of(1)).value());
  CHECK(conflicts(kept.record().record_update(session_of(2), hash_of(1))));
  CHECK(conflicts(kept.record().record_update(session_of(1), hash_of(2))));
  CHECK_FALSE(kept.record().has_contributed(hash_of(2)).value());
  kept.restart();
  CHECK(kept.record().has_contributed(hash_of(1)).value());
  CHECK(conflicts(kept.record().record_update(session_of(2), hash_of(1))));
  CHECK(conflicts(kept.record().record_update(session_of(1), hash_of(2))));
  CHECK(kept.record().record_update(session_of(1), hash_of(1)));
  CHECK(kept.record().record_update(session_of(2), hash_of(2)));
}

TEST_CASE_TEMPLATE("what is recorded of a session is of its own kind: none stands for another", Kept, InMemory, OnDisk) {
  Kept kept;
  CHECK(kept.record().record_answered(task_of(1), kRound, session_of(1)));
  CHECK(kept.record().record_survivor_choice(session_of(1), hash_of(1)));
  CHECK(kept.record().charge_participation(task_of(1), kRound, session_of(1), {}, capped(1)));
  CHECK(kept.record().record_update(session_of(1), hash_of(1)));
  CHECK_FALSE(kept.record().has_contributed(session_of(1).bytes).value());
}

TEST_CASE_TEMPLATE("the newest entries of each kind are kept, and every count of participations", Kept, InMemory, OnDisk) {
  Kept kept(RecordLimits{.entries_kept = 4});
  for (std::uint64_t i = 1; i <= 6; ++i) {
    const auto task = static_cast<std::uint8_t>(i);
    REQUIRE(kept.record().record_answered(task_of(task), RoundId{i}, session_of(i)));
    REQUIRE(kept.record().record_survivor_choice(session_of(i), hash_of(i)));
    REQUIRE(kept.record().charge_participation(task_of(task), RoundId{i}, session_of(i), {}, capped(1)));
    REQUIRE(kept.record().record_update(session_of(i), hash_of(i)));
  }
  kept.restart();
  for (std::uint64_t i = 1; i <= 6; ++i) CHECK(kept.record().participations(task_of(static_cast<std::uint8_t>(i))).value() == 1);
  for (std::uint64_t i = 3; i <= 6; ++i) {
    CHECK(conflicts(kept.record().record_answered(task_of(9), kRound, session_of(i))));
    CHECK(conflicts(kept.record().record_survivor_choice(session_of(i), hash_of(100))));
    CHECK(conflicts(kept.record().charge_participation(task_of(9), kRound, session_of(i), {}, capped(9))));
    CHECK(kept.record().has_contributed(hash_of(i)).value());
    CHECK(conflicts(kept.record().record_update(session_of(i), hash_of(100))));
  }
  for (std::uint64_t i = 1; i <= 2; ++i) {
    CHECK_FALSE(kept.record().has_contributed(hash_of(i)).value());
    CHECK(kept.record().record_answered(task_of(9), kRound, session_of(i)));
  }
}

TEST_CASE_TEMPLATE("of ten thousand and one updates the first is forgotten, not one more", Kept, InMemory, OnDisk) {
  const disk::NoWaiting no_waiting;
  Kept kept;
  for (std::uint64_t i = 0; i <= 10'000; ++i) REQUIRE(kept.record().record_update(session_of(i), hash_of(i)));
  for (int opening = 0; opening < 2; ++opening) {
    CHECK_FALSE(kept.record().has_contributed(hash_of(0)).value());
    CHECK(kept.record().has_contributed(hash_of(1)).value());
    kept.restart();
  }
}

}  // namespace
}  // namespace fedspend::client
