// A wipe that the disk or the host's key store does not let happen: nothing answers any more from memory, and what is left on the disk is said.

#include <doctest/doctest.h>

#include "tests/device/bench.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;

void check_nothing_answers(Device& device) {
  CHECK_FALSE(device.is_enrolled());
  CHECK_FALSE(device.has_consent("next_category"));
  for (const ErrorCode code : {device.history_words().error().code, device.consents("Bank", "customer").error().code, device.history().error().code, device.statement().error().code, device.statement_words().error().code,
                               device.ingest(purchases(1)).error().code, device.set_retention("next_category", 1).error().code, device.give_consent("next_category", {.version = "1"}).error().code,
                               device.withdraw_consent("next_category").error().code, device.withdraw_all_consent().error().code, device.insight({.kind = InsightKind::next}).error().code, device.personalise().error().code,
                               device.evaluate().error().code, device.run_once().error().code, device.install_certificate("x").error().code,
                               device.enrolment_request(std::string(64, '0'), "laptop").error().code})
    CHECK(code == ErrorCode::not_found);
}

TEST_CASE("a file that cannot be removed: the wipe says which are left and that nobody can read them, nothing answers any more, and the next wipe ends it") {
  EngineBench bench;
  bench.ready();
  const fs::path held = bench.folder.path() / (std::string(kVaultFile) + "-journal");
  fs::create_directory(held);  // unlink fails, for whoever asks
  const Status wiped = bench.device->wipe();
  REQUIRE_FALSE(wiped);
  CHECK(wiped.error().code == ErrorCode::io);
  INFO(wiped.error().message);
  CHECK(wiped.error().message.find("still device.db.seed, device.db-journal, which nobody can read any more") != std::string::npos);
  CHECK_FALSE(fs::exists(bench.folder.path() / kVaultFile));
  CHECK_FALSE(fs::exists(bench.folder.path() / kStoreKeyFile));
  check_nothing_answers(*bench.device);
  CHECK_FALSE(bench.device->wipe());
  fs::remove(held);
  CHECK(bench.device->wipe());
  CHECK(bench.device->wipe());
  check_nothing_answers(*bench.device);
  CHECK(fs::is_empty(bench.folder.path()));
}

TEST_CASE("a key store that does not destroy its key: nothing answers any more, and a device that is made anew finishes the wipe") {
  EngineBench bench;
  bench.ready();
  bench.destroys = fail(ErrorCode::unavailable, "the key store is locked");
  const Status wiped = bench.device->wipe();
  REQUIRE_FALSE(wiped);
  CHECK(wiped.error().code == ErrorCode::unavailable);
  check_nothing_answers(*bench.device);
  bench.device.reset();
  CHECK_FALSE(bench.try_open());
  bench.destroys = {};
  bench.open();
  CHECK_FALSE(bench.device->is_enrolled());
  CHECK(bench.kinds().empty());
}

TEST_CASE("the folder is gone: the wipe says so, and nothing answers any more") {
  EngineBench bench;
  bench.ready();
  const fs::path away = bench.folder.path().string() + "-away";
  fs::rename(bench.folder.path(), away);
  const Status wiped = bench.device->wipe();
  REQUIRE_FALSE(wiped);
  check_nothing_answers(*bench.device);
  fs::rename(away, bench.folder.path());
  CHECK(bench.device->wipe());
  CHECK(fs::is_empty(bench.folder.path()));
}

}  // namespace
}  // namespace fedspend::client
