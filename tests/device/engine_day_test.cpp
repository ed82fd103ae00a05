// 24 simulated hours, several times over, of a device that sleeps, wakes, loses its connection and its power, and is asked, put off or ignored.

#include <doctest/doctest.h>

#include "tests/device/bench.h"

namespace fedspend::client {
namespace {

struct Day {
  EngineBench bench;
  SeededRandom dice;
  Offer offer;
  std::uint8_t attempt = 1;
  Millis asked{0};             // to come back in, by the last answer; 0: none came
  std::uint64_t updates = 0;
  std::int64_t last_check_in_ms = -1;
  Millis last_pause{0};

  explicit Day(std::uint64_t seed) : dice(seed) {
    bench.orders.fresh = true;
    bench.policy.max_participations = 6;
    bench.wire.on_send = [this](const Frames& frames) { answer(frames); };
    bench.ready();
  }
  void answer(const Frames& frames) {
    const MessageType type = type_of_frames(frames);
    if (type == MessageType::check_in) {
      // Never before the pause of the last run is over.
      if (last_check_in_ms >= 0) CHECK(Millis(bench.host.now_ms - last_check_in_ms) >= last_pause);
      last_check_in_ms = bench.host.now_ms;
      switch (dice.below(4)) {
        case 0:
          asked = Millis(static_cast<std::int64_t>(dice.below(3'600'000)));
          return bench.wire.tell(ComeBack{ComeBackReason::not_selected, static_cast<std::uint32_t>(asked.count())}, SessionId{});
        case 1: return;  // no answer
        default:
          offer.assignment.attempt.fill(attempt++);
          return bench.wire.tell(offer.assignment, offer.sid(), offer.bulk);
      }
    }
    REQUIRE(type == MessageType::update);
    ++updates;
    if (dice.below(5) == 0) return;
    asked = Millis(300'000);
    bench.wire.tell(UpdateReply{UpdateStatus::accepted, 300'000}, offer.sid());
  }
  // The base of the pause, and that it is within a fifth of it.
  void check_pause(const RunReport& report) {
    Millis base{900'000};
    if (report.outcome == RunOutcome::contributed || (report.outcome == RunOutcome::not_selected && asked > Millis(0))) base = std::max(asked, Millis(60'000));
    if (report.outcome == RunOutcome::refused) base = Millis(14'400'000);
    CAPTURE(to_string(report.outcome));
    CHECK(report.come_back_in >= base * 4 / 5);
    CHECK(report.come_back_in <= base * 6 / 5);
  }
};

TEST_CASE("24 hours of a device that sleeps and wakes: its pauses are those that it was asked for, within a fifth, its cap holds, and its history is whole") {
  std::map<RunOutcome, int> outcomes;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Day day(seed);
    EngineBench& bench = day.bench;
    const std::int64_t begun_ms = bench.host.now_ms;
    std::uint64_t bytes = 0;
    while (bench.host.now_ms - begun_ms < 86'400'000) {
      // It sleeps, a while or long, and wakes when the system likes; sometimes the process is a new one, sometimes it is in use.
      bench.host.pass(Millis(static_cast<std::int64_t>(1'000 + day.dice.below(day.dice.below(5) == 0 ? 7'200'000 : 900'000))));
      if (day.dice.below(8) == 0) bench.open();
      bench.host.now.idle = day.dice.below(6) != 0;
      day.asked = Millis(0);
      bench.wire.for_device.clear();
      const std::int64_t before = day.last_check_in_ms;
      const RunReport report = bench.run();
      ++outcomes[report.outcome];
      bytes += report.bytes_sent;
      if (report.outcome == RunOutcome::too_early || report.outcome == RunOutcome::conditions) {
        CHECK(day.last_check_in_ms == before);
        continue;
      }
      day.check_pause(report);
      // Since the check-in the run itself took its time, too.
      day.last_pause = report.come_back_in;
    }
    CHECK(bytes == bench.wire.bytes());
    bench.check_history_is_whole();
    const auto statement = parsed(bench.device->statement().value());
    CHECK(statement["in_all"]["contributions"].get<std::uint64_t>() <= 6);
    const auto kinds = bench.kinds();
    CHECK(std::ranges::count(kinds, "contributed_open") == statement["in_all"]["contributions"].get<std::int64_t>());
    CHECK(static_cast<std::uint64_t>(std::ranges::count(kinds, "contributed_open") + std::ranges::count(kinds, "contributed_again")) == day.updates);
    bench.open();
    CHECK(bench.kinds() == kinds);
  }
  for (const RunOutcome outcome : {RunOutcome::contributed, RunOutcome::not_selected, RunOutcome::too_early, RunOutcome::conditions, RunOutcome::refused}) CHECK_MESSAGE(outcomes[outcome] > 0, to_string(outcome));
}

}  // namespace
}  // namespace fedspend::client
