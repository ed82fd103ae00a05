#include "simulations/federation/world.h"

#include <algorithm>
#include <filesystem>

#include <doctest/doctest.h>

#include "simulations/federation/participation.h"
#include "tests/paths.h"
#include "tests/simulations/runs/small_run.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

constexpr Millis kHour{3'600'000};

// Everything that can happen happens, often.
constexpr std::string_view kHarsh = R"(
name = "harsh"
starts_at_hour_utc = 12
check_in_spread_s = 30
patience_h = 2000
[[class]]
name = "phone"
share = 3
available = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0, 0, 0, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.6, 0.6, 0.6, 0.5, 0.5]
rows_per_second = 20
rows_per_second_spread = 1.5
wait_s = 25
wait_spread = 1.5
up_kbit_per_s = 200
up_spread = 1.5
down_kbit_per_s = 900
latency_ms = 80
drop = { waiting = 0.1, training = 0.1, sending = 0.2, reply = 0.2 }
reconnects = 0.5
reconnect_after_s = 7
[[class]]
name = "branch"
share = 1
available = 1
rows_per_second = 500
latency_ms = 10
[[time_zone]]
name = "UTC+00:00"
share = 1
[[time_zone]]
name = "UTC+05:30"
utc_offset_h = 5.5
share = 1
)";

World harsh() {
  auto world = parse_world(kHarsh, "harsh.toml");
  REQUIRE(world);
  return *world;
}

tests::SmallRun in_harsh_world(std::uint64_t clients = 40, const std::string& aggregation = "secure") {
  tests::SmallRun run = tests::small_run(clients, {"federation.rounds=9", "federation.cohort=6", "federation.min_cohort=3", "federation.over_selection=1.5", "federation.round_deadline_ms=60000",
                                                   "federation.retry_after_ms=60000", "aggregation.mode=" + aggregation});
  run.options.federation.world = harsh();
  return run;
}

Result<RunResult> run_of(const tests::SmallRun& run, std::vector<RunCheckpoint>* checkpoints = nullptr, std::optional<RunCheckpoint> from = {}) {
  const auto keep = [&](const RunCheckpoint& reached) -> Status {
    if (checkpoints != nullptr) checkpoints->push_back(reached);
    return {};
  };
  return run_federation(run.options, run.clients, [](const auto&, const auto&) { return true; }, keep, std::move(from));
}

std::uint64_t sum_of(const RunRecord& record, const std::string& key) {
  std::uint64_t sum = 0;
  for (const auto& line : record.lines()) sum += line.at(key).get<std::uint64_t>();
  return sum;
}

}  // namespace

TEST_CASE("the shipped worlds are worlds") {
  for (const std::string name : {"phones", "branches", "mixed"}) {
    const auto world = read_world_file(std::filesystem::path(tests::source_dir()) / "simulations/worlds" / (name + ".toml"));
    REQUIRE(world);
    CHECK(world->name == name);
  }
}

TEST_CASE("a scenario file with a mistake is refused with its key and its line") {
  const auto refusal = [](const std::string& text) {
    const auto world = parse_world(text, "w.toml");
    if (world) return std::string();
    CHECK(world.error().code == ErrorCode::malformed);
    return world.error().message;
  };
  const std::string good = "name = \"w\"\n[[class]]\nname = \"phone\"\n";
  CHECK(refusal(good) == "");
  CHECK(refusal("") == "w.toml:1: name must be a word of at most 64 bytes");
  CHECK(refusal("name = \"w\"\n").find("class is missing") != std::string::npos);
  CHECK(refusal("name = ") .find("w.toml:1") != std::string::npos);
  CHECK(refusal(good + "speed = 3\n") == "w.toml:4: unknown key class phone: speed");
  CHECK(refusal(good + "available = [1, 1]\n") == "w.toml:4: class phone: available has 2 values");
  CHECK(refusal(good + "available = 1.5\n") == "w.toml:4: class phone: available must be a number from 0 to 1");
  CHECK(refusal(good + "available = 0\n") == "w.toml:4: class phone: available is zero at every hour");
  CHECK(refusal(good + "drop = { trainnig = 0.1 }\n") == "w.toml:4: unknown key class phone: drop: trainnig");
  CHECK(refusal(good + "drop = 0.1\n") == "w.toml:4: class phone: drop must be a table");
  CHECK(refusal(good + "rows_per_second_spread = 9\n") == "w.toml:4: class phone: rows_per_second_spread must be a number from 0 to 4");
  CHECK(refusal(good + "rows_per_second = nan\n") == "w.toml:4: class phone: rows_per_second must be a number from 0 to 1e+09");
  CHECK(refusal(good + "[[class]]\nname = \"phone\"\n") == "w.toml:5: class: name \"phone\" stands twice");
  CHECK(refusal(good + "share = 0\n").find("all shares are zero") != std::string::npos);
  CHECK(refusal(good + "[[time_zone]]\nname = \"X\"\nutc_offset_h = 15\n") == "w.toml:6: time_zone X: utc_offset_h must be a number from -14 to 14");
}

