// Enrolment with the real programs, from token to round: what each of them refuses, and that a refusal leaves nothing behind.

#include <algorithm>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "common/crypto/random.h"
#include "common/program/key_files.h"
#include "common/program/runtime.h"
#include "common/protocol/certificate.h"
#include "common/protocol/enrolment_request.h"
#include "tests/processes/small_federation.h"

namespace fedspend::test {
namespace {

namespace fs = std::filesystem;

// One federation without a coordinator for all cases of this file.
const SmallFederation& federation() {
  static const SmallFederation made({.clients = 9, .processes = 3, .settings = {"federation.rounds=1", "federation.retry_after_ms=100", "federation.selection_window_ms=200"}});
  return made;
}

std::string in(const std::string& name) { return federation() / name; }

// Every file of a folder with its content.
std::vector<std::string> contents_below(const fs::path& folder) {
  std::vector<std::string> contents;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) contents.push_back(entry.path().string() + ": " + content_of(entry.path()));
  std::sort(contents.begin(), contents.end());
  return contents;
}

// It ends with 4 and one line that has `fault` in it, and no file of the federation has changed.
void check_refused(const std::vector<std::string>& command, const std::string& fault) {
  CAPTURE(fault);
  const std::vector<std::string> before = contents_below(federation().path());
  const Outcome outcome = run_to_end(command);
  INFO(outcome.out << outcome.err);
  CHECK(outcome.code == 4);
  CHECK(outcome.out.empty());
  const std::vector<std::string> lines = lines_without_log(outcome.err);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find(fault) != std::string::npos);
  CHECK(contents_below(federation().path()) == before);
}

// A folder below `folder` with one client that has no keys yet.
std::string fresh_client(const fs::path& folder, const std::string& name) {
  fs::create_directories(folder / name / "client");
  for (const auto& client : fs::directory_iterator(federation() / "profiles/process-1")) {
    fs::copy_file(client.path() / "transactions.csv", folder / name / "client/transactions.csv");
    break;
  }
  return folder / name;
}

std::vector<std::string> token_command(const std::string& out, const std::string& population = "synthetic", const std::string& valid_for = "1h") {
  return {program_path("fedspend-admin"), "token", "--authority", in("authority"), "--population", population, "--valid-for", valid_for, "--out", out};
}

std::vector<std::string> keys_command(const std::string& profiles, const std::string& tokens, const std::string& list, const std::string& population = "synthetic") {
  return {program_path("fedspend-device"), "keys", "--profiles", profiles, "--population", population, "--token-file", tokens, "--list", list};
}

std::vector<std::string> enrol_command(const std::string& requests, const std::string& list = "devices.list") {
  return {program_path("fedspend-admin"), "enrol", "--authority", in("authority"), "--devices", in(list), requests};
}

std::vector<std::string> certificate_command(const std::string& profiles, const std::string& from) {
  return {program_path("fedspend-device"), "certificate", "--profiles", profiles, "--from", from, "--authority-key", in("authority/authority.key.pub"), "--population", "synthetic"};
}

std::vector<std::string> consent_command(const std::string& profiles) {
  return {program_path("fedspend-device"), "consent", "--profiles", profiles, "--population", "synthetic", "--purpose", "next_category", "--notice", "test"};
}

std::string text_with_line(const std::string& text, std::size_t number, const std::string& line) {
  std::size_t at = 0;
  for (std::size_t i = 1; i < number; ++i) at = text.find('\n', at) + 1;
  std::string changed = text;
  return changed.replace(at, text.find('\n', at) - at, line);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) lines.push_back(text.substr(at, text.find('\n', at) - at));
  return lines;
}

// Of the first request in a list of them.
IdentityPublicKey identity_in(const std::string& list) {
  const Result<EnrolmentRequests> requests = EnrolmentRequests::parse(content_of(list));
  REQUIRE(requests);
  return requests->requests.at(0).identity;
}

