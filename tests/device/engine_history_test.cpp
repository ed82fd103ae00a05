// The customer's history is true: an entry before every message, of its kind, with its bytes; never less than what may have left.

#include <doctest/doctest.h>

#include "tests/device/bench.h"

namespace fedspend::client {
namespace {

TEST_CASE("a masked input that is sent again is told as that, with the same bytes, and charged once") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  coordinator.unanswered.insert(MessageType::masked_input);
  bench.ready();
  const RunReport report = bench.run();
  CHECK(report.outcome == RunOutcome::unreachable);
  bench.check_history_is_whole();
  const auto kinds = bench.kinds();
  CHECK(std::ranges::count(kinds, "contributed") == 1);
  CHECK(std::ranges::count(kinds, "contributed_again") >= 3);
  CHECK(static_cast<std::size_t>(std::ranges::count(kinds, "contributed_again")) == bench.wire.said.size() - 4);
  CHECK(parsed(bench.device->statement().value())["in_all"]["contributions"] == 1);
  CHECK(report.bytes_sent == bench.wire.bytes());
  CHECK(bench.device->history_words().value().find("the same update for 'next_category' as before") != std::string::npos);
}

TEST_CASE("what the connection does not take is in the history all the same, as what may have left, and not among the bytes that were sent") {
  EngineBench bench;
  bench.wire.takes = fail(ErrorCode::unavailable, "the queue is full");
  bench.ready();
  const RunReport report = bench.run();
  CHECK(report.outcome == RunOutcome::not_selected);
  CHECK(report.bytes_sent == 0);
  CHECK(bench.kinds().back() == "checked_in");
  CHECK(bench.device->history_words().value().find("left this device") == std::string::npos);
}

TEST_CASE("a connection that is refused, lost or never made ends the run with its words") {
  for (const auto& [code, outcome] : {std::pair(ErrorCode::unauthorized, RunOutcome::not_accepted_here), std::pair(ErrorCode::unavailable, RunOutcome::unreachable)}) {
    EngineBench bench;
    bench.wire.state = fail(code, "no connection at all");
    bench.ready();
    const RunReport report = bench.run();
    CHECK(report.outcome == outcome);
    CHECK(report.words == "no connection at all");
    CHECK(bench.kinds().back() == "stopped");
  }
}

TEST_CASE("a wipe leaves nothing of the history, and a device that is made anew begins its own") {
  EngineBench bench;
  OpenCoordinator coordinator(bench);
  bench.ready();
  bench.run();
  REQUIRE(bench.device->wipe());
  CHECK(names_in(bench.folder.path()).empty());
  bench.open();
  CHECK(bench.kinds().empty());
  CHECK_FALSE(bench.device->is_enrolled());
  CHECK_FALSE(bench.device->has_consent("next_category"));
}

}  // namespace
}  // namespace fedspend::client
