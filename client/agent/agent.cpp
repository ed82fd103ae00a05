#include "client/agent/agent.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <thread>

#include "common/clock.h"
#include "common/program/program.h"
#include "common/program/runtime.h"

namespace fedspend::client {
namespace {

constexpr std::chrono::milliseconds kStopInterval{20};  // within which a signal is seen
constexpr int kStopsAWithdrawal = 10;                   // and, so many times that, a withdrawal
constexpr Millis kAfterFailure{60'000};

// What the threads of the devices tell one another. A device is known by its place.
class Crew {
 public:
  Crew(const std::vector<std::unique_ptr<AgentDevice>>& devices, bool exits_when_finished)
      : devices_(devices), exits_when_finished_(exits_when_finished), states_(devices.size(), State::working), last_(devices.size(), 0), running_(devices.size()) {}

  // Takes what a run came to. False: this device's work is over.
  bool take(std::size_t device, const fedspend_run_report& report) {
    const std::lock_guard lock(mutex_);
    const std::string& name = devices_[device]->name();
    summary_.bytes_sent += report.bytes_sent;
    switch (report.outcome) {
      case FEDSPEND_RUN_CONTRIBUTED: ++summary_.updates_accepted; break;
      case FEDSPEND_RUN_NOT_ACCEPTED: ++summary_.updates_not_accepted; break;
      case FEDSPEND_RUN_REFUSED:
        ++summary_.assignments_refused;
        summary_.last_refusal = report.words;
        program::log(program::LogLevel::info, "assignment_refused", {{"client", name}, {"reason", report.words}});
        break;
      case FEDSPEND_RUN_TURNED_AWAY: program::log(program::LogLevel::warning, "turned_away", {{"client", name}, {"reason", report.words}}); break;
      case FEDSPEND_RUN_FAILED: program::log(program::LogLevel::warning, "run_failed", {{"client", name}, {"reason", report.words}}); break;
      case FEDSPEND_RUN_NO_CONSENT:
      case FEDSPEND_RUN_NOT_ENROLLED:
      case FEDSPEND_RUN_CONDITIONS:
        if (last_[device] != report.outcome) program::log(program::LogLevel::warning, "waits", {{"client", name}, {"reason", report.words}});
        break;
      default: program::log(program::LogLevel::debug, "run", {{"client", name}, {"outcome", fedspend_run_name(report.outcome)}, {"reason", report.words}}); break;
    }
    last_[device] = report.outcome;
    states_[device] = state_after(report.outcome);
    ever_answered_ = ever_answered_ || is_answer(report.outcome);
    if (states_[device] == State::refused) ++summary_.clients_refused;
    if (!end_if_hopeless(report.words) && states_[device] == State::refused) program::log(program::LogLevel::warning, "client_refused", {{"client", name}, {"reason", report.words}});
    return states_[device] != State::refused && !(states_[device] == State::finished && exits_when_finished_);
  }
  // Of a device whose store fails, a full disk for instance: the others go on, unless there are none.
  void take_failure(std::size_t device, const Error& error) {
    const std::lock_guard lock(mutex_);
    states_[device] = State::failed;
    program::log(program::LogLevel::warning, "run_failed", {{"client", devices_[device]->name()}, {"reason", error.message}});
    if (!are_all({State::failed})) return;
    if (!failure_) failure_ = error;
    end();
  }
  // Until the time is over, or the end.
  void pause(Millis time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [&] { return stopping_; });
  }
  bool is_stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    end();
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }
  // True once every device has ended; waits for a moment.
  bool all_ended() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kStopInterval, [&] { return running_ == 0; });
  }

  Result<AgentSummary> result() {
    if (failure_) return fail(*failure_);
    summary_.clients = devices_.size();
    for (const auto& device : devices_) summary_.trainings += device->trainings();
    summary_.finished = are_all({State::finished});
    return summary_;
  }

 private:
  enum class State { working, waiting, unreachable, refused, finished, failed };
  static State state_after(std::int32_t outcome) {
    if (outcome == FEDSPEND_RUN_NO_CONSENT || outcome == FEDSPEND_RUN_NOT_ENROLLED || outcome == FEDSPEND_RUN_CONDITIONS) return State::waiting;
    if (outcome == FEDSPEND_RUN_UNREACHABLE) return State::unreachable;
    if (outcome == FEDSPEND_RUN_NOT_ACCEPTED_HERE) return State::refused;
    return outcome == FEDSPEND_RUN_FINISHED ? State::finished : State::working;
  }
  static bool is_answer(std::int32_t outcome) {
    return outcome == FEDSPEND_RUN_CONTRIBUTED || outcome == FEDSPEND_RUN_NOT_ACCEPTED || outcome == FEDSPEND_RUN_NOT_SELECTED || outcome == FEDSPEND_RUN_REFUSED || outcome == FEDSPEND_RUN_FINISHED ||
           outcome == FEDSPEND_RUN_TURNED_AWAY;
  }
  bool are_all(std::initializer_list<State> states) const {
    return std::ranges::all_of(states_, [&](State state) { return std::ranges::find(states, state) != states.end(); });
  }
  void end() {
    stopping_ = true;
    changed_.notify_all();
  }
  // Of the devices that have tried: those that wait for something of their own say nothing about it. A coordinator that was there may come back; one that never was, or that takes none of the keys, is said, so that a wrong address or key is
  // seen. One client that is not enrolled does not stop the others.
  bool end_if_hopeless(const char* why) {
    const bool none_accepted = are_all({State::refused});
    const bool has_tried = std::ranges::any_of(states_, [](State state) { return state == State::refused || state == State::unreachable; });
    if (!none_accepted && (ever_answered_ || !has_tried || !are_all({State::refused, State::unreachable, State::waiting, State::failed}))) return false;
    if (!failure_) failure_ = Error{none_accepted ? ErrorCode::unauthorized : ErrorCode::unavailable, why, {}};
    end();
    return true;
  }

  const std::vector<std::unique_ptr<AgentDevice>>& devices_;
  const bool exits_when_finished_;
  std::mutex mutex_;
  std::condition_variable changed_;
  AgentSummary summary_;
  std::optional<Error> failure_;
  std::vector<State> states_;
  std::vector<std::int32_t> last_;  // outcomes
  std::size_t running_;
  bool ever_answered_ = false;
  bool stopping_ = false;
};

