// A device's runs with a real round on the other side: what they come to, how long they pause, what they train on.

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "tests/device/bench.h"

namespace fedspend::client {
namespace {

TEST_CASE("a whole round of secure aggregation: contributed, charged once, and every message is in the history with its bytes") {
  EngineBench bench;
  SecureCoordinator coordinator(bench);
  bench.ready();
  const RunReport report = bench.run();
  CHECK(report.outcome == RunOutcome::contributed);
  CHECK(report.bytes_sent == bench.wire.bytes());
  CHECK(bench.wire.types() == std::vector<MessageType>{MessageType::check_in, MessageType::advertise_keys, MessageType::share_keys, MessageType::masked_input, MessageType::sign_survivors, MessageType::unmask});
  CHECK(bench.kinds() == std::vector<std::string>{"enrolled", "checked_in", "control", "control", "contributed", "control", "control"});
  CHECK(parsed(bench.device->statement().value())["in_all"]["contributions"] == 1);
  CHECK(bench.host.phases == std::vector<DevicePhase>{DevicePhase::checked_in, DevicePhase::training, DevicePhase::aggregating, DevicePhase::idle});
  // The coordinator asked for a minute; with its jitter.
  CHECK(report.come_back_in >= Millis(48'000));
  CHECK(report.come_back_in <= Millis(72'000));
  CHECK(bench.run().outcome == RunOutcome::too_early);
  CHECK(bench.wire.said.size() == 6);
  const RingVector sum = coordinator.cohort.unmasked();
  CHECK(std::ranges::equal(sum.values(), coordinator.cohort.sum_of({0, 1, 2, 3, 4, 5, 6, 7}).values()));
}

TEST_CASE("an open sum says that its update is not masked") {
  EngineBench bench;
  OpenCoordinator coordinator(bench);
  bench.ready();
  CHECK(bench.run().outcome == RunOutcome::contributed);
  CHECK(bench.kinds() == std::vector<std::string>{"enrolled", "checked_in", "contributed_open"});
  CHECK(bench.device->history_words().value().find("without a mask") != std::string::npos);
}

TEST_CASE("a coordinator that asks to come back at once, or in seven weeks, is heard within bounds, and the pause outlives a restart and a clock set back") {
  for (const auto& [asked_ms, least_ms, most_ms] : std::vector<std::tuple<std::uint32_t, std::int64_t, std::int64_t>>{
           {0, 48'000, 72'000}, {1, 48'000, 72'000}, {600'000, 480'000, 720'000}, {UINT32_MAX, 7 * 86'400'000LL * 4 / 5, 7 * 86'400'000LL * 6 / 5}}) {
    CAPTURE(asked_ms);
    EngineBench bench;
    bench.wire.on_send = [&, asked = asked_ms](const Frames&) { bench.wire.tell(ComeBack{ComeBackReason::not_selected, asked}, SessionId{}); };
    bench.ready();
    const RunReport report = bench.run();
    CHECK(report.outcome == RunOutcome::not_selected);
    CHECK(report.come_back_in >= Millis(least_ms));
    CHECK(report.come_back_in <= Millis(most_ms));
    CHECK(bench.run().outcome == RunOutcome::too_early);
    bench.open();
    bench.host.wall_s -= 900;  // the pause begins anew, and is no longer than it was
    const RunReport early = bench.run();
    CHECK(early.outcome == RunOutcome::too_early);
    CHECK(early.come_back_in <= report.come_back_in + Millis(1'000));
    bench.host.pass(early.come_back_in);
    CHECK(bench.run().outcome == RunOutcome::not_selected);
  }
}

TEST_CASE("a pause that an earlier process was asked for is over once the address, a key or the policy is another, or the operator says so, and in no other case") {
  EngineBench bench;
  bench.wire.on_send = [&](const Frames&) { bench.wire.tell(ComeBack{ComeBackReason::not_selected, 600'000}, SessionId{}); };
  bench.configuration[0] = 1;
  bench.ready();
  CHECK(bench.run().outcome == RunOutcome::not_selected);
  bench.open();
  CHECK(bench.run().outcome == RunOutcome::too_early);
  SUBCASE("mended") { bench.configuration[0] = 2; }
  SUBCASE("said so") { bench.forgets_pause = true; }
  bench.open();
  CHECK(bench.run().outcome == RunOutcome::not_selected);
  CHECK(bench.run().outcome == RunOutcome::too_early);  // its own pause counts in any case
  bench.forgets_pause = false;
  bench.open();
  CHECK(bench.run().outcome == RunOutcome::too_early);
}

TEST_CASE("a coordinator that does not take this device is an outcome of its own, with its reason, and a long pause") {
  for (const auto& [reason, words] : std::vector<std::pair<ComeBackReason, std::string>>{
           {ComeBackReason::not_enrolled, "not-enrolled"}, {ComeBackReason::wrong_population, "wrong-population"}, {ComeBackReason::version, "version"}, {ComeBackReason::malformed, "malformed"}}) {
    EngineBench bench;
    bench.wire.on_send = [&, why = reason](const Frames&) { bench.wire.tell(ComeBack{why, 1'000}, SessionId{}); };
    bench.ready();
    const RunReport report = bench.run();
    CHECK(report.outcome == RunOutcome::turned_away);
    CHECK(to_string(report.outcome) == "turned-away");
    CHECK_MESSAGE(report.words.find(std::string(to_string(reason))) != std::string::npos, report.words << " for " << words);
    CHECK(report.come_back_in >= Millis(11'520'000));
  }
}

TEST_CASE("rows beyond their retention are not trained on and are erased, when the device is opened and before each training, by a clock that moves") {
  EngineBench bench;
  bench.orders.fresh = true;
  bench.limits = {.retention_days = 20};
  OpenCoordinator coordinator(bench);
  bench.ready();
  std::vector<IngestedTransaction> old = purchases(10, kEngineNow_s - 10 * 86'400);
  for (auto& row : old) row.id += " old";
  REQUIRE(bench.device->ingest(old));
  CHECK(bench.run().outcome == RunOutcome::contributed);
  const std::size_t all = bench.orders.rows;
  // A shorter one for this purpose alone: the rows are there for another, and not for this.
  REQUIRE(bench.device->set_retention("next_category", 5));
  bench.host.pass(std::chrono::hours(2));
  CHECK(bench.run().outcome == RunOutcome::contributed);
  CHECK(bench.orders.rows < all);
  CHECK(bench.orders.rows > 10);
  // Kept over a restart.
  bench.open();
  bench.host.pass(std::chrono::hours(2));
  CHECK(bench.run().outcome == RunOutcome::contributed);
  CHECK(bench.orders.rows < all);
  REQUIRE(bench.device->set_retention("next_category", 0));
  bench.host.pass(std::chrono::hours(2));
  CHECK(bench.run().outcome == RunOutcome::contributed);
  CHECK(bench.orders.rows == all);
  // Ten days later the old ones are over, and ten more days later all.
  const auto kept = [&] {
    bench.device.reset();
    FileSeedProtector protector(bench.folder.path() / kStoreKeyFile, bench.random);
    const auto vault = VaultStore::open(bench.folder.path() / kVaultFile, protector, bench.random);
    REQUIRE(vault);
    std::size_t rows = 0;
    REQUIRE((*vault)->read(Shelf::transaction, 2, [&](std::uint64_t, ByteSpan) { return ++rows > 0; }));
    return rows;
  };
  CHECK(kept() == 50);
  bench.host.pass(std::chrono::hours(24 * 11));
  bench.open();
  CHECK(kept() == 40);
  bench.open();
  bench.host.pass(std::chrono::hours(24 * 11));
  bench.run();  // too few rows by now
  CHECK(kept() == 0);
}

TEST_CASE("the host's own examples keep to the rules of those that are ingested, and to the retention") {
  EngineBench bench;
  bench.orders.fresh = true;
  std::vector<models::Transaction> rows;
  for (const IngestedTransaction& row : purchases(60)) rows.push_back(row.transaction);
  std::string spoilt;
  SUBCASE("good ones are trained on") {}
  SUBCASE("an amount") { rows[7].amount_minor = -1; spoilt = "example 7: its amount"; }
  SUBCASE("a text") { rows[7].category = "\xff"; spoilt = "not UTF-8"; }
  SUBCASE("a long text") { rows[7].merchant = std::string(257, 'm'); spoilt = "257 bytes"; }
  SUBCASE("the future") { rows.back().time_s = kEngineNow_s + 200'000; spoilt = "after now"; }
  SUBCASE("the order") { std::swap(rows[3], rows[9]); spoilt = "oldest first"; }
  bench.examples = [&](const ExampleRequest& request) -> Result<std::vector<models::Transaction>> {
    CHECK(request.now_s >= kEngineNow_s);
    return rows;
  };
  OpenCoordinator coordinator(bench);
  bench.ready();
  REQUIRE(bench.device->set_retention("next_category", 1));
  const RunReport report = bench.run();
  if (spoilt.empty()) {
    CHECK(report.outcome == RunOutcome::contributed);
    CHECK(bench.orders.rows > 10);
    CHECK(bench.orders.rows < 24);  // a day of one an hour
  } else {
    CHECK(report.outcome == RunOutcome::failed);
    CHECK_MESSAGE(report.words.find(spoilt) != std::string::npos, report.words);
    CHECK(bench.orders.trained == 0);
  }
}

TEST_CASE("enrolment is in the history, and what cannot be noted is not handed out nor installed") {
  EngineBench bench;
  bench.open();
  REQUIRE(bench.device->enrolment_request(std::string(64, '7'), "till 4"));
  CHECK(bench.kinds() == std::vector<std::string>{"enrolment_requested"});
  REQUIRE(bench.device->install_certificate(certificate_line(testing::certificate_of(testing::device_keys(1).identity.public_key()))));
  CHECK(bench.kinds() == std::vector<std::string>{"enrolment_requested", "enrolled"});
  bench.open();
  CHECK(bench.device->is_enrolled());
}

TEST_CASE("withdrawing the insights' consent erases the personal models, and withdrawing another does not") {
  EngineBench bench;
  bench.ready();
  const auto personal_rows = [&] {
    bench.device.reset();
    FileSeedProtector protector(bench.folder.path() / kStoreKeyFile, bench.random);
    auto vault = VaultStore::open(bench.folder.path() / kVaultFile, protector, bench.random);
    REQUIRE(vault);
    return std::pair((*vault)->size_of(Shelf::personal)->rows, std::move(*vault));
  };
  const auto plant = [&] {
    REQUIRE(bench.device->give_consent(kPurposePersonalInsights, {.version = "1"}));
    const auto [rows, vault] = personal_rows();
    const VaultRow model{Shelf::personal, 1, Bytes(100, 7)};
    REQUIRE(vault->change({}, {&model, 1}));
  };
  plant();
  REQUIRE(bench.open().withdraw_consent("next_category"));
  CHECK(personal_rows().first == 1);
  SUBCASE("by name") { REQUIRE(bench.open().withdraw_consent(kPurposePersonalInsights)); }
  SUBCASE("all") { REQUIRE(bench.open().withdraw_all_consent()); }
  CHECK(personal_rows().first == 0);
}

}  // namespace
}  // namespace fedspend::client
