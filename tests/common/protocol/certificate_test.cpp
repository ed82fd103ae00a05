// Certificates of the enrolment authority: the bytes of WIRE.md, and what makes one invalid.
#include <doctest/doctest.h>

#include "common/protocol/certificate.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {
namespace {

constexpr const char* kPopulation = "kort-københavn";
constexpr std::uint64_t kIssued = 1'700'000'000, kExpires = 1'731'536'000, kDay = 86'400;

IdentityKey authority() { return sample_key(100); }
Certificate sample() { return issue_certificate(authority(), kPopulation, sample_key().public_key(), 17, kIssued, kExpires); }
Status checked(const Certificate& certificate, std::uint64_t now_s = kIssued, const char* population = kPopulation) {
  return verify_certificate(certificate, authority().public_key(), population, now_s);
}

void check_refused(const Status& status, const std::string& reason) {
  REQUIRE(!status);
  CHECK(status.error().code == ErrorCode::unauthorized);
  CHECK_MESSAGE(status.error().message.find(reason) != std::string::npos, status.error().message);
}

TEST_CASE("a certificate and its line have the bytes that the second implementation gives them") {
  CHECK(to_hex(encode_certificate(sample())) == to_hex(vector_of("certificate")));
  CHECK(certificate_line(sample()) == as_text(vector_of("certificate_line")));
  const auto decoded = decode_certificate(sample_key().public_key(), vector_of("certificate"));
  REQUIRE(decoded);
  CHECK(*decoded == sample());
  const auto from_line = parse_certificate_line(as_text(vector_of("certificate_line")));
  REQUIRE(from_line);
  CHECK(*from_line == sample());
}

TEST_CASE("a certificate is valid from a day before it was issued until the second before it expires") {
  CHECK(checked(sample(), kIssued));
  CHECK(checked(sample(), kExpires - 1));
  CHECK(checked(sample(), kIssued - kDay));
  check_refused(checked(sample(), kIssued - kDay - 1), "not yet valid");
  check_refused(checked(sample(), 0), "not yet valid");
  check_refused(checked(sample(), kExpires), "expired");
  check_refused(checked(sample(), ~std::uint64_t{0}), "expired");
}

TEST_CASE("a certificate of another authority or of another population is refused") {
  const Certificate other = issue_certificate(sample_key(101), kPopulation, sample_key().public_key(), 17, kIssued, kExpires);
  check_refused(checked(other), "not signed");
  CHECK(verify_certificate(other, sample_key(101).public_key(), kPopulation, kIssued));
  check_refused(checked(sample(), kIssued, "kort-køge"), "not signed");
  check_refused(checked(sample(), kIssued, ""), "not signed");
}

TEST_CASE("a certificate that was given to another device is refused") {
  Certificate taken = sample();
  taken.identity = sample_key(1).public_key();
  check_refused(checked(taken), "not signed");
}

TEST_CASE("a flipped bit anywhere in a certificate is seen") {
  const Bytes good = encode_certificate(sample());
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes bent = good;
    bent[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    CAPTURE(bit);
    const auto decoded = decode_certificate(sample_key().public_key(), bent);
    if (!decoded) continue;  // times in the wrong order
    CHECK(!is_signed_by(*decoded, authority().public_key(), kPopulation));
    check_refused(checked(*decoded), "not signed");
  }
  Certificate expired_and_bent = sample();
  expired_and_bent.expires_at_s += 1;  // the signature comes first: nothing is said of times that nobody signed
  check_refused(checked(expired_and_bent, kExpires + 1), "not signed");
}

TEST_CASE("a certificate of another length, with serial 0 or with times in the wrong order does not decode") {
  const Bytes good = encode_certificate(sample());
  for (const std::size_t size : {0U, 1U, 24U, 87U, 89U, 1000U}) {
    Bytes bytes = good;
    bytes.resize(size);
    const auto decoded = decode_certificate(sample_key().public_key(), bytes);
    REQUIRE(!decoded);
    CHECK(decoded.error().code == ErrorCode::malformed);
  }
  Bytes without_serial = good;
  store_u64(without_serial, 0);
  CHECK(!decode_certificate(sample_key().public_key(), without_serial));
  Bytes no_time = good;
  store_u64(MutableByteSpan(no_time).subspan(16), kIssued);
  CHECK(!decode_certificate(sample_key().public_key(), no_time));
  store_u64(MutableByteSpan(no_time).subspan(16), kIssued + 1);
  CHECK(decode_certificate(sample_key().public_key(), no_time));
}

TEST_CASE("a certificate line that is cut, lengthened, misspelt or of another version is refused") {
  const std::string good = certificate_line(sample());
  for (std::size_t size = 0; size < good.size(); ++size) CHECK(!parse_certificate_line(good.substr(0, size)));
  CHECK(!parse_certificate_line(good + "0"));
  CHECK(!parse_certificate_line(good + "\n"));
  std::string bent = good;
  bent[21] = '2';  // v2
  CHECK(!parse_certificate_line(bent));
  bent = good;
  bent[30] = 'g';
  CHECK(!parse_certificate_line(bent));
  bent = good;
  bent.back() = 'g';
  CHECK(!parse_certificate_line(bent));
}

}  // namespace
}  // namespace fedspend::testing
