// The record of a simulated device: the rules of client/device_record.h, held over segments, each of which opens it anew on the same state.
#include "simulations/federation/simulated_record.h"

#include <functional>
#include <limits>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "common/crypto/random.h"
#include "common/privacy/gaussian_rdp.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

constexpr RoundId kRound{7};
constexpr Hash256 kKey{1, 2, 3};
const TaskId kTask{{9}};
const PrivacyCost kCost{.has_noise = true, .rdp = gaussian_rdp_curve(2)};

SessionId session_of(std::uint8_t value) { return {{value, 1}}; }
Hash256 update_of(std::uint8_t value) { return {value, 2}; }
bool is(const Status& status, ErrorCode code) { return !status && status.error().code == code; }
// Nothing but a cap.
client::ParticipationLimits capped(std::uint32_t max_participations) {
  constexpr double unlimited = std::numeric_limits<double>::infinity();
  return {.of_task = {.max_participations = max_participations, .max_epsilon = unlimited, .delta = 1e-6}, .max_epsilon_in_all = unlimited, .delta_in_all = 1e-6};
}
bool conflicts(const Status& status) { return is(status, ErrorCode::conflict); }

}  // namespace

TEST_CASE("every participation of the account counts as the plan's dearest, in later segments too, and rounds keep their distance") {
  DeviceState state;
  client::ParticipationLimits limits = capped(9);
  limits.of_task.min_separation_rounds = 3;
  CHECK(SimulatedRecord(state, kCost, kKey).charge_participation(kTask, RoundId{7}, session_of(1), kCost, limits));
  SimulatedRecord later(state, kCost, kKey);
  CHECK(is(later.charge_participation(kTask, RoundId{9}, session_of(2), kCost, limits), ErrorCode::refused));
  CHECK(later.charge_participation(kTask, RoundId{10}, session_of(2), kCost, limits));
  CHECK(later.account(kTask).value() == PrivacyAccount{.participations = 2, .last_round = 10, .rdp = kCost.rdp.times(2)});
  CHECK(later.account_in_all().value().epsilon(1e-6) == repeated(kCost, 2).epsilon(1e-6));
}

TEST_CASE("participations are charged once a session, and end at the cap, also in later segments") {
  DeviceState state;
  {
    SimulatedRecord record(state, kCost, kKey);
    CHECK(record.charge_participation(kTask, kRound, session_of(1), kCost, capped(2)));
    CHECK(conflicts(record.charge_participation(kTask, kRound, session_of(1), kCost, capped(2))));
    CHECK(record.participations(kTask).value() == 1);
  }
  {
    SimulatedRecord record(state, kCost, kKey);
    CHECK(record.participations(kTask).value() == 1);
    CHECK(record.charge_participation(kTask, kRound, session_of(2), kCost, capped(2)));
    CHECK(is(record.charge_participation(kTask, kRound, session_of(3), kCost, capped(2)), ErrorCode::refused));
  }
  SimulatedRecord record(state, kCost, kKey);
  CHECK(is(record.charge_participation(kTask, kRound, session_of(4), kCost, capped(2)), ErrorCode::refused));
  CHECK(record.participations(kTask).value() == 2);
  CHECK(state.participations == 2);
}

TEST_CASE("an update that went into a sum goes into no other, also in later segments, and under another key nothing is known of it") {
  DeviceState state;
  {
    SimulatedRecord record(state, kCost, kKey);
    CHECK_FALSE(record.has_contributed(update_of(1)).value());
    CHECK(record.record_update(session_of(1), update_of(1)));
    CHECK(record.record_update(session_of(1), update_of(1)));
    CHECK(conflicts(record.record_update(session_of(2), update_of(1))));
    CHECK(conflicts(record.record_update(session_of(1), update_of(2))));
  }
  SimulatedRecord record(state, kCost, kKey);
  CHECK(record.has_contributed(update_of(1)).value());
  CHECK_FALSE(record.has_contributed(update_of(2)).value());
  CHECK(conflicts(record.record_update(session_of(3), update_of(1))));
  CHECK(record.record_update(session_of(3), update_of(2)));
  CHECK_FALSE(SimulatedRecord(state, kCost, Hash256{4}).has_contributed(update_of(1)).value());
}

TEST_CASE("of more updates than are kept the oldest is forgotten, and no more room is taken") {
  DeviceState state;
  SimulatedRecord record(state, kCost, kKey);
  for (std::uint8_t i = 0; i < 100; ++i) {
    REQUIRE(record.record_update(session_of(i), update_of(i)));
    REQUIRE(record.record_survivor_choice(session_of(i), update_of(i)));
    for (std::uint8_t old = 0; old <= i; ++old) {
      CAPTURE(old);
      CHECK(record.has_contributed(update_of(old)).value() == (i - old < int{kKeptUpdates}));
    }
    CHECK(conflicts(record.record_survivor_choice(session_of(i), update_of(200))));
  }
  CHECK(state.updates.size() == kKeptUpdates);
  CHECK(state.updates.capacity() == kKeptUpdates);
}

TEST_CASE("within its limits it says what the record in memory says, segment for segment") {
  CHECK(rc::check([] {
    DeviceState state;
    SeededRandom random(1);
    client::MemoryDeviceRecord expected(random);
    std::optional<SimulatedRecord> record(std::in_place, state, kCost, kKey);
    std::uint8_t first_session = 0;  // of the segment: none comes again in the next
    const auto operations = *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
    for (const std::uint8_t operation : operations) {
      const SessionId session = session_of(static_cast<std::uint8_t>(first_session + operation / 8 % 4));
      const Hash256 update = update_of(operation / 32);
      const auto same = [&](const std::function<Status(client::DeviceRecord&)>& call) {
        const Status was = call(*record), wanted = call(expected);
        RC_ASSERT(was.has_value() == wanted.has_value());
        if (!was) RC_ASSERT((was.error().code == wanted.error().code && was.error().message == wanted.error().message));
      };
      switch (operation % 8) {
        case 0: same([&](auto& at) { return at.record_answered(kTask, kRound, session); }); break;
        case 1: same([&](auto& at) { return at.record_survivor_choice(session, update); }); break;
        case 2: same([&](auto& at) { return at.charge_participation(kTask, kRound, session, kCost, capped(3)); }); break;
        case 3:
        case 4: same([&](auto& at) { return at.record_update(session, update); }); break;
        case 5: RC_ASSERT(record->has_contributed(update).value() == expected.has_contributed(update).value()); break;
        case 6: RC_ASSERT(record->participations(kTask).value() == expected.participations(kTask).value()); break;
        default:
          if (first_session > 200) break;
          first_session = static_cast<std::uint8_t>(first_session + 4);
          record.emplace(state, kCost, kKey);
      }
    }
  }));
}
