#pragma once
// A daemon over real sessions on a channel in memory, with an executor that a test holds up.

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "coordinator/daemon.h"
#include "tests/coordinator/secure_machine_bench.h"
#include "tests/coordinator/store_folder.h"

namespace fedspend::coordinator {

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

// Stands still but where a test moves it.
struct StillClock final : Clock {
  Millis now() const override { return Millis(time_ms.load()); }
  std::atomic<std::int64_t> time_ms{1'000'000};
};

// Eight sessions, which answer at once what they are sent. With a clock of the daemon's they come back for the next round, too: where nobody has
// anything to say, it moves on by a second.
class SessionsChannel final : public ServerChannel {
 public:
  explicit SessionsChannel(MachineBench& bench, StillClock* moved = nullptr) : bench_(bench), clock_(moved == nullptr ? still_ : *moved), moves_(moved != nullptr) {
    for (std::size_t i = 0; i < bench_.devices.size(); ++i) {
      devices_.push_back(std::make_unique<TableDevice>(i));
      devices_[i]->allows_open = bench_.plan.aggregation.mode == Aggregation::open;
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
    if (up_.empty() && moves_) {
      clock_.time_ms += 1'000;
      for (std::size_t i = 0; i < devices_.size(); ++i) take(i, devices_[i]->session->step(client::Wake{}, clock_.now()));
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
        take(device, devices_[device]->session->step(client::TrainingFinished{start->session, std::vector<float>(testing::kParameters, next_value(device))}, clock_.now()));
    }
  }

  // Another one each round: a device hands in no update twice.
  float next_value(std::size_t device) const { return 0.01F * static_cast<float>(device + 1) + 0.001F * static_cast<float>(bench_.machine->rounds_done()); }

  MachineBench& bench_;
  StillClock still_;
  StillClock& clock_;
  bool moves_;
  std::vector<std::unique_ptr<TableDevice>> devices_;
  std::vector<Incoming> up_;
};

inline Plan one_round() {
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

}  // namespace fedspend::coordinator