TEST_CASE("a token enrols one device: used twice, expired, of another population or unknown it is refused, and nothing is written or used up") {
  const TemporaryFolder folder;
  const std::string first = fresh_client(folder.path(), "first"), second = fresh_client(folder.path(), "second");
  const auto file = [&](const std::string& name) { return (folder / name).string(); };
  require_done(token_command(file("good.tokens")));
  require_done(keys_command(first, file("good.tokens"), file("first.list")));
  require_done(keys_command(second, file("good.tokens"), file("second.list")));
  CHECK(content_of(file("first.list")).find(content_of(file("good.tokens")).substr(0, 64)) == std::string::npos);

  SUBCASE("used twice in one call: the other device is not enrolled either") {
    std::vector<std::string> both = enrol_command(file("first.list"));
    both.push_back(file("second.list"));
    check_refused(both, "second.list, request 1: its token is used already");
    CHECK_FALSE(fs::exists(file("first.list.certificates")));
  }
  SUBCASE("used twice in two calls; the same request again is answered with the same certificate") {
    require_done(enrol_command(file("first.list"), "twice.list"));
    check_refused(enrol_command(file("second.list"), "twice.list"), "its token is used already");
    CHECK_FALSE(fs::exists(file("second.list.certificates")));
    const std::string certificate = content_of(file("first.list.certificates"));
    fs::remove(file("first.list.certificates"));
    require_done(enrol_command(file("first.list"), "twice.list"));
    CHECK(content_of(file("first.list.certificates")) == certificate);
  }
  SUBCASE("expired") {
    require_done(token_command(file("short.tokens"), "synthetic", "1s"));
    require_done(keys_command(first, file("short.tokens"), file("first.list")));
    sleep_for(Millis(2'100));
    check_refused(enrol_command(file("first.list")), "its token has expired");
  }
  SUBCASE("of another population, said so or hidden") {
    require_done(token_command(file("other.tokens"), "households"));
    require_done(keys_command(first, file("other.tokens"), file("first.list")));
    check_refused(enrol_command(file("first.list"), "new.list"), "its token is of another population");
    require_done(keys_command(first, file("other.tokens"), file("first.list"), "households"));
    check_refused(enrol_command(file("first.list")), "another authority or another population");  // than the list's
    write_text(file("first.list"), text_with_line(content_of(file("first.list")), 2, "population synthetic"));
    check_refused(enrol_command(file("first.list")), "its token is of another population");
  }
  SUBCASE("unknown") {
    write_text(file("made-up.tokens"), std::string(64, '7') + "\n");
    require_done(keys_command(first, file("made-up.tokens"), file("first.list")));
    check_refused(enrol_command(file("first.list")), "not one of this authority");
  }
  SUBCASE("swapped keys") {
    require_done(token_command(file("second.tokens")));
    require_done(keys_command(second, file("second.tokens"), file("second.list")));
    const std::string mine = lines_of(content_of(file("first.list")))[2], theirs = lines_of(content_of(file("second.list")))[2];
    for (const auto& [from, count] : {std::pair<std::size_t, std::size_t>{0, 64}, {65, 64}, {130, 64}, {195, 128}, {324, 128}}) {
      std::string swapped = mine;
      swapped.replace(from, count, theirs.substr(from, count));
      write_text(file("first.list"), text_with_line(content_of(file("first.list")), 3, swapped));
      check_refused(enrol_command(file("first.list")), from < 195 || from == 324 ? "not made with its token" : "not signed by the identity");
    }
  }
  SUBCASE("a file of certificates that cannot be written: the token is still good") {
    fs::create_directories(file("first.list.certificates"));
    check_refused(enrol_command(file("first.list"), "late.list"), "first.list.certificates");
    fs::remove(file("first.list.certificates"));
    require_done(enrol_command(file("first.list"), "late.list"));
  }
}

TEST_CASE("a device without a certificate, or with one that is not its own, not the authority's, for another population or expired, does not start") {
  const TemporaryFolder folder;
  const std::string client = fresh_client(folder.path(), "devices") + "/client";
  const auto file = [&](const std::string& name) { return (folder / name).string(); };
  const std::vector<std::string> run = with_option(with_option(federation().device("x", "tcp://127.0.0.1:1"), "--profiles", file("devices")), "--cache", file("cache"));
  require_done(token_command(file("tokens")));
  require_done(keys_command(file("devices"), file("tokens"), file("list")));
  check_refused(run, "this device is not enrolled");
  check_refused(certificate_command(file("devices"), in("process-1.list.certificates")), "no certificate for the client in " + client);

  const auto authority = program::read_identity_key(in("authority/authority.key"), "authority");
  REQUIRE(authority);
  SeededRandom random(5);
  const IdentityKey somebody = IdentityKey::generate(random);
  const IdentityPublicKey identity = identity_in(file("list"));
  const std::uint64_t now_s = program::unix_time_s();
  const auto put = [&](const IdentityKey& by, const std::string& population, std::uint64_t from_s, std::uint64_t until_s) {
    write_text(file("forged"), certificate_line(issue_certificate(by, population, identity, 1, from_s, until_s)) + "\n");
    return certificate_command(file("devices"), file("forged"));
  };
  check_refused(put(somebody, "synthetic", now_s, now_s + 1'000), client + ": certificate: not signed by the enrolment authority");
  check_refused(put(*authority, "households", now_s, now_s + 1'000), "for this key and this population");
  check_refused(put(*authority, "synthetic", now_s - 1'000, now_s), "certificate: expired");
  check_refused(put(*authority, "synthetic", now_s + 90'000, now_s + 100'000), "not yet valid");
  write_text(file("forged"), "rubbish\n");
  check_refused(certificate_command(file("devices"), file("forged")), file("forged") + ", certificate 1");
  check_refused(run, "this device is not enrolled");
  // One that runs out afterwards.
  require_done(put(*authority, "synthetic", now_s - 10, program::unix_time_s() + 3));
  sleep_for(Millis(4'100));
  check_refused(run, client + ": certificate: expired");
  CHECK(names_in(file("cache")).empty());

  // With its own it starts: nobody answers.
  require_done(enrol_command(file("list"), "own.list"));
  require_done(certificate_command(file("devices"), file("list.certificates")));
  require_done(consent_command(file("devices")));
  CHECK(run_to_end(with_option(run, "--connect-timeout-s", "1")).code == 2);
}

TEST_CASE("certificates of another authority are not put beside the keys") {
  const TemporaryFolder folder;
  require_done({program_path("fedspend-admin"), "authority", "--out", folder / "other"});
  check_refused(with_option(certificate_command(in("profiles/process-1"), in("process-1.list.certificates")), "--authority-key", folder / "other/authority.key.pub"), "not signed by the enrolment authority");
}

// Its devices by `fedspend-admin devices`, as they are in `list`.
nlohmann::json devices_of(const std::string& list, const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {program_path("fedspend-admin"), "devices", "--devices", in(list), "--format", "json"};
  command.insert(command.end(), more.begin(), more.end());
  const Outcome outcome = run_to_end(command);
  REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
  return nlohmann::json::parse(outcome.out)["data"]["devices"];
}

TEST_CASE("a revoked device and one with an expired certificate cannot take part, the others finish without them, and an old revocation list is refused") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& name) { return (folder / name).string(); };
  // Process 3 has two more devices of its own: one is revoked, the other's certificate is let run out.
  const std::string revoked = fresh_client(folder.path(), "revoked"), expired = fresh_client(folder.path(), "expired");
  for (const std::string name : {"revoked", "expired"}) {
    require_done(token_command(file(name + ".tokens")));
    require_done(keys_command(file(name), file(name + ".tokens"), file(name + ".list")));
  }
  fs::copy_file(in("devices.list"), in("with-more.list"));
  std::vector<std::string> enrol = enrol_command(file("revoked.list"), "with-more.list");
  enrol.push_back(file("expired.list"));
  require_done(enrol);
  for (const std::string name : {"revoked", "expired"}) {
    require_done(certificate_command(file(name), file(name + ".list.certificates")));
    require_done(consent_command(file(name)));
  }

  const auto all = devices_of("with-more.list");
  REQUIRE(all.size() == 11);
  const std::string id = all[9]["id"];
  const auto authority = program::read_identity_key(in("authority/authority.key"), "authority");
  const IdentityPublicKey out_of_time = identity_in(file("expired.list"));
  REQUIRE(authority);
  const Certificate over = issue_certificate(*authority, "synthetic", out_of_time, 999, 1, 2);
  std::string list = federation().text_of("with-more.list");
  const std::string key = to_hex(out_of_time.bytes);
  list.replace(list.find(key) + 130, 176, to_hex(encode_certificate(over)));
  write_text(federation() / "with-more.list", list);

  const std::vector<std::string> revoke = {program_path("fedspend-admin"), "revoke", "--authority", in("authority"), "--revocations", file("revocations"), "--id", id};
  check_refused(with_option(revoke, "--id", std::string(64, '0')), "has given no device with the id");
  require_done(revoke);
  const std::string first_list = content_of(file("revocations"));
  require_done(revoke);  // again: the same list
  CHECK(content_of(file("revocations")) == first_list);
  const auto shown = devices_of("with-more.list", {"--revocations", file("revocations"), "--authority-key", in("authority/authority.key.pub")});
  CHECK(shown[0]["state"] == "valid");
  CHECK(shown[9]["state"] == "revoked");
  CHECK(shown[9]["serial"] == all[9]["serial"]);
  CHECK(shown[10]["state"] == "expired");
  check_refused({program_path("fedspend-admin"), "devices", "--devices", in("with-more.list"), "--revocations", file("revocations")}, "--authority-key");
  // A new token does not bring it back.
  require_done(token_command(file("again.tokens")));
  require_done(keys_command(revoked, file("again.tokens"), file("again.list")));
  check_refused(enrol_command(file("again.list"), "with-more.list"), "this device is revoked");

  std::vector<std::string> command = with_option(federation().coordinator("revoked-state"), "--devices", in("with-more.list"));
  command.insert(command.end(), {"--revocations", file("revocations"), "--exit-when-finished"});
  Process coordinator = federation().start("revoked", command);
  const std::string endpoint = federation().endpoint_of("revoked-state");
  INFO(federation().text_of("revoked.err"));
  REQUIRE_FALSE(endpoint.empty());
  CHECK(federation().text_of("revoked.err").find("\"revoked\":\"1\",\"expired\":\"1\"") != std::string::npos);
  for (const std::string name : {"revoked", "expired"}) {  // the coordinator does not even speak with them
    const Outcome outcome = run_to_end(with_option(with_option(with_option(federation().device("x", endpoint), "--profiles", file(name)), "--cache", file("cache-" + name)), "--connect-timeout-s", "10"));
    INFO(outcome.err);
    CHECK(outcome.code == 2);
  }
  std::vector<Process> devices;
  for (const std::string name : {"process-1", "process-2", "process-3"}) devices.push_back(federation().start(name, federation().device(name, endpoint)));
  CHECK(coordinator.wait(Millis(60'000)) == 0);
  const std::string cohorts = federation().text_of("revoked-state/cohorts.jsonl");
  CHECK(lines_of(cohorts).size() == 1);
  CHECK(cohorts.find(id) == std::string::npos);

  // One more revocation, then the list before it again, or none.
  require_done(with_option(with_option(revoke, "--revocations", file("newer")), "--id", all[0]["id"]));
  require_done(with_option(command, "--revocations", file("newer")));
  const auto stale = [&](const std::vector<std::string>& with) {
    const Outcome outcome = run_to_end(with_option(with, "--ready-file", ""));
    CHECK(outcome.code == 4);
    CHECK(outcome.err.find("has worked with list 2") != std::string::npos);
  };
  stale(command);
  stale(with_option(command, "--revocations", ""));
}

TEST_CASE("a coordinator refuses a list with a device that its authority did not certify, and a list of revocations that is not the authority's") {
  const TemporaryFolder folder;
  require_done({program_path("fedspend-admin"), "authority", "--out", folder / "other"});
  const std::vector<std::string> command = with_option(with_option(federation().coordinator("none"), "--ready-file", ""), "--state", folder / "state");
  check_refused(with_option(command, "--authority-key", folder / "other/authority.key.pub"), "device 1 of the list: certificate: not signed");
  const std::string lines = federation().text_of("devices.list");
  std::string bent = lines;
  const std::string second = lines_of(lines)[2];
  bent.replace(bent.find(second) + 130, 2, second.substr(130, 2) == "07" ? "08" : "07");  // its serial
  write_text(folder / "bent.list", bent);
  check_refused(with_option(command, "--devices", folder / "bent.list"), "device 2 of the list: certificate: not signed");
  write_text(folder / "revocations", "fedspend-revocations-v1\nsequence 1\nsignature " + std::string(128, '0') + "\n");
  check_refused(with_option(command, "--revocations", folder / "revocations"), (folder / "revocations").string() + ": revocation list: not signed");
  CHECK(names_in(folder / "state").empty());
}

}  // namespace
}  // namespace fedspend::test
