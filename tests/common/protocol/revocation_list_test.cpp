// The signed list of revoked devices: its text in WIRE.md, and what is refused.
#include <doctest/doctest.h>

#include "common/protocol/revocation_list.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

IdentityKey authority() { return sample_key(100); }
ClientId id_of(std::uint8_t byte) { return ClientId{filled<std::array<std::uint8_t, 32>>(byte)}; }
std::string good_text() { return std::string(as_text(vector_of("revocations"))); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void check_refused(const std::string& text, ErrorCode code, const std::string& reason) {
  const auto list = RevocationList::parse(text, authority().public_key());
  REQUIRE_MESSAGE(!list, text);
  CHECK(list.error().code == code);
  CHECK_MESSAGE(list.error().message.find(reason) != std::string::npos, list.error().message);
}

TEST_CASE("a revocation list has the text that the second implementation gives it, whatever the order of the ids") {
  const auto list = RevocationList::create({id_of(0xbb), id_of(0x05), id_of(0xbb)}, 12, authority());
  REQUIRE(list);
  CHECK(list->text() == good_text());
  const auto read = RevocationList::parse(good_text(), authority().public_key());
  REQUIRE(read);
  CHECK(read->sequence() == 12);
  CHECK(read->ids() == std::vector<ClientId>{id_of(0x05), id_of(0xbb)});
  CHECK(read->contains(id_of(0x05)));
  CHECK(read->contains(id_of(0xbb)));
  CHECK(!read->contains(id_of(0x06)));
  CHECK(!read->contains(ClientId{}));
}

TEST_CASE("an empty revocation list is one, and revokes nobody") {
  const auto list = RevocationList::create({}, 1, authority());
  REQUIRE(list);
  const auto read = RevocationList::parse(list->text(), authority().public_key());
  REQUIRE(read);
  CHECK(read->ids().empty());
  CHECK(!read->contains(id_of(1)));
}

TEST_CASE("a revocation list of another authority, or changed after it was signed, is refused") {
  const auto other = RevocationList::parse(good_text(), sample_key(101).public_key());
  REQUIRE(!other);
  CHECK(other.error().code == ErrorCode::unauthorized);
  check_refused(replaced(good_text(), "sequence 12", "sequence 13"), ErrorCode::unauthorized, "not signed");
  check_refused(replaced(good_text(), std::string(64, 'b') + "\n", ""), ErrorCode::unauthorized, "not signed");
  check_refused(replaced(good_text(), std::string(64, 'b'), std::string(64, 'c')), ErrorCode::unauthorized, "not signed");
  check_refused(replaced(good_text(), std::string(64, 'b') + "\n", std::string(64, 'b') + "\n" + std::string(64, 'c') + "\n"), ErrorCode::unauthorized, "not signed");
}

TEST_CASE("a revocation list in another form is refused, though its content is the same") {
  const std::string good = good_text();
  check_refused("", ErrorCode::malformed, "first line");
  check_refused(replaced(good, "-v1", "-v2"), ErrorCode::malformed, "first line");
  check_refused(replaced(good, "sequence 12", "sequence 012"), ErrorCode::malformed, "leading zeros");
  check_refused(replaced(good, "sequence 12", "sequence 0"), ErrorCode::malformed, "not a number");
  check_refused(replaced(good, "sequence 12", "sequence 99999999999999999999"), ErrorCode::malformed, "not a number");
  check_refused(replaced(good, "sequence 12", "sequence 12 "), ErrorCode::malformed, "not a number");
  check_refused(replaced(good, "sequence 12\n", ""), ErrorCode::malformed, "no sequence");
  check_refused(replaced(good, std::string(64, 'b'), std::string(64, 'B')), ErrorCode::malformed, "upper case");
  check_refused(replaced(good, std::string(64, 'b'), std::string(64, 'g')), ErrorCode::malformed, "line 4 is not an id");
  check_refused(replaced(good, std::string(64, 'b'), std::string(63, 'b')), ErrorCode::malformed, "line 4 is neither");
  const std::string first = "05" + good.substr(good.find("0505") + 2, 62);
  check_refused(replaced(good, std::string(64, 'b'), first), ErrorCode::malformed, "ascending");
  check_refused(replaced(good, std::string(64, 'b'), std::string(64, '0')), ErrorCode::malformed, "ascending");
  check_refused(good + "\n", ErrorCode::malformed, "follows");
  check_refused(good + std::string(64, 'c') + "\n", ErrorCode::malformed, "follows");
  check_refused(replaced(good, "\n", "\r\n"), ErrorCode::malformed, "first line");
}

TEST_CASE("a revocation list that is cut off anywhere is refused") {
  const std::string good = good_text();
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(!RevocationList::parse(good.substr(0, size), authority().public_key()));
  }
}

TEST_CASE("a revocation list that is too large is refused before it is read") {
  check_refused(std::string(kMaxRevocationListBytes + 1, 'a'), ErrorCode::limit, "at most");
}

}  // namespace
}  // namespace fedspend::testing
