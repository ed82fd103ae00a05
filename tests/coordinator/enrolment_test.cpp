#include "coordinator/enrolment.h"

#include <doctest/doctest.h>

#include "tests/rounds/sample.h"

namespace fedspend::coordinator {
namespace {

EnrolledDevice device(std::uint64_t number, std::string label = {}) {
  const testing::DeviceKeys keys = testing::device_keys(number);
  return {keys.id, keys.identity.public_key(), keys.transport, testing::certificate_of(keys.identity.public_key(), number), std::move(label)};
}

std::string line(std::uint64_t number, std::string label = {}) { return EnrolmentList::format_line(device(number, std::move(label))) + "\n"; }

std::string error_of(const std::string& text) {
  const auto list = EnrolmentList::parse(text);
  REQUIRE_FALSE(list);
  return list.error().message;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("a list gives back what was written, comments, blank lines and Windows line ends aside") {
  std::string windows = line(3);
  windows.insert(windows.size() - 1, "\r");
  const auto list = EnrolmentList::parse("# devices\n\n" + line(1, "client one") + "  \t\n" + line(2) + windows + EnrolmentList::format_line(device(4)));
  REQUIRE(list);
  REQUIRE(list->devices().size() == 4);
  CHECK(list->devices()[0].label == "client one");
  CHECK(list->devices()[1].label.empty());
  for (std::uint64_t number = 1; number <= 4; ++number) {
    const EnrolledDevice* found = list->find(device(number).id);
    REQUIRE(found != nullptr);
    CHECK(found->identity == device(number).identity);
    CHECK(found->transport == device(number).transport);
    CHECK(list->knows_transport_key(device(number).transport));
  }
  CHECK(list->find(device(5).id) == nullptr);
  CHECK_FALSE(list->knows_transport_key(device(5).transport));
}

TEST_CASE("an empty list knows nobody") {
  const auto list = EnrolmentList::parse("");
  REQUIRE(list);
  CHECK(list->devices().empty());
  CHECK(list->find(ClientId{}) == nullptr);
  CHECK_FALSE(list->knows_transport_key(CurvePublicKey{}));
}

TEST_CASE("hexadecimal digits of either case name the same device") {
  std::string upper = EnrolmentList::format_line(device(1));
  for (char& digit : upper) digit = static_cast<char>(std::toupper(digit));
  const auto list = EnrolmentList::parse(upper);
  REQUIRE(list);
  CHECK(list->find(device(1).id) != nullptr);
}

TEST_CASE("a broken line is named by its number") {
  const std::string key(64, 'a'), keys = key + " " + key + " ", certificate = to_hex(encode_certificate(device(1).certificate));
  for (const std::string& broken : {std::string("hello"), key, key + " " + std::string(63, 'a'), key + " " + std::string(65, 'a') + " " + certificate, key + " " + std::string(64, 'g') + " " + certificate,
                                    key.substr(1) + " " + key + " " + certificate, key + key + " " + certificate, key + " " + key, keys + "label", keys + certificate.substr(1), keys + certificate + "0",
                                    keys + std::string(176, '0'), keys + certificate + " " + std::string(257, 'x'), std::string("\xff\0\x01", 3)}) {
    CAPTURE(broken);
    CHECK(holds(error_of("# one\n" + line(1) + broken + "\n" + line(2)), "line 3: "));
  }
}

TEST_CASE("a device that stands twice is refused by the line of the second, by identity and by CURVE key (hostile case 5)") {
  EnrolledDevice same_curve = device(2);
  same_curve.transport = device(1).transport;
  EnrolledDevice same_identity = device(1);
  same_identity.transport = device(3).transport;
  CHECK(holds(error_of("# one\n\n" + line(1) + line(2) + line(1, "again")), "line 5: an identity key"));
  CHECK(holds(error_of("# one\n" + line(1) + EnrolmentList::format_line(same_curve)), "line 3: a CURVE key"));
  CHECK(holds(error_of(line(1) + EnrolmentList::format_line(same_identity)), "line 2: an identity key"));
  CHECK(EnrolmentList::parse(line(1) + line(1)).error().code == ErrorCode::conflict);
}

TEST_CASE("an id that is not the hash of its identity key is refused") {
  EnrolledDevice bent = device(1);
  bent.id = device(2).id;
  const auto list = EnrolmentList::create({device(3), bent});
  REQUIRE_FALSE(list);
  CHECK(holds(list.error().message, "device 2 of the list"));
}

TEST_CASE("a certificate for another key than the line's is refused") {
  EnrolledDevice bent = device(1);
  bent.certificate = device(2).certificate;
  const auto list = EnrolmentList::create({bent});
  REQUIRE_FALSE(list);
  CHECK(holds(list.error().message, "a certificate for another key"));
}

AdmissionRules rules(std::uint64_t now_s = testing::kCertifiedAt_s, const RevocationList* revocations = nullptr) {
  return {.authority = testing::authority_key().public_key(), .population = "cards", .now_s = now_s, .revocations = revocations};
}

EnrolmentList list_of(std::vector<EnrolledDevice> devices) {
  auto list = EnrolmentList::create(std::move(devices));
  REQUIRE(list);
  return std::move(*list);
}

TEST_CASE("devices with valid certificates of the authority are admitted, the revoked and the expired are left out and known by their reason") {
  EnrolledDevice old = device(4);
  old.certificate = issue_certificate(testing::authority_key(), "cards", old.identity, 4, testing::kCertifiedAt_s - 100, testing::kCertifiedAt_s);
  const auto revocations = RevocationList::create({device(2).id, device(9).id}, 1, testing::authority_key());
  const EnrolmentList list = list_of({device(1), device(2), device(3), old});
  const auto admitted = list.admitted(rules(testing::kCertifiedAt_s, &*revocations));
  REQUIRE(admitted);
  CHECK(admitted->devices().size() == 2);
  for (const std::uint64_t number : {1U, 3U}) {
    CHECK(admitted->find(device(number).id) != nullptr);
    CHECK(admitted->knows_transport_key(device(number).transport));
    CHECK_FALSE(admitted->exclusion_of(device(number).id));
  }
  for (const std::uint64_t number : {2U, 4U}) {
    CHECK(admitted->find(device(number).id) == nullptr);
    CHECK_FALSE(admitted->knows_transport_key(device(number).transport));  // not even a connection
  }
  CHECK(admitted->exclusion_of(device(2).id) == Exclusion::revoked);
  CHECK(admitted->exclusion_of(device(4).id) == Exclusion::expired);
  CHECK(admitted->excluded(Exclusion::revoked) == 1);
  CHECK(admitted->excluded(Exclusion::expired) == 1);
  CHECK(list.admitted(rules())->devices().size() == 3);
  CHECK(list.admitted(rules(testing::kCertifiedUntil_s))->devices().empty());
}

TEST_CASE("a list with a certificate that the authority did not give for this population is refused as a whole") {
  const IdentityKey other = testing::release_key();
  EnrolledDevice invented = device(2), foreign = device(2), early = device(2), old = device(2);
  invented.certificate = issue_certificate(other, "cards", invented.identity, 2, testing::kCertifiedAt_s, testing::kCertifiedUntil_s);
  foreign.certificate = issue_certificate(testing::authority_key(), "accounts", foreign.identity, 2, testing::kCertifiedAt_s, testing::kCertifiedUntil_s);
  early.certificate = issue_certificate(testing::authority_key(), "cards", early.identity, 2, testing::kCertifiedAt_s + 86'401, testing::kCertifiedUntil_s);
  old.certificate = issue_certificate(other, "cards", old.identity, 2, 1, 2);  // expired, and not the authority's either
  for (const EnrolledDevice& bad : {invented, foreign, early, old}) {
    const auto admitted = list_of({device(1), bad}).admitted(rules());
    REQUIRE_FALSE(admitted);
    CHECK(admitted.error().code == ErrorCode::refused);
    CHECK(holds(admitted.error().message, "device 2 of the list: certificate: "));
    const auto revocations = RevocationList::create({bad.id}, 1, testing::authority_key());
    CHECK_FALSE(list_of({device(1), bad}).admitted(rules(testing::kCertifiedAt_s, &*revocations)));
  }
}

TEST_CASE("a label with control characters is refused: it is shown on terminals") {
  const auto list = EnrolmentList::parse(line(1, "a\x1b[2Jb"));
  REQUIRE(!list);
  CHECK(list.error().message == "device list, line 1: a label with control characters");
}

}  // namespace
}  // namespace fedspend::coordinator
