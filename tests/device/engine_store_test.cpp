// The engine and its disk: full, cut off, with files missing, and with two processes on one folder.

#include <csignal>

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/device/bench.h"

namespace fedspend::client {
namespace {

namespace fs = std::filesystem;

// While it lives no file of this process may be longer than the reserve: to the vault, a full disk (EFBIG).
class FullDisk {
 public:
  FullDisk() {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit full{8'192, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_CASE("on a full disk nothing is sent, and a withdrawal counts, also after a restart on a disk that is still full") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  bench.ready();
  {
    const FullDisk full;
    const auto run = bench.device->run_once();
    CHECK_FALSE(run);
    CHECK(run.error().code == ErrorCode::io);
    CHECK(bench.wire.said.empty());
    CHECK(bench.device->has_consent("next_category"));
    REQUIRE(bench.device->withdraw_consent("next_category"));
    CHECK_FALSE(bench.device->has_consent("next_category"));
    if (auto again = (bench.device.reset(), bench.try_open())) CHECK_FALSE((*again)->has_consent("next_category"));
  }
  bench.open();
  CHECK_FALSE(bench.device->has_consent("next_category"));
  CHECK(parsed(bench.device->consents("Bank", "customer").value())[0]["events"].size() == 2);
  CHECK(bench.run().outcome == RunOutcome::no_consent);
  REQUIRE(bench.device->give_consent("next_category", {.version = "2"}));
  bench.open();
  CHECK(bench.device->has_consent("next_category"));
}

TEST_CASE("a disk that is full in the middle of a round ends it before the next message, and a refusal that cannot be noted is not said") {
  for (const bool refuses : {false, true}) {
    EngineBench bench;
    SecureCoordinator coordinator(bench);
    if (refuses) {
      coordinator.cohort.offer.plan.purpose = "advertising";
      coordinator.cohort.offer.rebuild();
    }
    bench.ready();
    std::optional<FullDisk> full;
    bench.wire.on_turn = [&] {
      if (!bench.wire.said.empty() && !full) full.emplace();
    };
    const RunReport report = bench.run();
    CHECK(report.outcome == RunOutcome::failed);
    INFO(report.words);
    CHECK((report.words.find("could not be written") != std::string::npos || report.words.find("record") != std::string::npos));
    CHECK(bench.wire.types() == std::vector<MessageType>{MessageType::check_in});
    full.reset();
    CHECK(bench.run().outcome == RunOutcome::too_early);
    CHECK(bench.kinds() == std::vector<std::string>{"enrolled", "checked_in"});
  }
}

TEST_CASE("a device is wiped on a full disk, too") {
  EngineBench bench;
  bench.ready();
  {
    const FullDisk full;
    REQUIRE(bench.device->wipe());
  }
  CHECK(names_in(bench.folder.path()).empty());
}

TEST_CASE("with a file missing a device does not begin anew: the database is said, the reserve costs every consent and nothing else") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  bench.ready();
  CHECK(bench.run().outcome == RunOutcome::contributed);
  bench.device.reset();
  fs::remove(bench.folder.path() / "device.db.reserve");
  bench.open();
  CHECK_FALSE(bench.device->has_consent("next_category"));
  CHECK(bench.device->is_enrolled());
  CHECK(parsed(bench.device->statement().value())["in_all"]["contributions"] == 1);
  bench.device.reset();
  fs::remove(bench.folder.path() / "device.db");
  const auto opened = bench.try_open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::malformed);
}

TEST_CASE("a log that is cleaned away between two processes takes back no withdrawal and no charge") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  bench.ready();
  CHECK(bench.run().outcome == RunOutcome::contributed);
  REQUIRE(bench.device->withdraw_consent("next_category"));
  const TemporaryFolder copy;  // as a kill would leave it, and then without the log
  for (const std::string& name : names_in(bench.folder.path()))
    if (!name.ends_with("-wal")) fs::copy_file(bench.folder.path() / name, copy.path() / name);
  bench.device.reset();
  for (const std::string& name : names_in(bench.folder.path())) fs::remove(bench.folder.path() / name);
  for (const std::string& name : names_in(copy.path())) fs::copy_file(copy.path() / name, bench.folder.path() / name);
  bench.open();
  CHECK_FALSE(bench.device->has_consent("next_category"));
  CHECK(parsed(bench.device->statement().value())["in_all"]["contributions"] == 1);
  const auto kinds = bench.kinds();
  CHECK(std::ranges::count(kinds, "contributed") == 1);
}

TEST_CASE("two processes on one folder: the second is told so, and a process that is killed in a run leaves it to the next") {
  EngineBench bench;
  bench.ready();
  pid_t child = fork();
  if (child == 0) {
    const auto second = bench.try_open();
    _exit(!second && second.error().code == ErrorCode::conflict ? 0 : 1);
  }
  int status = 1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(bench.device->has_consent("next_category"));
  bench.device.reset();
  child = fork();
  if (child == 0) {
    bench.wire.on_send = [](const Frames&) { raise(SIGKILL); };
    bench.open();
    (void)bench.device->run_once();
    _exit(1);
  }
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  bench.open();
  CHECK(bench.kinds() == std::vector<std::string>{"enrolled", "checked_in"});  // it may have left
  CHECK(bench.run().outcome == RunOutcome::too_early);
}

}  // namespace
}  // namespace fedspend::client
