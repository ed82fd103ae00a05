#include "client/remembered_credentials.h"

#include <doctest/doctest.h>

#include <atomic>
#include <vector>

#include "common/executor.h"
#include "common/protocol/certificate.h"

namespace fedspend::client {
namespace {

constexpr std::uint64_t kIssued = 1'700'000'000, kExpires = 1'731'536'000;

IdentityKey key_of(std::uint8_t number) {
  SecretBytes<32> seed;
  seed.expose_mutable()[0] = number;
  return IdentityKey::from_seed(seed);
}
IdentityPublicKey device(std::uint8_t number = 1) { return key_of(number).public_key(); }

Bytes certificate(std::uint8_t number = 1, std::uint64_t expires_at_s = kExpires, const char* population = "cards") {
  return encode_certificate(issue_certificate(key_of(0), population, device(number), number, kIssued, expires_at_s));
}
RememberedCredentials credentials(bool remembers_signatures = false) {
  return RememberedCredentials({.authority = key_of(0).public_key(), .population = "cards", .remembers_signatures = remembers_signatures});
}
ErrorCode code_of(const Status& status) { return status ? ErrorCode::internal : status.error().code; }

TEST_CASE("a certificate of the pinned authority for this population and key is believed, and no other is") {
  RememberedCredentials known = credentials();
  CHECK(known.check_certificate(device(), certificate(), kIssued).has_value());
  CHECK(code_of(known.check_certificate(device(2), certificate(1), kIssued)) == ErrorCode::unauthorized);
  CHECK(code_of(known.check_certificate(device(), certificate(1, kExpires, "loans"), kIssued)) == ErrorCode::unauthorized);
  RememberedCredentials of_another({.authority = device(9), .population = "cards"});
  CHECK(code_of(of_another.check_certificate(device(), certificate(), kIssued)) == ErrorCode::unauthorized);
  CHECK(code_of(known.check_certificate(device(), Bytes(87), kIssued)) == ErrorCode::malformed);
  CHECK(code_of(known.check_certificate(device(), Bytes(88), kIssued)) == ErrorCode::malformed);
}

TEST_CASE("a certificate that is remembered still expires, and still is not valid before its time") {
  RememberedCredentials known = credentials();
  REQUIRE(known.check_certificate(device(), certificate(), kIssued).has_value());
  CHECK(known.check_certificate(device(), certificate(), kExpires - 1).has_value());
  for (const std::uint64_t now_s : {kExpires, kExpires + 1, kIssued - kCertificateClockTolerance_s - 1, std::uint64_t{0}}) {
    const Status status = known.check_certificate(device(), certificate(), now_s);
    CAPTURE(now_s);
    CHECK(code_of(status) == ErrorCode::unauthorized);
  }
  CHECK_MESSAGE(known.check_certificate(device(), certificate(), kIssued).has_value(), "the clock was set back to a time at which it is valid");
}

TEST_CASE("what failed is not remembered as good, however often it comes, and does not spoil what is good") {
  RememberedCredentials known = credentials();
  Bytes bent = certificate();
  bent[30] ^= 1;  // of the signature
  for (int i = 0; i < 3; ++i) CHECK(code_of(known.check_certificate(device(), bent, kIssued)) == ErrorCode::unauthorized);
  CHECK(known.check_certificate(device(), certificate(), kIssued).has_value());
  CHECK(code_of(known.check_certificate(device(), bent, kIssued)) == ErrorCode::unauthorized);
  // One that was expired when it came first is checked in full when the time is right, and the other way round.
  for (int i = 0; i < 2; ++i) {
    CHECK(code_of(known.check_certificate(device(2), certificate(2, kIssued + 10), kIssued + 10)) == ErrorCode::unauthorized);
    CHECK(known.check_certificate(device(2), certificate(2, kIssued + 10), kIssued + 9).has_value());
  }
}

TEST_CASE("what is remembered of one key or of one set of times is not taken for another's") {
  RememberedCredentials known = credentials();
  REQUIRE(known.check_certificate(device(), certificate(), kIssued).has_value());
  CHECK(code_of(known.check_certificate(device(2), certificate(1), kIssued)) == ErrorCode::unauthorized);
  Bytes longer = certificate();
  store_u64(MutableByteSpan(longer).subspan(16), kExpires + 1'000);
  CHECK(code_of(known.check_certificate(device(), longer, kExpires + 1)) == ErrorCode::unauthorized);
}

TEST_CASE("signatures are checked, whether they are remembered or not") {
  for (const bool remembers : {false, true}) {
    RememberedCredentials known = credentials(remembers);
    const Hash256 digest{1}, other{2};
    const Signature good = key_of(1).sign(digest);
    Signature bent = good;
    bent[40] ^= 1;
    for (int i = 0; i < 2; ++i) {
      CAPTURE(remembers);
      CHECK_FALSE(known.check_signature(device(), digest, bent));
      CHECK(known.check_signature(device(), digest, good));
      CHECK_FALSE(known.check_signature(device(), other, good));
      CHECK_FALSE(known.check_signature(device(2), digest, good));
      CHECK_FALSE(known.check_signature(device(), digest, bent));
    }
  }
}

TEST_CASE("handles of one process share what they believe, by authority and by population, and keep it as long as one of them lives") {
  const IdentityPublicKey authority = key_of(0).public_key();
  auto first = shared_credentials(authority, "cards");
  CHECK_FALSE(first->remembers_signatures());
  const auto second = shared_credentials(authority, "cards");
  CHECK(first == second);
  CHECK(first->remembers_signatures());
  const auto of_loans = shared_credentials(authority, "loans"), of_another = shared_credentials(device(9), "cards");
  REQUIRE(first->check_certificate(device(), certificate(), kIssued).has_value());
  CHECK(code_of(of_loans->check_certificate(device(), certificate(), kIssued)) == ErrorCode::unauthorized);
  CHECK(code_of(of_another->check_certificate(device(), certificate(), kIssued)) == ErrorCode::unauthorized);
  const std::weak_ptr<RememberedCredentials> lone = shared_credentials(device(7), "cards");
  CHECK(lone.expired());
  CHECK_FALSE(shared_credentials(device(7), "cards")->remembers_signatures());
}

TEST_CASE("several threads may ask at the same time, for the same and for different things") {
  RememberedCredentials known = credentials(true);
  ThreadExecutor executor(4);
  const Hash256 digest{1};
  std::vector<Bytes> certificates;
  std::vector<Signature> signatures;
  for (std::uint8_t number = 1; number <= 8; ++number) {
    certificates.push_back(certificate(number));
    signatures.push_back(key_of(number).sign(digest));
  }
  std::atomic<int> wrong{0};
  executor.for_each(400, [&](std::size_t i) {
    const std::size_t which = i % 8, next = (i + 1) % 8;
    const IdentityPublicKey key = device(static_cast<std::uint8_t>(which + 1));
    if (!known.check_certificate(key, certificates[which], kIssued)) ++wrong;
    if (known.check_certificate(key, certificates[next], kIssued)) ++wrong;
    if (known.check_certificate(key, certificates[which], kExpires)) ++wrong;
    if (!known.check_signature(key, digest, signatures[which])) ++wrong;
    if (known.check_signature(key, digest, signatures[next])) ++wrong;
  });
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace fedspend::client