TEST_CASE("a device's character follows from the seed and its name, the same on every machine") {
  const World world = harsh();
  const DeviceCharacter device = draw_character(world, 1, "card 7", "", "");
  CHECK(device.salt == 9231530182940058654U);
  CHECK(device.rows_per_second == 14);
  CHECK(device.up_bits_per_second == 50131);
  CHECK(device.down_bits_per_second == 900'000);
  CHECK(draw_character(world, 2, "card 7", "", "").salt != device.salt);
  CHECK(draw_character(world, 1, "card 8", "", "").salt != device.salt);
}

TEST_CASE("what the data say of a device decides its class and its time zone; what they say of another world does not") {
  const World world = harsh();
  unsigned branches = 0, east = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string name = std::to_string(i);
    CHECK(draw_character(world, 1, name, "branch", "UTC+05:30").device_class == 1);
    CHECK(draw_character(world, 1, name, "branch", "UTC+05:30").utc_offset_minutes == 330);
    CHECK(draw_character(world, 1, name, "phone", "UTC+00:00").device_class == 0);
    branches += draw_character(world, 1, name, "watch", "Mars").device_class;
    east += draw_character(world, 1, name, "", "").utc_offset_minutes == 330 ? 1U : 0U;
  }
  CHECK(branches > 30);
  CHECK(branches < 75);
  CHECK(east > 70);
  CHECK(east < 130);
}

