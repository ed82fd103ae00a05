// The authority's decision on enrolment requests: every way in which a token or a request can be wrong, and that a refusal costs nothing.
#include "coordinator/enrol_devices.h"

#include <doctest/doctest.h>

#include "tests/rounds/sample.h"

namespace fedspend::coordinator {
namespace {

constexpr std::uint64_t kNow = testing::kCertifiedAt_s, kYear = 365 * 86'400;
const EnrolmentTerms kTerms{.now_s = kNow, .valid_for_s = kYear};

EnrolmentToken token(std::uint64_t number) {
  SeededRandom random(Hasher("test-token").u64(number).finish());
  return EnrolmentToken::generate(random);
}

// Tokens 0 ... count - 1, good for an hour.
TokenLedger ledger_of(std::uint64_t count, const std::string& label = {}) {
  TokenLedger ledger;
  for (std::uint64_t i = 0; i < count; ++i)
    ledger.tokens.emplace(token(i).key().public_key(), LedgerToken{.expires_at_s = kNow + 3'600, .population = "cards", .label = label, .used = {}});
  return ledger;
}

EnrolmentRequest request_of(std::uint64_t device, std::uint64_t with_token, const std::string& population = "cards") {
  const testing::DeviceKeys keys = testing::device_keys(device);
  return make_enrolment_request(population, keys.identity, keys.transport, token(with_token), "device " + std::to_string(device));
}

RequestFile file_of(std::vector<EnrolmentRequest> requests, std::string population = "cards", std::string name = "a.list") {
  return {std::move(name), {std::move(population), std::move(requests)}};
}

Result<EnrolmentOutcome> enrol(TokenLedger ledger, std::vector<EnrolmentRequest> requests, const EnrolmentList& present = {}, const RevocationList* revocations = nullptr,
                               std::uint64_t now_s = kNow) {
  return enrol_devices(testing::authority_key(), std::move(ledger), revocations, present, {file_of(std::move(requests))}, {.now_s = now_s, .valid_for_s = kYear});
}

EnrolmentOutcome enrolled(Result<EnrolmentOutcome> outcome) {
  REQUIRE_MESSAGE(outcome, outcome.error().message);
  return std::move(*outcome);
}

void check_refused(const Result<EnrolmentOutcome>& outcome, ErrorCode code, const std::string& reason) {
  REQUIRE(!outcome);
  CHECK(outcome.error().code == code);
  CHECK_MESSAGE(outcome.error().message.find(reason) != std::string::npos, outcome.error().message);
}

TEST_CASE("two devices with a token each are enrolled with certificates that hold, and the tokens are used") {
  const EnrolmentOutcome outcome = enrolled(enrol(ledger_of(3), {request_of(1, 0), request_of(2, 1)}));
  CHECK(outcome.added == 2);
  REQUIRE(outcome.list.devices().size() == 2);
  REQUIRE(outcome.certificates.size() == 1);
  for (std::size_t i = 0; i < 2; ++i) {
    const EnrolledDevice& device = outcome.list.devices()[i];
    CHECK(device.identity == testing::device_keys(i + 1).identity.public_key());
    CHECK(device.transport == testing::device_keys(i + 1).transport);
    CHECK(device.label == "device " + std::to_string(i + 1));
    CHECK(device.certificate == outcome.certificates[0][i]);
    CHECK(device.certificate.serial == i + 1);
    CHECK(device.certificate.expires_at_s == kNow + kYear);
    CHECK(verify_certificate(device.certificate, testing::authority_key().public_key(), "cards", kNow));
    CHECK(outcome.ledger.tokens.at(token(i).key().public_key()).used == device.certificate);
    CHECK(outcome.ledger.has_certified(device.id));
  }
  CHECK_FALSE(outcome.ledger.tokens.at(token(2).key().public_key()).used);
  CHECK(outcome.ledger.next_serial == 3);
}

TEST_CASE("the token's label is the bank's name for the device and goes over the device's own") {
  CHECK(enrolled(enrol(ledger_of(1, "branch 12"), {request_of(1, 0)})).list.devices()[0].label == "branch 12");
}

TEST_CASE("a token that was used by one device is refused to another") {
  const EnrolmentOutcome first = enrolled(enrol(ledger_of(2), {request_of(1, 0)}));
  check_refused(enrol(first.ledger, {request_of(2, 0)}, first.list), ErrorCode::refused, "a.list, request 1: its token is used already");
  check_refused(enrol(ledger_of(2), {request_of(1, 0), request_of(2, 0)}), ErrorCode::refused, "request 2: its token is used already");
}

TEST_CASE("the same request again gives the same certificate, so that a process that died between two files can be run again") {
  const EnrolmentOutcome first = enrolled(enrol(ledger_of(1), {request_of(1, 0)}));
  for (const EnrolmentList& present : {EnrolmentList(), first.list}) {  // the list was not written; it was
    const EnrolmentOutcome again = enrolled(enrol(first.ledger, {request_of(1, 0)}, present, nullptr, kNow + 7'200));  // after the token's time, too
    CHECK(again.repeated == 1);
    CHECK(again.certificates == first.certificates);
    CHECK(again.ledger == first.ledger);
    CHECK(again.list.devices().size() == 1);
  }
  check_refused(enrol(first.ledger, {request_of(1, 0)}, first.list, nullptr, kNow + kYear), ErrorCode::refused, "expired");
}

TEST_CASE("a used token does not bring another CURVE key to the same device; a new token does, with a new certificate") {
  const EnrolmentOutcome first = enrolled(enrol(ledger_of(2), {request_of(1, 0)}));
  const testing::DeviceKeys device = testing::device_keys(1);
  const CurvePublicKey other = testing::device_keys(7).transport;
  check_refused(enrol(first.ledger, {make_enrolment_request("cards", device.identity, other, token(0), "")}, first.list), ErrorCode::refused, "used already");
  const EnrolmentOutcome renewed = enrolled(enrol(first.ledger, {make_enrolment_request("cards", device.identity, other, token(1), "")}, first.list, nullptr, kNow + 60));
  CHECK(renewed.renewed == 1);
  REQUIRE(renewed.list.devices().size() == 1);
  CHECK(renewed.list.devices()[0].transport == other);
  CHECK(renewed.list.devices()[0].certificate.serial == 2);
}

TEST_CASE("an unknown token, an expired one and one of another population are refused") {
  check_refused(enrol(ledger_of(1), {request_of(1, 5)}), ErrorCode::refused, "not one of this authority");
  CHECK(enrol(ledger_of(1), {request_of(1, 0)}, {}, nullptr, kNow + 3'599));
  check_refused(enrol(ledger_of(1), {request_of(1, 0)}, {}, nullptr, kNow + 3'600), ErrorCode::refused, "its token has expired");
  const auto foreign = enrol_devices(testing::authority_key(), ledger_of(1), nullptr, {}, {file_of({request_of(1, 0, "accounts")}, "accounts")}, kTerms);
  check_refused(foreign, ErrorCode::refused, "of another population");
  // Made for another population, in a file that says this one.
  check_refused(enrol(ledger_of(1), {request_of(1, 0, "accounts")}), ErrorCode::refused, "not made with its token");
}

TEST_CASE("a request whose keys were swapped on the way is refused") {
  EnrolmentRequest swapped = request_of(1, 0);
  swapped.transport = testing::device_keys(2).transport;
  check_refused(enrol(ledger_of(2), {swapped}), ErrorCode::refused, "not made with its token");
  swapped = request_of(1, 0);
  swapped.identity = testing::device_keys(2).identity.public_key();
  check_refused(enrol(ledger_of(2), {swapped}), ErrorCode::refused, "not made with its token");
  swapped = request_of(1, 0);
  swapped.by_identity = request_of(2, 0).by_identity;
  check_refused(enrol(ledger_of(2), {swapped}), ErrorCode::refused, "not signed by the identity");
}

TEST_CASE("a device twice, the CURVE key of another and a revoked device are refused") {
  check_refused(enrol(ledger_of(2), {request_of(1, 0), request_of(1, 1)}), ErrorCode::conflict, "request 2: this device stands twice");
  const testing::DeviceKeys two = testing::device_keys(2);
  check_refused(enrol(ledger_of(2), {request_of(1, 0), make_enrolment_request("cards", two.identity, testing::device_keys(1).transport, token(1), "")}), ErrorCode::conflict, "CURVE key");
  const auto revocations = RevocationList::create({testing::device_keys(1).id}, 1, testing::authority_key());
  check_refused(enrol(ledger_of(2), {request_of(1, 0)}, {}, &*revocations), ErrorCode::refused, "revoked");
  CHECK(enrol(ledger_of(2), {request_of(2, 0)}, {}, &*revocations));
}

TEST_CASE("files of two populations, and a list of another authority or population, are not mixed") {
  const auto mixed = enrol_devices(testing::authority_key(), ledger_of(2), nullptr, {}, {file_of({request_of(1, 0)}), file_of({}, "accounts", "b.list")}, kTerms);
  check_refused(mixed, ErrorCode::conflict, "b.list");
  for (const auto& [authority, population] : {std::pair{testing::release_key().public_key(), "cards"}, std::pair{testing::authority_key().public_key(), "accounts"}}) {
    const testing::DeviceKeys keys = testing::device_keys(9);
    const bool other = authority == testing::release_key().public_key();
    const Certificate certificate = issue_certificate(other ? testing::release_key() : testing::authority_key(), population, keys.identity.public_key(), 1, kNow, kNow + 1);
    const auto present = EnrolmentList::create({{keys.id, keys.identity.public_key(), keys.transport, certificate, ""}});
    REQUIRE(present);
    check_refused(enrol(ledger_of(1), {request_of(1, 0)}, *present), ErrorCode::conflict, "another authority or another population");
  }
}

TEST_CASE("the ledger's text gives back what was written, and a broken one is refused by its line") {
  const EnrolmentOutcome outcome = enrolled(enrol(ledger_of(3, "a label"), {request_of(1, 0)}));
  const std::string good = outcome.ledger.text();
  const auto read = TokenLedger::parse(good);
  REQUIRE(read);
  CHECK(*read == outcome.ledger);
  CHECK(good.find(token(1).text()) == std::string::npos);  // a token itself is nowhere kept
  for (std::size_t size = 0; size < good.size(); ++size) {
    if (good[size] == '\n' && size > good.find("next-serial")) continue;
    CAPTURE(size);
    const auto cut = TokenLedger::parse(good.substr(0, size));
    if (cut) CHECK(good[size - 1] == '\n');
  }
  const std::string last = good.substr(good.rfind('\n', good.size() - 2) + 1);
  CHECK(!TokenLedger::parse(good + last));
  CHECK(!TokenLedger::parse(good + "x\n"));
  CHECK(!TokenLedger::parse("fedspend-tokens-v2" + good.substr(18)));
  std::string lower = good;
  lower.replace(lower.find("next-serial\t2"), 13, "next-serial\t1");  // serial 1 would be given out twice
  CHECK(!TokenLedger::parse(lower));
}

TEST_CASE("the ledger forgets unused tokens and used ones a month after they, or their certificates, have expired") {
  constexpr std::uint64_t kMonth = 30 * 86'400;
  const TokenLedger full = enrolled(enrol(ledger_of(2), {request_of(1, 0)})).ledger;
  TokenLedger ledger = full;
  ledger.prune(kNow + 3'600 + kMonth);
  CHECK(ledger.tokens.size() == 2);
  ledger.prune(kNow + 3'600 + kMonth + 1);
  CHECK(ledger.tokens.size() == 1);
  CHECK(ledger.has_certified(testing::device_keys(1).id));
  ledger.prune(kNow + kYear + kMonth);
  CHECK(ledger.tokens.size() == 1);
  ledger.prune(kNow + kYear + kMonth + 1);
  CHECK(ledger.tokens.empty());
  CHECK_FALSE(ledger.has_certified(testing::device_keys(1).id));
  CHECK(ledger.next_serial == full.next_serial);
}

}  // namespace
}  // namespace fedspend::coordinator
