// The loop around the machine while a secure sum is computed: real sessions on a channel in memory, and an executor that a test holds up.
#include "coordinator/daemon.h"

#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>

#include <nlohmann/json.hpp>

#include "common/program/files.h"
#include "common/program/program.h"
#include "tests/coordinator/secure_machine_bench.h"
#include "tests/coordinator/store_folder.h"

namespace fedspend::coordinator {
namespace {

// Works once it is let go. What is never let go fails the test instead of hanging it.
class HeldExecutor final : public Executor {
 public:
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work) override {
    ++calls;
    {
      std::unique_lock lock(mutex_);
      was_let_go_ = changed_.wait_for(lock, std::chrono::seconds(60), [&] { return is_free_; });
    }
    for (std::size_t i = 0; i < count; ++i) work(i);
  }
  unsigned width() const override { return 1; }
  std::atomic<int> calls{0};

  void let_go() {
    const std::lock_guard lock(mutex_);
    is_free_ = true;
    changed_.notify_all();
  }
  bool was_let_go() {
    const std::lock_guard lock(mutex_);
    return was_let_go_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_free_ = false;
  bool was_let_go_ = true;
};

struct StillClock final : Clock {
  Millis now() const override { return Millis(1'000'000); }
};

// Eight sessions, which answer at once what they are sent.
class SessionsChannel final : public ServerChannel {
 public:
  explicit SessionsChannel(MachineBench& bench) : bench_(bench) {
    for (std::size_t i = 0; i < bench_.devices.size(); ++i) {
      devices_.push_back(std::make_unique<TableDevice>(i));
      devices_[i]->boot(i);
      static_cast<void>(devices_[i]->session->start(clock_.now()));
      take(i, devices_[i]->session->step(client::Wake{}, clock_.now()));
    }
  }

  std::function<void()> while_unmasking = [] {};  // once
  std::vector<std::pair<std::size_t, Message>> sent;

  void put(std::size_t device, Frames frames) { up_.push_back({MachineBench::peer_of(device), bench_.devices[device].transport, std::move(frames)}); }

  Result<std::vector<Incoming>> receive(Millis timeout, std::size_t) override {
    if (bench_.machine->phase() == "unmasking") {
      std::exchange(while_unmasking, [] {})();
      if (up_.empty()) std::this_thread::sleep_for(timeout);
    }
    return std::exchange(up_, {});
  }
  Status send(const PeerId& peer, const Frames& frames) override {
    const std::size_t device = bench_.device_of(peer);
    const Envelope envelope = open_envelope(frames.control).value();
    sent.emplace_back(device, decode_body(envelope.type, envelope.body).value());
    if (on_sent) on_sent(sent.back().second);
    take(device, devices_[device]->session->step(client::FramesReceived{frames}, clock_.now()));
    return {};
  }
  std::function<void(const Message&)> on_sent;

 private:
  void take(std::size_t device, const client::Effects& effects) {
    for (const client::Effect& effect : effects) {
      if (const auto* send = std::get_if<client::Send>(&effect)) put(device, send->frames);
      if (const auto* start = std::get_if<client::StartTraining>(&effect))
        take(device, devices_[device]->session->step(client::TrainingFinished{start->session, std::vector<float>(testing::kParameters, 0.01F * static_cast<float>(device + 1))}, clock_.now()));
    }
  }

  MachineBench& bench_;
  StillClock clock_;
  std::vector<std::unique_ptr<TableDevice>> devices_;
  std::vector<Incoming> up_;
};

Plan one_round() {
  Plan plan = testing::secure_plan();
  plan.federation.rounds = 1;
  return plan;
}

struct DaemonBench {
  explicit DaemonBench(Plan given = one_round(), std::vector<float> optimizer_state = {}) : bench(std::move(given), 8, {}, 0, nullptr, testing::sample_weights(), std::move(optimizer_state)) {}
  StoreFolder folder;
  MachineBench bench;
  std::unique_ptr<Store> store = Store::open(folder.file(), bench.machine->plan_hash()).value();
  SessionsChannel channel{bench};
  StillClock clock;
  HeldExecutor executor;
  std::atomic<bool> stop{false};
  Daemon daemon{*bench.machine, *store, channel, clock,
                {.out = folder.path(), .max_failed_rounds = 1, .unmasking_executor = &executor, .exit_when_finished = true, .linger = Millis(0)}, {}};
};

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