TEST_CASE("a spread has its median, and two thirds of it within its octaves") {
  const Spread spread{.median = 1'000'000, .octaves_q16 = 65536};
  DeviceCharacter device;
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = 0; i < 4000; ++i) values.push_back(spread.draw(draw(device, 1, i)));
  std::sort(values.begin(), values.end());
  CHECK(values[2000] > 950'000);
  CHECK(values[2000] < 1'050'000);
  const auto within = std::count_if(values.begin(), values.end(), [](std::uint64_t value) { return value > 500'000 && value < 2'000'000; });
  CHECK(within > 2600);
  CHECK(within < 2860);
  CHECK(Spread{.median = 0, .octaves_q16 = 65536}.draw(1) == 0);
  CHECK(Spread{.median = 77, .octaves_q16 = 0}.draw(123) == 77);
  // The largest that a scenario file can ask for.
  for (std::uint64_t i = 0; i < 1000; ++i) CHECK(Spread{.median = 100'000'000'000, .octaves_q16 = 4 * 65536}.draw(draw(device, 2, i)) < std::uint64_t{1} << 62);
}

TEST_CASE("a device is within reach in its local hours alone, for as long as it is said to be") {
  const World world = harsh();  // a phone is never there from 8 to 11 o'clock
  for (int i = 0; i < 50; ++i) {
    const DeviceCharacter device = draw_character(world, 1, std::to_string(i), "phone", i % 2 == 0 ? "UTC+00:00" : "UTC+05:30");
    const auto local_hour = [&](Millis time) { return ((time + world.starts_at).count() / 60'000 + device.utc_offset_minutes) / 60 % 24; };
    Millis time{0};
    for (int stay = 0; stay < 20; ++stay) {
      const Millis from = available_from(world, device, time);
      REQUIRE(from != kNever);
      CHECK(from >= time);
      CHECK(available_from(world, device, from) == from);
      CHECK((local_hour(from) < 8 || local_hour(from) >= 11));
      const Millis until = available_until(world, device, from);
      CHECK(until > from);
      CHECK(until - from < 24 * kHour);
      CHECK(available_from(world, device, until - Millis(1)) == until - Millis(1));
      CHECK(available_from(world, device, until) > until);
      time = until;
    }
  }
  const DeviceCharacter branch = draw_character(world, 1, "b", "branch", "");
  CHECK(available_from(world, branch, Millis(123)) == Millis(123));
  CHECK(available_until(world, branch, Millis(123)) == kNever);
}

TEST_CASE("a run in a harsh world is the same to the bit for any number of threads, and from each of its checkpoints") {
  tests::SmallRun run = in_harsh_world();
  std::vector<RunCheckpoint> checkpoints;
  const auto one = run_of(run, &checkpoints);
  REQUIRE(one);
  CHECK(checkpoints.size() == 2);
  // Not a fair-weather run: each thing has happened.
  for (const std::string key : {"dropped_waiting", "dropped_training", "dropped_sending", "too_slow", "replies_lost", "reconnected", "late"}) {
    CAPTURE(key);
    CHECK(sum_of(one->record, key) > 0);
  }
  CHECK(one->simulated_time > kHour / 60);
  run.options.federation.threads = 3;
  const auto three = run_of(run);
  REQUIRE(three);
  CHECK((tests::bits_of(*three) == tests::bits_of(*one)));
  for (const RunCheckpoint& checkpoint : checkpoints) {
    const auto decoded = decode_checkpoint(encode_checkpoint(checkpoint));
    REQUIRE(decoded);
    const auto resumed = run_of(run, nullptr, *decoded);
    REQUIRE(resumed);
    CHECK((tests::bits_of(*resumed) == tests::bits_of(*one)));
    CHECK(resumed->participation.front().gini == one->participation.front().gini);
  }
}

TEST_CASE("what a run reports of its devices adds up") {
  const tests::SmallRun run = in_harsh_world();
  const auto result = run_of(run);
  REQUIRE(result);
  const ParticipationSpread& all = result->participation.front();
  CHECK(all.devices == result->eligible_clients);
  CHECK(all.asked == sum_of(result->record, "asked"));
  CHECK(all.contributed == sum_of(result->record, "updates"));
  CHECK(result->participation[1].device_class == "phone");
  CHECK(result->participation[2].device_class == "branch");
  CHECK(result->participation[1].contributed + result->participation[2].contributed == all.contributed);
  // Branches are always there and never fail: each of them contributes more often than a phone.
  const auto per_device = [](const ParticipationSpread& of) { return static_cast<double>(of.contributed) / static_cast<double>(of.devices); };
  CHECK(per_device(result->participation[2]) > per_device(result->participation[1]));
}

TEST_CASE("where every device drops out, the run ends when its patience does, and says why") {
  const std::pair<const char*, const char*> reasons[] = {{"secure", "a roster of 0 clients, below the least of 3"}, {"open", "too few updates: 0 of at least 3"}};
  for (const auto& [aggregation, reason] : reasons) {
    CAPTURE(aggregation);
    tests::SmallRun run = in_harsh_world(40, aggregation);
    auto& world = run.options.federation.world;
    world.patience = Millis(24 * kHour);
    for (DeviceClass& kind : world.classes) kind.drop_training = kCertain;
    const auto result = run_of(run);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::timeout);
    CHECK(result.error().message.ends_with(reason));
  }
}

TEST_CASE("lost replies and connections that come back make devices send twice, and no update counts twice") {
  tests::SmallRun run = in_harsh_world();
  for (DeviceClass& kind : run.options.federation.world.classes) {
    kind.reply_lost = kCertain / 2;
    kind.drop_sending = kCertain / 2;
    kind.reconnects = kCertain;
    kind.drop_training = kind.drop_waiting = 0;
  }
  std::uint64_t most = 0;
  const auto result = run_federation(run.options, run.clients, [&](const SimulatedRound& round, const auto&) {
    auto contributors = round.summary.contributors;
    CHECK(std::adjacent_find(contributors.begin(), contributors.end()) == contributors.end());
    most = std::max<std::uint64_t>(most, contributors.size());
    return true;
  });
  REQUIRE(result);
  CHECK(sum_of(result->record, "reconnected") > 3);
  CHECK(sum_of(result->record, "replies_lost") > 3);
  CHECK(most <= 6);
}

TEST_CASE("how evenly devices take part, on counts whose spread is known") {
  std::vector<DeviceState> devices(4);
  devices[3].contributed = 8;
  CHECK(spread_of(devices).gini == 0.75);  // one of four does all
  CHECK(spread_of(devices).never_share == 0.75);
  CHECK(spread_of(devices).median == 0);
  for (DeviceState& device : devices) device.contributed = 5;
  CHECK(spread_of(devices).gini == 0);
  CHECK(spread_of(devices).min == 5);
  CHECK(spread_of(devices).never_share == 0);
  CHECK(spread_of({}).devices == 0);
}