void serve(const AgentDevice& agent_device, std::size_t device, Crew& crew) {
  while (!crew.is_stopping()) {
    const Result<fedspend_run_report> report = agent_device.run_once();
    if (!report) {
      crew.take_failure(device, report.error());
      crew.pause(kAfterFailure);
      continue;
    }
    if (!crew.take(device, *report)) break;
    crew.pause(Millis(static_cast<std::int64_t>(report->come_back_in_ms)));
  }
  crew.leave();
}

}  // namespace

Result<AgentSummary> run_agent(const std::vector<std::unique_ptr<AgentDevice>>& devices, bool exit_when_finished, const std::atomic<bool>& stop) {
  Crew crew(devices, exit_when_finished);
  std::vector<std::jthread> threads;
  threads.reserve(devices.size());
  for (std::size_t device = 0; device < devices.size(); ++device) threads.emplace_back([&, device] { serve(*devices[device], device, crew); });
  for (int turn = 0; !crew.all_ended(); ++turn) {
    if (turn % kStopsAWithdrawal == 0)
      for (const auto& device : devices) device->take_withdrawals();
    if (stop.load()) crew.stop();
    if (!crew.is_stopping()) continue;
    // Again and again: a run that was only about to begin has not heard the first.
    for (const auto& device : devices) static_cast<void>(fedspend_cancel(device->handle()));
  }
  threads.clear();
  return crew.result();
}

}  // namespace fedspend::client
