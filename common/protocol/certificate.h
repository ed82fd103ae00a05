#pragma once
// What makes a key a device's: the enrolment authority's signature over the identity key. The authority has an Ed25519 key of its
// own, apart from the coordinator's and the release key, and devices pin it; so a coordinator cannot invent devices
// (SECAGG.md, "Keys"). A certificate is for one population and for a time, in seconds since 1970 by the wall clock, which comes
// from outside: `now_s`. It holds nothing secret. Bytes: WIRE.md. Who is certified and for how long: coordinator/README.md.
// Thread-safe (no state).

#include <cstdint>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/crypto/identity.h"
#include "common/result.h"

namespace fedspend {

struct Certificate {
  IdentityPublicKey identity;       // whom it is for
  std::uint64_t serial = 0;         // of the authority, counted from 1
  std::uint64_t issued_at_s = 0;
  std::uint64_t expires_at_s = 0;   // the first second in which it is no longer valid
  Signature signature{};            // the authority's over H("certificate", population, identity, serial, issued, expires)

  bool operator==(const Certificate&) const = default;
};

// Serial, issued, expires, signature. The identity key travels beside it.
inline constexpr std::size_t kCertificateBytes = 88;
// How far the authority's clock may be ahead of the one that checks.
inline constexpr std::uint64_t kCertificateClockTolerance_s = 86'400;

// `population`: plain text of 1 to kMaxTextBytes bytes; issued_at_s < expires_at_s.
Certificate issue_certificate(const IdentityKey& authority, std::string_view population, const IdentityPublicKey& identity, std::uint64_t serial,
                              std::uint64_t issued_at_s, std::uint64_t expires_at_s);

// unauthorized, with the reason: not signed so by this authority for this population, not yet valid, expired.
Status verify_certificate(const Certificate& certificate, const IdentityPublicKey& authority, std::string_view population, std::uint64_t now_s);
// Of a certificate whose signature was found right before: not yet valid or expired.
Status check_certificate_time(const Certificate& certificate, std::uint64_t now_s);
// The signature alone, whatever the time is: of certificates in a list that is only carried on.
[[nodiscard]] bool is_signed_by(const Certificate& certificate, const IdentityPublicKey& authority, std::string_view population);
[[nodiscard]] bool is_expired(const Certificate& certificate, std::uint64_t now_s);

Bytes encode_certificate(const Certificate& certificate);
// malformed: not exactly kCertificateBytes, serial 0, or a time that ends before it begins. Says nothing of the signature.
Result<Certificate> decode_certificate(const IdentityPublicKey& identity, ByteSpan bytes);

// One line without its end, for files: "fedspend-certificate-v1 <identity, 64 hex digits> <certificate, 176 hex digits>".
std::string certificate_line(const Certificate& certificate);
Result<Certificate> parse_certificate_line(std::string_view line);

}  // namespace fedspend
