#include <doctest/doctest.h>

#include <set>

#include "common/protocol/messages.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

TEST_CASE("the highest version that both sides speak is chosen") {
  CHECK(negotiate_version(kProtocolVersionMin, kProtocolVersionMax).value() == kProtocolVersionMax);
  CHECK(negotiate_version(0, 900).value() == kProtocolVersionMax);
  CHECK(negotiate_version(kProtocolVersionMax, 900).value() == kProtocolVersionMax);
}

TEST_CASE("without a common version there is none, and the error says what each side speaks") {
  const auto newer = negotiate_version(kProtocolVersionMax + 1, kProtocolVersionMax + 3);
  REQUIRE(!newer);
  CHECK(newer.error().code == ErrorCode::refused);
  CHECK(newer.error().message == "no common protocol version: the peer speaks 2 to 4, this program 1 to 1");
  CHECK(!negotiate_version(0, kProtocolVersionMin - 1));
  CHECK_MESSAGE(!negotiate_version(900, 0), "a range that is none");
}

TEST_CASE("each value in the session id changes it") {
  const Assignment a = sample_assignment();
  std::set<SessionId> ids;
  const auto add = [&](const Assignment& b) { ids.insert(session_id(b.task, b.round, b.model_hash, b.plan_hash, b.cohort, b.attempt)); };
  add(a);
  for (int change = 0; change < 6; ++change) {
    Assignment b = a;
    if (change == 0) b.task.bytes[15] ^= 1;
    if (change == 1) b.round.value += 1;
    if (change == 2) b.model_hash.bytes[0] ^= 1;
    if (change == 3) b.plan_hash.bytes[0] ^= 1;
    if (change == 4) b.cohort += 1;
    if (change == 5) b.attempt[0] ^= 1;
    add(b);
  }
  CHECK(ids.size() == 7);
}

TEST_CASE("the same bytes have another hash as a model than as an update or a plan") {
  const Bytes bytes(8, 0x5a);
  const std::set<std::array<std::uint8_t, 32>> hashes{hash_of_weights(bytes).bytes, hash_of_update(bytes), hash_of_plan(bytes).bytes};
  CHECK(hashes.size() == 3);
}

TEST_CASE("every enumerator has a name of its own, and a value that is none is called unknown") {
  const auto names_of = []<class Enum>(Enum last, std::underlying_type_t<Enum> first) {
    std::set<std::string_view> names;
    for (auto value = first; value <= static_cast<std::underlying_type_t<Enum>>(last); ++value) names.insert(to_string(static_cast<Enum>(value)));
    CHECK(!names.contains("unknown"));
    CHECK(to_string(static_cast<Enum>(static_cast<std::underlying_type_t<Enum>>(last) + 1)) == "unknown");
    return names.size();
  };
  CHECK(names_of(MessageType::unmask, 1) == 15);
  CHECK(names_of(ComeBackReason::malformed, 0) == 7);
  CHECK(names_of(UpdateStatus::aborted, 0) == 5);
  CHECK(names_of(DeclineReason::secure_aggregation, 0) == 8);
}

}  // namespace
}  // namespace fedspend::testing
