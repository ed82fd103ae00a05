#include "coordinator/cohort_log.h"

#include <algorithm>
#include <fstream>

#include "tests/coordinator/store_folder.h"

namespace fedspend::coordinator {
namespace {

EnrolmentList list_of(const std::vector<std::string>& labels) {
  std::vector<EnrolledDevice> devices;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const testing::DeviceKeys keys = testing::device_keys(i);
    devices.push_back({keys.id, keys.identity.public_key(), keys.transport, testing::certificate_of(keys.identity.public_key()), labels[i]});
  }
  return *EnrolmentList::create(std::move(devices));
}

Publish publish_by(std::uint64_t round, std::vector<ClientId> contributors) {
  Publish publish = publish_of(round);
  std::sort(contributors.begin(), contributors.end());
  publish.summary.contributors = std::move(contributors);
  return publish;
}

TEST_CASE("a line is added after each round, and the file written anew from the store is the same") {
  const StoreFolder folder;
  auto store = folder.open();
  REQUIRE(store);
  const EnrolmentList enrolment = list_of({"alice", "bob"});
  REQUIRE(rewrite_cohort_log(folder.path(), **store, testing::sample_plan(), enrolment));
  CHECK(read_text(folder.path() / "cohorts.jsonl").empty());
  for (std::uint64_t round = 1; round <= 3; ++round) {
    const Publish publish = publish_by(round, {testing::device_keys(0).id, testing::device_keys(1).id});
    REQUIRE((*store)->save_published(publish));
    REQUIRE(append_cohort_log(folder.path(), publish.summary, publish.hash, testing::sample_plan(), enrolment));
  }
  const std::string appended = read_text(folder.path() / "cohorts.jsonl");
  CHECK(std::count(appended.begin(), appended.end(), '\n') == 3);
  CHECK(appended.rfind("{\"round\":1,\"model_hash\":\"" + publish_of(1).hash.hex() + "\",\"attempt\":\"" + to_hex(publish_of(1).summary.nonce) + "\",\"contributors\":[", 0) == 0);
  CHECK(appended.find("\"alice\"") != std::string::npos);
  CHECK(appended.find("\"bob\"") != std::string::npos);
  // A line torn by a crash does not outlive the next start.
  std::ofstream(folder.path() / "cohorts.jsonl", std::ios::app) << "{\"round\":4,\"mod";
  REQUIRE(rewrite_cohort_log(folder.path(), **store, testing::sample_plan(), enrolment));
  CHECK(read_text(folder.path() / "cohorts.jsonl") == appended);
}

TEST_CASE("a device without a label, or no longer enrolled, is named by its id") {
  const StoreFolder folder;
  const EnrolmentList enrolment = list_of({""});
  const Publish publish = publish_by(1, {testing::device_keys(0).id, testing::device_keys(5).id});
  REQUIRE(append_cohort_log(folder.path(), publish.summary, publish.hash, testing::sample_plan(), enrolment));
  const std::string text = read_text(folder.path() / "cohorts.jsonl");
  CHECK(text.find('"' + testing::device_keys(0).id.hex() + '"') != std::string::npos);
  CHECK(text.find('"' + testing::device_keys(5).id.hex() + '"') != std::string::npos);
}

TEST_CASE("labels with quotes, line ends or bytes that are no text make one whole line") {
  const StoreFolder folder;
  const EnrolmentList enrolment = list_of({"a\"b\\c\nd", "\xff\xfe"});
  const Publish publish = publish_by(1, {testing::device_keys(0).id, testing::device_keys(1).id});
  REQUIRE(append_cohort_log(folder.path(), publish.summary, publish.hash, testing::sample_plan(), enrolment));
  const std::string text = read_text(folder.path() / "cohorts.jsonl");
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find("a\\\"b\\\\c\\nd") != std::string::npos);
}

TEST_CASE("every line of a demonstration says that it is one") {
  const EnrolmentList enrolment = list_of({"alice"});
  const Publish publish = publish_by(1, {testing::device_keys(0).id});
  for (const Aggregation mode : {Aggregation::open, Aggregation::secure}) {
    const StoreFolder folder;
    Plan plan = testing::sample_plan();
    plan.aggregation.mode = mode;
    plan.privacy.mode = PrivacyMode::distributed;
    REQUIRE(append_cohort_log(folder.path(), publish.summary, publish.hash, plan, enrolment));
    CHECK(read_text(folder.path() / "cohorts.jsonl").ends_with(mode == Aggregation::open ? ",\"demonstration\":true}\n" : ",\"demonstration\":false}\n"));
  }
}

TEST_CASE("a folder that cannot be written is an error that names the file") {
  const RoundSummary summary;
  const Status appended = append_cohort_log("/nonexistent/folder", summary, ModelHash{}, testing::sample_plan(), list_of({}));
  REQUIRE_FALSE(appended);
  CHECK(appended.error().code == ErrorCode::io);
  CHECK(appended.error().message.find("/nonexistent/folder/cohorts.jsonl") != std::string::npos);
}

}  // namespace
}  // namespace fedspend::coordinator
