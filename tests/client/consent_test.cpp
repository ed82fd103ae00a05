// What the customer has agreed to: nothing by default, both ways at once, and a record of it that a restart finds.

#include "client/consent.h"

#include <map>
#include <set>
#include <thread>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "tests/client/fallible_vault.h"
#include "tests/client/parsed_json.h"

namespace fedspend::client {
namespace {

const ConsentNotice kNotice{.version = "2026-11", .language = "de-CH", .method = "switch in settings"};

std::unique_ptr<Consents> opened(Vault& vault) {
  auto consents = Consents::open(vault);
  REQUIRE_MESSAGE(consents, consents.error().message);
  return std::move(*consents);
}

TEST_CASE("nothing is consented to by default, whatever is asked for") {
  MemoryVault vault;
  const auto consents = opened(vault);
  for (const std::string_view purpose : {std::string_view("next_category"), kPurposeEvaluation, kPurposePersonalInsights, std::string_view("")}) CHECK_FALSE(consents->is_given(purpose));
  CHECK(consents->purposes().empty());
  CHECK(consents->events().empty());
}

TEST_CASE("consent counts for its purpose alone, at once and after a restart") {
  MemoryVault vault;
  {
    const auto consents = opened(vault);
    REQUIRE(consents->give("next_category", kNotice, 1'000));
    CHECK(consents->is_given("next_category"));
    CHECK_FALSE(consents->is_given("offers"));
    CHECK_FALSE(consents->is_given("next"));
  }
  const auto consents = opened(vault);
  CHECK(consents->purposes() == std::vector<std::string>{"next_category"});
  REQUIRE(consents->events().size() == 1);
  const ConsentEvent& event = consents->events().front();
  CHECK(event.time_s == 1'000);
  CHECK(event.given);
  CHECK(event.notice.version == "2026-11");
  CHECK(event.notice.language == "de-CH");
  CHECK(event.notice.method == "switch in settings");
}

TEST_CASE("a withdrawal ends it, at once and after a restart, even if the clock went back") {
  MemoryVault vault;
  {
    const auto consents = opened(vault);
    REQUIRE(consents->give("next_category", kNotice, 1'000));
    REQUIRE(consents->withdraw("next_category", 10));
    CHECK_FALSE(consents->is_given("next_category"));
  }
  CHECK_FALSE(opened(vault)->is_given("next_category"));
}

TEST_CASE("withdrawing everything ends every purpose, and takes a clock that says nonsense") {
  MemoryVault vault;
  const auto consents = opened(vault);
  for (const char* purpose : {"next_category", "offers", "evaluation"}) REQUIRE(consents->give(purpose, kNotice, 1));
  REQUIRE(consents->withdraw_all(-5));
  CHECK(consents->purposes().empty());
  CHECK(opened(vault)->purposes().empty());
  REQUIRE(consents->give("offers", kNotice, 1));
  REQUIRE(consents->withdraw("offers", std::numeric_limits<std::int64_t>::max()));
  CHECK_FALSE(opened(vault)->is_given("offers"));
}

TEST_CASE("consent needs a purpose, a notice's version and a time, in plain text of bounded length") {
  MemoryVault vault;
  const auto consents = opened(vault);
  const auto refused = [&](std::string_view purpose, const ConsentNotice& notice, std::int64_t time_s = 1) {
    const Status given = consents->give(purpose, notice, time_s);
    return !given && given.error().code == ErrorCode::invalid_argument && !consents->is_given(purpose);
  };
  CHECK(refused("", kNotice));
  CHECK(refused(std::string(65, 'a'), kNotice));
  CHECK(refused("next\ncategory", kNotice));
  CHECK(refused("next_category", {}));
  CHECK(refused("next_category", {.version = std::string(65, '1')}));
  CHECK(refused("next_category", {.version = "1\x07"}));
  CHECK(refused("next_category", {.version = "1", .language = std::string(36, 'd')}));
  CHECK(refused("next_category", {.version = "1", .method = std::string(129, 'd')}));
  CHECK(refused("next_category", {.version = "1", .method = "\xff"}));
  CHECK(refused("next_category", kNotice, -1));
  CHECK(consents->events().empty());
  CHECK(consents->give(std::string(64, 'a'), {.version = std::string(64, '1'), .language = std::string(35, 'd'), .method = std::string(128, 'm')}, 1));
  CHECK(opened(vault)->is_given(std::string(64, 'a')));
}

TEST_CASE("the same consent again is no new event, and one under a newer notice is") {
  FallibleVault vault;
  const auto consents = opened(vault);
  REQUIRE(consents->give("offers", kNotice, 1));
  REQUIRE(consents->give("offers", kNotice, 2));
  CHECK(consents->events().size() == 1);
  REQUIRE(consents->give("offers", {.version = "2027-01"}, 3));
  CHECK(consents->events().size() == 2);
  REQUIRE(consents->withdraw("offers", 4));
  REQUIRE(consents->withdraw("offers", 5));
  CHECK(consents->events().size() == 3);
}

TEST_CASE("a consent that the disk does not take is not given") {
  FallibleVault vault;
  const auto consents = opened(vault);
  vault.fails = true;
  CHECK_FALSE(consents->give("offers", kNotice, 1));
  CHECK_FALSE(consents->is_given("offers"));
  CHECK(consents->events().empty());
  vault.fails = false;
  REQUIRE(consents->give("offers", kNotice, 1));
  CHECK(opened(vault)->is_given("offers"));
}

TEST_CASE("a withdrawal that the disk does not take at all counts in this process, says so, and is written by whatever is written next") {
  for (const bool by_withdrawing_again : {true, false}) {
    FallibleVault vault;
    const auto consents = opened(vault);
    REQUIRE(consents->give("offers", kNotice, 1));
    vault.fails = vault.reserve_fails = true;
    const Status withdrawn = by_withdrawing_again ? consents->withdraw("offers", 2) : consents->withdraw_all(2);
    REQUIRE_FALSE(withdrawn);
    CHECK(withdrawn.error().message.find("the withdrawal counts") == 0);
    CHECK_FALSE(consents->is_given("offers"));
    CHECK(opened(vault)->is_given("offers"));  // as the error warned
    vault.fails = vault.reserve_fails = false;
    const Status next = by_withdrawing_again ? consents->withdraw("offers", 3) : consents->give("evaluation", kNotice, 3);
    REQUIRE(next);
    CHECK_FALSE(opened(vault)->is_given("offers"));
    CHECK(opened(vault)->is_given("evaluation") == !by_withdrawing_again);
  }
}

TEST_CASE("a withdrawal on a full disk is durable: a restart finds it, with its time, and writes it when there is space") {
  for (const bool all : {false, true}) {
    FallibleVault vault;
    {
      const auto consents = opened(vault);
      for (const char* purpose : {"offers", "evaluation"}) REQUIRE(consents->give(purpose, kNotice, 1));
      vault.fails = true;
      REQUIRE((all ? consents->withdraw_all(20) : consents->withdraw("offers", 20)));
    }
    for (int restart = 0; restart < 3; ++restart) {
      vault.fails = restart < 2;
      const auto consents = opened(vault);
      CHECK_FALSE(consents->is_given("offers"));
      CHECK(consents->is_given("evaluation") == !all);
      CHECK(consents->events().size() == (all ? 4 : 3));
      CHECK(consents->events()[2].time_s == 20);
    }
    CHECK(vault.read_reserve().value().empty());
    CHECK(rows_on(vault, Shelf::consent).size() == (all ? 4 : 3));
  }
}

TEST_CASE("a withdrawal that lies in the reserve does not end what was consented to after it") {
  FallibleVault vault;
  Bytes stale;
  {
    const auto consents = opened(vault);
    REQUIRE(consents->give("offers", kNotice, 1));
    vault.fails = true;
    REQUIRE(consents->withdraw("offers", 2));
    stale = vault.read_reserve().value();
    CHECK_FALSE(stale.empty());
    vault.fails = false;
    REQUIRE(consents->give("offers", kNotice, 3));
    CHECK(vault.read_reserve().value().empty());
  }
  REQUIRE(vault.write_reserve(stale));
  CHECK(opened(vault)->is_given("offers"));
}

TEST_CASE("more withdrawals at once than the reserve has room for end every consent that was there, and no later one") {
  FallibleVault vault;
  {
    const auto consents = opened(vault);
    for (int i = 0; i < 200; ++i) REQUIRE(consents->give("purpose " + std::to_string(i), kNotice, 1));
    vault.fails = true;
    REQUIRE(consents->withdraw_all(2));
  }
  const Bytes stale = vault.read_reserve().value();
  CHECK(opened(vault)->purposes().empty());
  vault.fails = false;
  REQUIRE(opened(vault)->give("purpose 7", kNotice, 3));
  REQUIRE(vault.write_reserve(stale));
  CHECK(opened(vault)->purposes() == std::vector<std::string>{"purpose 7"});
}

TEST_CASE("where the reserve is damaged or was taken away all consents count as withdrawn, and the record says why") {
  FallibleVault vault;
  REQUIRE(opened(vault)->give("offers", kNotice, 5));
  vault.reserve_is_damaged = true;
  const auto consents = opened(vault);
  CHECK(consents->purposes().empty());
  REQUIRE(consents->events().size() == 2);
  CHECK(consents->events()[1].notice.method.find("damaged") != std::string::npos);
  vault.reserve_is_damaged = false;
  CHECK(opened(vault)->purposes().empty());
}

TEST_CASE("withdrawing what is no purpose is an error; what was never given can be withdrawn, also on a full disk") {
  FallibleVault vault;
  const auto consents = opened(vault);
  for (const std::string& purpose : {std::string(), std::string(65, 'a'), std::string("next\ncategory"), std::string("\xff")}) {
    const Status withdrawn = consents->withdraw(purpose, 1);
    REQUIRE_FALSE(withdrawn);
    CHECK(withdrawn.error().code == ErrorCode::invalid_argument);
  }
  vault.fails = true;
  CHECK(consents->withdraw("offers", 1));
  CHECK(consents->withdraw_all(1));
  vault.fails = false;
  CHECK(consents->withdraw("offers", 1));
  CHECK(consents->withdraw("offers", 1));
  CHECK(consents->events().size() == 1);
}

TEST_CASE("any sequence of giving, withdrawing, full disks and restarts leaves what a set would hold, and never more than was said last") {
  CHECK(rc::check([](const std::vector<std::uint8_t>& steps) {
    FallibleVault vault;
    auto consents = opened(vault);
    std::map<std::string, bool> now;
    const std::vector<std::string> names = {"a", "b", "c"};
    std::int64_t time_s = 0;
    for (const std::uint8_t step : steps) {
      const std::string& name = names[step % 3];
      vault.fails = step / 3 % 5 == 0;
      switch (step / 15 % 4) {
        case 0:
          if (consents->give(name, {.version = std::to_string(step % 2)}, ++time_s)) now[name] = true;
          break;
        case 1:
          (void)consents->withdraw(name, ++time_s);
          now[name] = false;
          break;
        case 2:
          (void)consents->withdraw_all(++time_s);
          now.clear();
          break;
        default:
          consents = opened(vault);  // what a full disk did not take is in the reserve
      }
      for (const std::string& each : names) RC_ASSERT(consents->is_given(each) == now[each]);
    }
  }));
}

TEST_CASE("a damaged shelf gives no consent but an error") {
  MemoryVault vault;
  const auto consents = opened(vault);
  REQUIRE(consents->give("offers", kNotice, 77));
  REQUIRE(consents->withdraw("offers", 78));
  REQUIRE(consents->give("evaluation", {.version = "1"}, 79));
  const std::vector<VaultRow> rows = rows_on(vault, Shelf::consent);
  REQUIRE(rows.size() == 3);
  int refused = 0, read = 0;
  for (const VaultRow& row : rows) {
    for (const Bytes& mutated : mutations_of(row.content)) {
      const std::vector<VaultRow> put{{Shelf::consent, row.number, mutated}};
      REQUIRE(vault.change({}, put));
      const auto opens = Consents::open(vault);
      if (!opens) {
        ++refused;
        CHECK(opens.error().code == ErrorCode::malformed);
      } else {
        ++read;  // another letter in a text or another time: the vault's seal is what tells
        CHECK((*opens)->events().size() == 3);
      }
    }
    REQUIRE(vault.change({}, std::vector{row}));
  }
  CHECK(refused > 0);
  CHECK(read > 0);
}

TEST_CASE("an event that is missing, in the middle or at the end, is damage") {
  for (const std::uint64_t missing : {2u, 3u}) {
    MemoryVault vault;
    const auto consents = opened(vault);
    REQUIRE(consents->give("offers", kNotice, 1));
    REQUIRE(consents->give("evaluation", kNotice, 2));
    REQUIRE(consents->withdraw_all(3));
    REQUIRE(vault.change(std::vector<VaultRowId>{{Shelf::consent, missing + (missing == 3 ? 1 : 0)}}, {}));
    CHECK_FALSE(Consents::open(vault));
  }
}

TEST_CASE("giving stops at a cap, and withdrawing does not") {
  MemoryVault vault;
  const auto consents = opened(vault);
  std::size_t i = 0;
  Status given;
  for (; i <= kMaxConsentEvents && given; ++i) given = consents->give("offers", {.version = std::to_string(i)}, 1);
  REQUIRE_FALSE(given);
  CHECK(given.error().code == ErrorCode::limit);
  CHECK(consents->events().size() == kMaxConsentEvents);
  CHECK(consents->is_given("offers"));
  REQUIRE(consents->withdraw("offers", 2));
  CHECK_FALSE(opened(vault)->is_given("offers"));
}

TEST_CASE("any thread may ask while another gives and withdraws") {
  MemoryVault vault;
  const auto consents = opened(vault);
  std::jthread asks([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) (void)consents->is_given("offers");
  });
  for (int i = 0; i < 200; ++i) {
    REQUIRE(consents->give("offers", kNotice, i));
    REQUIRE(consents->withdraw("offers", i));
  }
}

TEST_CASE("the records have the fields of ISO/IEC TS 27560, one record for each purpose") {
  MemoryVault vault;
  const auto consents = opened(vault);
  REQUIRE(consents->give("next_category", kNotice, 1'795'356'300));
  REQUIRE(consents->withdraw("next_category", 1'795'356'360));
  REQUIRE(consents->withdraw(kPurposeEvaluation, 1'795'356'361));
  const nlohmann::json records = parsed(consent_records(*consents, "Example Bank", "customer-1"));
  REQUIRE(records.size() == 2);
  CHECK(records[0]["pii_processing"]["purposes"][0]["purpose"] == "evaluation");
  CHECK(records[0]["events"][0]["event_state"] == "refused");
  const nlohmann::json& record = records[1];
  for (const char* key : {"record_id", "schema_version", "pii_principal_id", "pii_processing", "party_identification", "events"}) CHECK_MESSAGE(record.contains(key), key);
  for (const char* key : {"privacy_notice", "language", "purposes"}) CHECK_MESSAGE(record["pii_processing"].contains(key), key);
  for (const char* key : {"purpose", "purpose_type", "lawful_basis", "pii_information", "pii_controllers", "collection_method", "processing_method", "storage_locations", "retention_period",
                          "processing_locations", "recipient_third_parties", "jurisdictions", "withdrawal_method", "privacy_rights"})
    CHECK_MESSAGE(record["pii_processing"]["purposes"][0].contains(key), key);
  CHECK(record["schema_version"] == "ISO/IEC TS 27560:2023");
  CHECK(record["pii_principal_id"] == "customer-1");
  CHECK(record["pii_processing"]["privacy_notice"]["version"] == "2026-11");
  CHECK(record["pii_processing"]["language"] == "de-CH");
  CHECK(record["pii_processing"]["purposes"][0]["pii_controllers"][0] == "Example Bank");
  CHECK(record["pii_processing"]["purposes"][0]["collection_method"] == "switch in settings");
  REQUIRE(record["events"].size() == 2);
  CHECK(record["events"][0]["event_state"] == "given");
  CHECK(record["events"][0]["event_time"] == "2026-11-22T14:05:00Z");
  CHECK(record["events"][1]["event_state"] == "withdrawn");
  CHECK(record["events"][1]["entity_id"] == "customer-1");
  CHECK(record["record_id"].get<std::string>().size() == 32);
  CHECK(record["record_id"] != records[0]["record_id"]);
  CHECK(record["record_id"] == parsed(consent_records(*opened(vault), "Example Bank", "customer-1"))[1]["record_id"]);
}

}  // namespace
}  // namespace fedspend::client
