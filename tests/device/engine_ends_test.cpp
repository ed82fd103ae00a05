// What ends a run: the customer, the host, its clock, an exception. At every phase, before anything more is sent.

#include <mutex>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "client/pending_withdrawals.h"
#include "tests/device/bench.h"

namespace fedspend::client {
namespace {

// The last message before something happens; nothing: while it trains.
const std::vector<std::optional<MessageType>> kPhases{MessageType::check_in,     std::nullopt, MessageType::advertise_keys, MessageType::share_keys,
                                                      MessageType::masked_input, MessageType::sign_survivors, MessageType::unmask};

// Does it once, when the device waits or looks for a message after that one; and says how much had been sent by then.
struct Then {
  std::size_t said = 0;
  bool done = false;

  Then(EngineBench& bench, SecureCoordinator& coordinator, std::optional<MessageType> after, std::function<void()> what) {
    bench.orders.waits_for_stop = !after.has_value();
    if (after == MessageType::unmask) coordinator.unanswered.insert(MessageType::unmask);
    bench.wire.on_turn = [&bench, after, this, act = std::move(what)] {
      const bool now = after ? !bench.wire.said.empty() && type_of_frames(bench.wire.said.back()) == *after : bench.orders.trained > 0;
      if (done || !now) return;
      said = bench.wire.said.size();
      done = true;
      act();
    };
  }
};

TEST_CASE("the customer withdraws at every phase: nothing more is sent, whether the purpose is named or all are") {
  for (const bool all : {false, true}) {
    for (const auto& phase : kPhases) {
      CAPTURE(all);
      CAPTURE((phase ? std::string(to_string(*phase)) : "training"));
      EngineBench bench;
      SecureCoordinator coordinator(bench);
      bench.ready();
      const Then then(bench, coordinator, phase, [&] { REQUIRE((all ? bench.device->withdraw_all_consent() : bench.device->withdraw_consent("next_category"))); });
      const RunReport report = bench.run();
      CHECK(then.done);
      CHECK(report.outcome == RunOutcome::withdrawn);
      CHECK(bench.wire.said.size() == then.said);
      CHECK(bench.kinds().back() == "stopped");
      bench.rest();
      CHECK(bench.run().outcome == RunOutcome::no_consent);
      CHECK(bench.wire.said.size() == then.said);
    }
  }
}

TEST_CASE("a consent that is withdrawn and given again at once is for the next run: this one ends") {
  for (const bool all : {false, true}) {
    for (const auto& phase : kPhases) {
      CAPTURE(all);
      CAPTURE((phase ? std::string(to_string(*phase)) : "training"));
      EngineBench bench;
      SecureCoordinator coordinator(bench);
      bench.ready();
      const Then then(bench, coordinator, phase, [&] {
        REQUIRE((all ? bench.device->withdraw_all_consent() : bench.device->withdraw_consent("next_category")));
        REQUIRE(bench.device->give_consent("next_category", {.version = "1"}));
      });
      CHECK(bench.run().outcome == RunOutcome::withdrawn);
      CHECK(then.done);
      CHECK(bench.wire.said.size() == then.said);
      CHECK(bench.device->has_consent("next_category"));
    }
  }
}

TEST_CASE("the withdrawal of another purpose, or of none that was given, ends no run") {
  for (const auto& phase : kPhases) {
    if (phase == MessageType::unmask || !phase) continue;
    EngineBench bench;
    SecureCoordinator coordinator(bench);
    bench.ready();
    REQUIRE(bench.device->give_consent("other", {.version = "1"}));
    const Then then(bench, coordinator, phase, [&] {
      REQUIRE(bench.device->withdraw_consent("other"));
      REQUIRE(bench.device->withdraw_consent("never given"));
      CHECK_FALSE(bench.device->withdraw_consent(""));
    });
    CHECK(bench.run().outcome == RunOutcome::contributed);
    CHECK(then.done);
  }
}

TEST_CASE("a withdrawal that waits covers its own purpose, or all of them, and nothing else, as long as it waits") {
  PendingWithdrawals pending;
  {
    const PendingWithdrawals::Scope one(pending, "other");
    CHECK(pending.covers("other"));
    CHECK_FALSE(pending.covers("next_category"));
    {
      const PendingWithdrawals::Scope again(pending, "other"), all(pending, std::nullopt);
      CHECK(pending.covers("next_category"));
    }
    CHECK(pending.covers("other"));
    CHECK_FALSE(pending.covers("next_category"));
  }
  CHECK_FALSE(pending.covers("other"));
}

TEST_CASE("what came after a run began is known by purpose, and of more purposes than are remembered counts for all") {
  PendingWithdrawals pending;
  { const PendingWithdrawals::Scope before(pending, "next_category"); }
  const std::uint64_t begun = pending.count();
  CHECK_FALSE(pending.came_after(begun, "next_category"));
  { const PendingWithdrawals::Scope other(pending, "other"); }
  CHECK(pending.came_after(begun, "other"));
  CHECK_FALSE(pending.came_after(begun, "next_category"));
  for (int i = 0; i < 1'100; ++i) const PendingWithdrawals::Scope many(pending, "purpose " + std::to_string(i));
  CHECK(pending.came_after(begun, "next_category"));
  const std::uint64_t later = pending.count();
  CHECK_FALSE(pending.came_after(later, "next_category"));
  { const PendingWithdrawals::Scope all(pending, std::nullopt); }
  CHECK(pending.came_after(later, "next_category"));
}

TEST_CASE("after a withdrawal has returned nothing is handed to the connection, whenever it comes") {
  for (int delay = 0; delay < 30; ++delay) {
    EngineBench bench;
    SecureCoordinator coordinator(bench);
    std::atomic<std::size_t> sent = 0;
    coordinator.before = [&](MessageType) { ++sent; };
    bench.ready();
    std::size_t sent_by_then = 0;
    std::thread customer([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(1'500 * delay));
      REQUIRE(bench.device->withdraw_consent("next_category"));
      sent_by_then = sent;
    });
    const RunReport report = bench.run();
    customer.join();
    CHECK((report.outcome == RunOutcome::withdrawn || report.outcome == RunOutcome::contributed || report.outcome == RunOutcome::no_consent));
    CHECK(sent == sent_by_then);
  }
}

TEST_CASE("not even a refusal leaves once everything is withdrawn, though no plan was accepted yet") {
  EngineBench bench;
  Offer offer;
  offer.plan.purpose = "advertising";  // which this device would decline
  offer.rebuild();
  std::thread customer;
  bench.ready();
  bench.wire.on_send = [&](const Frames& frames) {
    if (type_of_frames(frames) == MessageType::check_in) bench.wire.tell(offer.assignment, offer.sid(), offer.bulk);
  };
  // Between the step that declines and the sending: the conditions are asked for there.
  bench.host.on_conditions = [&] {
    if (bench.wire.said.size() == 1 && bench.wire.for_device.empty() && !customer.joinable()) {
      customer = std::thread([&] { REQUIRE(bench.device->withdraw_all_consent()); });
      customer.join();
      customer = std::thread([] {});
    }
  };
  const RunReport report = bench.run();
  customer.join();
  CHECK(report.outcome == RunOutcome::withdrawn);
  CHECK(bench.wire.types() == std::vector<MessageType>{MessageType::check_in});
}

TEST_CASE("the host cancels at every phase: nothing more is sent, and the next run is not cancelled") {
  for (const auto& phase : kPhases) {
    CAPTURE((phase ? std::string(to_string(*phase)) : "training"));
    EngineBench bench;
    SecureCoordinator coordinator(bench);
    bench.ready();
    const Then then(bench, coordinator, phase, [&] { bench.device->cancel(); });
    const RunReport report = bench.run();
    CHECK(report.outcome == RunOutcome::cancelled);
    CHECK(bench.wire.said.size() == then.said);
    CHECK(bench.kinds().back() == "stopped");
    CHECK(report.come_back_in >= Millis(720'000));
    CHECK(report.come_back_in <= Millis(1'080'000));
    bench.rest();
    bench.wire.on_send = [&](const Frames&) { bench.wire.tell(ComeBack{}, SessionId{}); };
    bench.wire.for_device.clear();
    CHECK(bench.run().outcome == RunOutcome::not_selected);
  }
}

TEST_CASE("a run that waits hears at once of a cancel, a withdrawal, the end of the handle and of its own training, without looking again and again") {
  struct Case {
    const char* name;
    RunOutcome outcome;
    std::function<void(Device&)> call;
  };
  const std::vector<Case> cases = {{"cancel", RunOutcome::cancelled, [](Device& device) { device.cancel(); }},
                                   {"close", RunOutcome::cancelled, [](Device& device) { device.close(); }},
                                   {"withdraw", RunOutcome::withdrawn, [](Device& device) { CHECK(device.withdraw_consent("next_category")); }},
                                   {"withdraw all", RunOutcome::withdrawn, [](Device& device) { CHECK(device.withdraw_all_consent()); }}};
  for (const Case& which : cases) {
    CAPTURE(which.name);
    EngineBench bench;
    bench.ready();
    std::jthread other;
    bench.wire.on_sleep = [&] {
      if (!other.joinable()) other = std::jthread([&] { which.call(*bench.device); });
    };
    CHECK(bench.run().outcome == which.outcome);
    CHECK(bench.wire.overslept == 0);
  }
  EngineBench bench;
  bench.ready();
  OpenCoordinator coordinator(bench);
  int slept = 0;
  bench.wire.on_sleep = [&] { ++slept; };
  CHECK(bench.run().outcome == RunOutcome::contributed);
  CHECK(bench.wire.overslept == 0);
  CHECK_MESSAGE(slept <= 2, "while it trained, and nothing else");
}

TEST_CASE("a withdrawal from any function of the host that a run calls is heard before the run waits, from the very first on") {
  for (const bool all : {false, true}) {
    bool were_all_tried = false;
    for (int at = 1; !were_all_tried; ++at) {
      CAPTURE(at);
      EngineBench bench;
      bench.ready();
      int calls = 0;
      bench.host.on_any = [&](const char*) {
        if (++calls == at && !were_all_tried) CHECK((all ? bench.device->withdraw_all_consent() : bench.device->withdraw_consent("next_category")));
      };
      bench.wire.on_sleep = [&] {
        if (calls >= at) return;
        were_all_tried = true;
        bench.device->cancel();
      };
      const RunReport report = bench.run();
      CHECK(bench.wire.overslept == 0);
      if (!were_all_tried) CHECK((report.outcome == RunOutcome::withdrawn || report.outcome == RunOutcome::no_consent));
    }
  }
}

TEST_CASE("a cancel without a run is nobody's; one from the host's first callback, or while it is asked, ends the run; after close none begins") {
  EngineBench bench;
  bench.wire.on_send = [&](const Frames&) { bench.wire.tell(ComeBack{}, SessionId{}); };
  bench.ready();
  bench.device->cancel();
  CHECK(bench.run().outcome == RunOutcome::not_selected);
  bench.rest();
  bench.host.on_conditions = [&] { bench.device->cancel(); };  // before anything was sent
  CHECK(bench.run().outcome == RunOutcome::cancelled);
  CHECK(bench.wire.said.size() == 1);
  bench.host.on_conditions = {};
  bench.rest();
  bench.device->close();
  const auto after = bench.device->run_once();
  REQUIRE_FALSE(after);
  CHECK(after.error().code == ErrorCode::conflict);
}

TEST_CASE("conditions that end are seen at every phase, before the next message") {
  for (const auto& phase : kPhases) {
    EngineBench bench;
    SecureCoordinator coordinator(bench);
    bench.ready();
    const Then then(bench, coordinator, phase, [&] {
      bench.host.now.charging = false;
      bench.host.pass(Millis(1'000));
    });
    const RunReport report = bench.run();
    CHECK(report.outcome == RunOutcome::conditions);
    CHECK(report.words == "the device is not charging");
    CHECK(bench.wire.said.size() == then.said);
  }
}

TEST_CASE("a host's clock that stands still ends no run later than the system's does") {
  EngineBench bench;
  bench.time_stands_still = true;
  Millis own{0};
  int waits = 0;
  bench.own_clock = [&] { return own; };
  bench.ready();
  bench.wire.on_turn = [&] {
    ++waits;
    own += Millis(25);  // two of them a wait, and a real one takes 50
    REQUIRE(waits < 100'000);
  };
  const RunReport report = bench.run();  // nobody answers
  CHECK(report.outcome == RunOutcome::not_selected);
  CHECK(waits >= 24'000);  // ten minutes
  CHECK(waits < 24'100);
  CHECK(bench.host.conditions_asked > 590);  // once a second all the same
  CHECK(report.come_back_in >= Millis(720'000));
}

TEST_CASE("a host's clock that goes back at any phase, or is below 0, ends the run before the next message") {
  for (const bool negative : {false, true}) {
    for (const auto& phase : kPhases) {
      EngineBench bench;
      SecureCoordinator coordinator(bench);
      bench.ready();
      const Then then(bench, coordinator, phase, [&] {
        if (negative) bench.host.now_ms = -5;
        else bench.host.now_ms -= 10;
      });
      const RunReport report = bench.run();
      CHECK(report.outcome == RunOutcome::failed);
      CHECK(report.words.find("clock went back") != std::string::npos);
      CHECK(bench.wire.said.size() == then.said);
    }
  }
  // And from the beginning.
  EngineBench bench;
  bench.ready();
  bench.host.now_ms = -1'000;
  CHECK(bench.run().outcome == RunOutcome::failed);
  CHECK(bench.wire.said.empty());
}

TEST_CASE("a host's clock that jumps forward ends the round by its deadline, and nothing more is sent for it") {
  for (const auto& phase : kPhases) {
    CAPTURE((phase ? std::string(to_string(*phase)) : "training"));
    EngineBench bench;
    SecureCoordinator coordinator(bench);
    bench.ready();
    const Then then(bench, coordinator, phase, [&] {
      bench.host.pass(std::chrono::hours(20));
      bench.wire.for_device.clear();  // lost while it slept
    });
    const RunReport report = bench.run();
    CHECK((report.outcome == RunOutcome::unreachable || report.outcome == RunOutcome::not_selected));
    CHECK(bench.wire.said.size() == then.said);
    CHECK(report.come_back_in <= Millis(1'080'000));
  }
  // Even to the end of its numbers.
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  bench.ready();
  const Then then(bench, coordinator, MessageType::share_keys, [&] { bench.host.now_ms = std::numeric_limits<std::int64_t>::max(); });
  CHECK(bench.run().outcome == RunOutcome::failed);
  CHECK(bench.wire.said.size() == then.said);
}

TEST_CASE("a training that throws is a failed run, which the coordinator hears of, and the device lives on") {
  EngineBench bench;
  bench.orders.throws = true;
  SecureCoordinator coordinator(bench);
  bench.ready();
  const RunReport report = bench.run();
  CHECK(report.outcome == RunOutcome::failed);
  CHECK(report.words == "the training failed: an exception inside the training");
  CHECK(bench.wire.types() == std::vector<MessageType>{MessageType::check_in, MessageType::decline});
  bench.orders.throws = false;
  bench.rest();
  CHECK(bench.run().outcome == RunOutcome::contributed);
}

TEST_CASE("a function of the host that throws ends the run and comes out, the training is stopped, and the next run goes") {
  for (const bool in_phase : {false, true}) {
    EngineBench bench;
    SecureCoordinator coordinator(bench);
    bench.orders.waits_for_stop = true;
    bench.ready();
    bool throws = true;
    if (in_phase)
      bench.host.on_phase = [&](DevicePhase phase) {
        if (throws && phase == DevicePhase::training) throw std::runtime_error("a host");
      };
    else
      bench.host.on_conditions = [&] {
        if (throws && bench.orders.trained > 0) throw std::runtime_error("a host");
      };
    CHECK_THROWS_AS((void)bench.device->run_once(), std::runtime_error);
    throws = false;
    bench.orders.waits_for_stop = false;
    bench.wire.for_device.clear();
    bench.rest();
    CHECK(bench.run().outcome == RunOutcome::contributed);
    CHECK(bench.device->wipe());
  }
}

TEST_CASE("a host that gives examples slowly can stop when the run is cancelled") {
  EngineBench bench;
  std::atomic<bool> asked = false;
  bench.examples = [&](const ExampleRequest& request) -> Result<std::vector<models::Transaction>> {
    asked = true;
    while (!request.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::microseconds(100));
    return fail(ErrorCode::refused, "the run has ended");
  };
  OpenCoordinator coordinator(bench);
  bench.ready();
  bench.wire.on_turn = [&] {
    if (asked) bench.device->cancel();
  };
  CHECK(bench.run().outcome == RunOutcome::cancelled);
  CHECK(bench.wire.said.size() == 1);
}

TEST_CASE("one run at a time, and no wipe meanwhile") {
  EngineBench bench;
  bench.ready();
  std::thread other;
  bench.wire.on_send = [&](const Frames&) {
    other = std::thread([&] {
      CHECK(bench.device->run_once().error().code == ErrorCode::conflict);
      CHECK(bench.device->wipe().error().code == ErrorCode::conflict);
    });
    other.join();
    bench.wire.tell(ComeBack{}, SessionId{});
  };
  CHECK(bench.run().outcome == RunOutcome::not_selected);
  CHECK(bench.device->wipe());
  CHECK(bench.device->run_once().error().code == ErrorCode::not_found);
}

}  // namespace
}  // namespace fedspend::client
