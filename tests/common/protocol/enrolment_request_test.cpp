// Enrolment requests: what both signatures cover, and the form of the file.
#include <doctest/doctest.h>

#include "common/protocol/enrolment_request.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

constexpr const char* kPopulation = "kort-københavn";

EnrolmentToken token(char digit = '7') { return std::move(*EnrolmentToken::parse(std::string(64, digit))); }
CurvePublicKey curve(std::uint8_t byte = 0x44) { return {filled<std::array<std::uint8_t, 32>>(byte)}; }
EnrolmentRequest sample() { return make_enrolment_request(kPopulation, sample_key(), curve(), token(), "branch 12"); }

void check_refused(const EnrolmentRequest& request, const char* population = kPopulation) {
  const Status status = verify_enrolment_request(request, population);
  REQUIRE(!status);
  CHECK(status.error().code == ErrorCode::unauthorized);
}

TEST_CASE("a request file has the text that the second implementation gives it") {
  const EnrolmentRequests file{kPopulation, {sample()}};
  CHECK(file.text() == as_text(vector_of("enrolment_requests")));
  const auto read = EnrolmentRequests::parse(file.text());
  REQUIRE(read);
  CHECK(read->population == kPopulation);
  REQUIRE(read->requests.size() == 1);
  CHECK(read->requests[0] == sample());
  CHECK(verify_enrolment_request(read->requests[0], read->population));
}

TEST_CASE("a token stands neither in the request nor in its public half") {
  const EnrolmentRequests file{kPopulation, {sample()}};
  CHECK(file.text().find(token().text()) == std::string::npos);
  CHECK(to_hex(token().key().public_key().bytes) != token().text());
  CHECK(to_hex(token().key().seed().expose()) != token().text());
}

TEST_CASE("a request with a swapped identity, CURVE key, token, label or population does not hold") {
  CHECK(verify_enrolment_request(sample(), kPopulation));
  EnrolmentRequest bent = sample();
  bent.identity = sample_key(1).public_key();
  check_refused(bent);
  bent = sample();
  bent.transport = curve(0x45);
  check_refused(bent);
  bent = sample();
  bent.token = token('8').key().public_key();
  check_refused(bent);
  bent = sample();
  bent.label = "branch 13";
  check_refused(bent);
  check_refused(sample(), "kort-køge");
}

TEST_CASE("both signatures are needed: who has the token alone or the identity alone enrols nobody") {
  const EnrolmentRequest without_identity = make_enrolment_request(kPopulation, sample_key(1), curve(), token(), "branch 12");
  EnrolmentRequest stolen = sample();  // another's identity, with a token of one's own
  stolen.by_identity = without_identity.by_identity;
  check_refused(stolen);
  EnrolmentRequest guessed = make_enrolment_request(kPopulation, sample_key(), curve(), token('8'), "branch 12");  // another's token, by its public half
  guessed.token = token().key().public_key();
  check_refused(guessed);
  EnrolmentRequest unsigned_request = sample();
  unsigned_request.by_token = {};
  check_refused(unsigned_request);
  unsigned_request = sample();
  unsigned_request.by_identity = {};
  check_refused(unsigned_request);
}

TEST_CASE("a token is 64 hexadecimal digits, and what is wrong is not quoted") {
  for (const std::string& bad : {std::string(), std::string(63, '7'), std::string(65, '7'), std::string(63, '7') + "g"}) {
    const auto parsed = EnrolmentToken::parse(bad);
    REQUIRE(!parsed);
    CHECK(parsed.error().message.find("777") == std::string::npos);
  }
}

TEST_CASE("a request file in another form is refused by its line") {
  const std::string good = EnrolmentRequests{kPopulation, {sample(), sample()}}.text();
  const auto error_of = [](const std::string& text) {
    const auto file = EnrolmentRequests::parse(text);
    REQUIRE_MESSAGE(!file, text);
    CHECK(file.error().code == ErrorCode::malformed);
    return file.error().message;
  };
  const auto with_line = [&](int number, const std::string& line) {
    std::string text = good;
    std::size_t at = 0;
    for (int i = 1; i < number; ++i) at = text.find('\n', at) + 1;
    return text.replace(at, text.find('\n', at) - at, line);
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const std::string line = good.substr(good.rfind('\n', good.size() - 2) + 1, good.size() - 1 - (good.rfind('\n', good.size() - 2) + 1));
  CHECK(has(error_of(""), "line 1"));
  CHECK(has(error_of(with_line(1, "fedspend-enrolment-requests-v2")), "line 1"));
  CHECK(has(error_of(good.substr(0, good.find('\n') + 1)), "line 2"));
  CHECK(has(error_of(with_line(2, "people " + std::string(kPopulation))), "line 2"));
  CHECK(has(error_of(with_line(2, "population ")), "line 2"));
  CHECK(has(error_of(with_line(2, "population " + std::string(65, 'a'))), "line 2"));
  CHECK(has(error_of(with_line(2, "population a\x1b[2Jb")), "line 2"));
  CHECK(has(error_of(with_line(4, "")), "line 4"));
  CHECK(has(error_of(with_line(4, line.substr(0, 451))), "line 4"));
  CHECK(has(error_of(with_line(4, "g" + line.substr(1))), "line 4"));
  CHECK(has(error_of(with_line(4, line.substr(0, 64) + "0" + line.substr(64))), "line 4"));
  CHECK(has(error_of(with_line(4, line.substr(0, 452) + "x")), "line 4"));
  CHECK(has(error_of(with_line(4, line + std::string(257, 'x'))), "label"));
  CHECK(has(error_of(with_line(4, line + "\x1b[2J")), "label"));
  CHECK(EnrolmentRequests::parse(with_line(4, line + "\r")));
}

}  // namespace
}  // namespace fedspend::testing
