// The loop around the machine while a secure sum is computed: real sessions on a channel in memory, and an executor that a test holds up.
#include "coordinator/daemon.h"

#include <limits>

#include <nlohmann/json.hpp>

#include "common/program/files.h"
#include "common/program/program.h"
#include "tests/coordinator/daemon_bench.h"

namespace fedspend::coordinator {
namespace {

// Of another population, so that there is an answer at once: who is of ours is held for the next round.
Frames check_in_of_a_stranger(const MachineBench& bench) {
  CheckIn check_in = bench.check_in_message();
  check_in.population = "another";
  return {seal_from_device(check_in, {}, bench.devices[0].id, bench.devices[0].identity), nullptr};
}

TEST_CASE("a check-in is answered while a sum is computed, and the sum is published after that") {
  DaemonBench bench;
  bool answered = false;
  bench.channel.while_unmasking = [&] { bench.channel.put(0, check_in_of_a_stranger(bench.bench)); };
  bench.channel.on_sent = [&](const Message& message) {
    if (!std::holds_alternative<ComeBack>(message) || answered) return;
    answered = bench.bench.machine->phase() == "unmasking";
    bench.executor.let_go();
  };
  const Result<DaemonSummary> ran = bench.daemon.run(bench.stop);
  REQUIRE(ran.has_value());
  CHECK(answered);
  CHECK(bench.executor.was_let_go());
  CHECK(ran->rounds_published == 1);
  CHECK(ran->rounds_aborted == 0);
  CHECK(bench.store->count_rounds(true).value() == 1);
}

TEST_CASE("a daemon that is stopped while a sum is computed ends, and leaves what a kill would leave") {
  DaemonBench bench;
  bench.channel.while_unmasking = [&] {
    bench.stop = true;
    bench.executor.let_go();
  };
  const Result<DaemonSummary> ran = bench.daemon.run(bench.stop);
  REQUIRE(ran.has_value());
  CHECK(bench.executor.was_let_go());
  CHECK_FALSE(ran->finished);
  CHECK(ran->rounds_published == 0);
  CHECK(ran->rounds_aborted == 0);
  CHECK_FALSE(bench.store->latest_model().value().has_value());
  CHECK(bench.store->count_rounds(true).value() == 0);
  CHECK(bench.store->count_rounds(false).value() == 0);
  CHECK(bench.bench.machine->phase() == "unmasking");
}

TEST_CASE("a daemon that fails while a sum is computed ends with the error") {
  DaemonBench bench;
  struct FailingChannel final : ServerChannel {
    explicit FailingChannel(DaemonBench& given) : bench(given) {}
    DaemonBench& bench;
    Result<std::vector<Incoming>> receive(Millis timeout, std::size_t most) override {
      if (bench.bench.machine->phase() != "unmasking") return bench.channel.receive(timeout, most);
      bench.executor.let_go();
      return fail(ErrorCode::io, "the socket is gone");
    }
    Status send(const PeerId& peer, const Frames& frames) override { return bench.channel.send(peer, frames); }
  } channel(bench);
  Daemon daemon(*bench.bench.machine, *bench.store, channel, bench.clock, {.out = bench.folder.path(), .unmasking_executor = &bench.executor}, {});
  const Result<DaemonSummary> ran = daemon.run(bench.stop);
  REQUIRE_FALSE(ran.has_value());
  CHECK(ran.error().message == "the socket is gone");
}

std::string text_in(const std::filesystem::path& file) {
  const Result<Bytes> bytes = program::read_file(file, 1 << 20);
  return bytes ? std::string(as_text(*bytes)) : std::string();
}
nlohmann::json statement_in(const StoreFolder& folder) { return nlohmann::json::parse(text_in(folder.path() / kDpStatementJson), nullptr, false); }

Plan noised(Plan plan) {
  plan.privacy = {.mode = PrivacyMode::distributed, .noise_multiplier = 1.5, .max_participations = 2};
  return plan;
}

TEST_CASE("each model lies in the folder with the statement that is true of it, the first one too") {
  DaemonBench bench(noised(one_round()));
  nlohmann::json before;
  bench.channel.while_unmasking = [&] {
    before = statement_in(bench.folder);
    bench.executor.let_go();
  };
  const Result<DaemonSummary> ran = bench.daemon.run(bench.stop);
  REQUIRE(ran.has_value());
  REQUIRE(ran->rounds_published == 1);
  REQUIRE(before.is_object());
  CHECK(before["rounds"]["done"] == 0);
  CHECK(before["so_far"]["epsilon"] == 0);
  const nlohmann::json after = statement_in(bench.folder);
  REQUIRE(after.is_object());
  CHECK(after["plan"]["hash"] == bench.bench.machine->plan_hash().hex());
  CHECK(after["code_version"] == std::string(program::version()));
  CHECK(after["noise_source"] == "generator");
  CHECK(after["rounds"] == nlohmann::json{{"done", 1}, {"planned", 1}, {"sums_charged", 1}});
  CHECK(after["so_far"]["participations"] == 1);
  CHECK(after["so_far"]["epsilon"] == bench.store->ledger().value().worst().epsilon(1e-6));
  CHECK(after["so_far"]["epsilon"] > 0);
  CHECK(text_in(bench.folder.path() / kDpStatementText).find("DP statement: sample, round 1\n") == 0);
}

TEST_CASE("a sum that was charged and gave no model is in the statement") {
  Plan plan = noised(one_round());
  plan.server = {.optimizer = "fedavgm", .learning_rate = 1'000, .momentum = 0.9};
  DaemonBench bench(plan, std::vector<float>(testing::kParameters, std::numeric_limits<float>::max() / 2));  // so the next model would not be finite
  bench.executor.let_go();
  const Result<DaemonSummary> ran = bench.daemon.run(bench.stop);
  REQUIRE_FALSE(ran.has_value());
  CHECK(ran.error().message.find("finite") != std::string::npos);
  CHECK(statement_in(bench.folder)["rounds"] == nlohmann::json{{"done", 0}, {"planned", 1}, {"sums_charged", 1}});
  CHECK(statement_in(bench.folder)["so_far"]["participations"] == 1);
}

TEST_CASE("a plan without noise has statement files that promise nothing") {
  DaemonBench bench;
  bench.executor.let_go();
  REQUIRE(bench.daemon.run(bench.stop).has_value());
  CHECK(statement_in(bench.folder)["is_guarantee"] == false);
  CHECK(text_in(bench.folder.path() / kDpStatementText).find("no differential privacy") != std::string::npos);
}

// The step in progress is let go some time after the stop was asked for; tried with longer and longer times, in case this thread is slow.
TEST_CASE("a sum that is given up ends after the step in progress") {
  bool ended_early = false;
  for (int attempt = 0; attempt < 12 && !ended_early; ++attempt) {
    HeldExecutor executor;
    SumWorker worker(executor);
    const UnmaskingContext context{.task = {}, .round = RoundId{1}, .session = {}, .degree = 3, .threshold = 2};
    worker.begin({context.session, std::make_shared<Unmasking>(context, std::vector<RevealedSecret>(), RingVector(100, 16))});
    CHECK(worker.is_busy());
    CHECK_FALSE(worker.take().has_value());
    std::jthread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1 << attempt));
      executor.let_go();
    });
    worker.stop();
    CHECK_FALSE(worker.is_busy());
    ended_early = executor.calls == 1;  // of three
  }
  CHECK(ended_early);
}

}  // namespace
}  // namespace fedspend::coordinator
