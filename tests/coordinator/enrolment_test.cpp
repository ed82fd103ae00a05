#include "coordinator/enrolment.h"

#include <doctest/doctest.h>

#include "tests/rounds/sample.h"

namespace fedspend::coordinator {
namespace {

EnrolledDevice device(std::uint64_t number, std::string label = {}) {
  const testing::DeviceKeys keys = testing::device_keys(number);
  return {keys.id, keys.identity.public_key(), keys.transport, std::move(label)};
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
  const std::string key(64, 'a');
  for (const std::string& broken : {std::string("hello"), key, key + " " + std::string(63, 'a'), key + " " + std::string(65, 'a'), key + " " + std::string(64, 'g'),
                                    key.substr(1) + " " + key, key + key, key + " " + key + " " + std::string(257, 'x'), std::string("\xff\0\x01", 3)}) {
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

}  // namespace
TEST_CASE("a label with control characters is refused: it is shown on terminals") {
  const auto list = EnrolmentList::parse(line(1, "a\x1b[2Jb"));
  REQUIRE(!list);
  CHECK(list.error().message == "device list, line 1: a label with control characters");
}

}  // namespace fedspend::coordinator
