#include "common/protocol/certificate.h"

#include <algorithm>
#include <array>

#include "common/check.h"
#include "common/crypto/hash.h"
#include "common/protocol/messages.h"
#include "common/protocol/plain_text.h"

namespace fedspend {
namespace {

constexpr std::string_view kLinePrefix = "fedspend-certificate-v1 ";
constexpr std::size_t kIdentityDigits = 64;

Hash256 digest_of(const Certificate& certificate, std::string_view population) {
  Hasher hasher("certificate");
  hasher.field(population).field(certificate.identity.bytes);
  return hasher.u64(certificate.serial).u64(certificate.issued_at_s).u64(certificate.expires_at_s).finish();
}

}  // namespace

Certificate issue_certificate(const IdentityKey& authority, std::string_view population, const IdentityPublicKey& identity, std::uint64_t serial,
                              std::uint64_t issued_at_s, std::uint64_t expires_at_s) {
  FEDSPEND_CHECK(!population.empty() && population.size() <= kMaxTextBytes && is_plain_text(population), "the name of a population");
  FEDSPEND_CHECK(serial != 0 && issued_at_s < expires_at_s, "a serial from 1, and a time that does not end before it begins");
  Certificate certificate{.identity = identity, .serial = serial, .issued_at_s = issued_at_s, .expires_at_s = expires_at_s};
  certificate.signature = authority.sign(digest_of(certificate, population));
  return certificate;
}

bool is_signed_by(const Certificate& certificate, const IdentityPublicKey& authority, std::string_view population) {
  return verify(authority, digest_of(certificate, population), certificate.signature);
}

bool is_expired(const Certificate& certificate, std::uint64_t now_s) { return now_s >= certificate.expires_at_s; }

Status check_certificate_time(const Certificate& certificate, std::uint64_t now_s) {
  if (certificate.issued_at_s > now_s && certificate.issued_at_s - now_s > kCertificateClockTolerance_s)
    return fail(ErrorCode::unauthorized, "certificate: not yet valid, by more than a day", "set the clock of this machine, or of the one that issued it");
  if (is_expired(certificate, now_s)) return fail(ErrorCode::unauthorized, "certificate: expired", "enrol the device again with a new token, or set the clock");
  return {};
}

Status verify_certificate(const Certificate& certificate, const IdentityPublicKey& authority, std::string_view population, std::uint64_t now_s) {
  if (!is_signed_by(certificate, authority, population))
    return fail(ErrorCode::unauthorized, "certificate: not signed by the enrolment authority for this key and this population",
                "enrol the device with the authority whose key is pinned, for this population");
  return check_certificate_time(certificate, now_s);
}

Bytes encode_certificate(const Certificate& certificate) {
  Bytes bytes(kCertificateBytes);
  const MutableByteSpan out(bytes);
  store_u64(out, certificate.serial);
  store_u64(out.subspan(8), certificate.issued_at_s);
  store_u64(out.subspan(16), certificate.expires_at_s);
  std::ranges::copy(certificate.signature, out.subspan(24).begin());
  return bytes;
}

Result<Certificate> decode_certificate(const IdentityPublicKey& identity, ByteSpan bytes) {
  if (bytes.size() != kCertificateBytes)
    return fail(ErrorCode::malformed, "certificate: " + std::to_string(bytes.size()) + " bytes instead of " + std::to_string(kCertificateBytes));
  Certificate certificate{.identity = identity, .serial = load_u64(bytes), .issued_at_s = load_u64(bytes.subspan(8)), .expires_at_s = load_u64(bytes.subspan(16))};
  std::ranges::copy(bytes.subspan(24), certificate.signature.begin());
  if (certificate.serial == 0) return fail(ErrorCode::malformed, "certificate: serial 0");
  if (certificate.issued_at_s >= certificate.expires_at_s) return fail(ErrorCode::malformed, "certificate: it ends before it begins");
  return certificate;
}

std::string certificate_line(const Certificate& certificate) {
  return std::string(kLinePrefix) + to_hex(certificate.identity.bytes) + ' ' + to_hex(encode_certificate(certificate));
}

Result<Certificate> parse_certificate_line(std::string_view line) {
  constexpr std::size_t kLineBytes = kLinePrefix.size() + kIdentityDigits + 1 + 2 * kCertificateBytes;
  if (line.size() != kLineBytes || !line.starts_with(kLinePrefix) || line[kLinePrefix.size() + kIdentityDigits] != ' ')
    return fail(ErrorCode::malformed, "not a certificate line", "take the line again as `fedspend-admin enrol` wrote it");
  line.remove_prefix(kLinePrefix.size());
  IdentityPublicKey identity;
  FEDSPEND_TRY(from_hex(line.substr(0, kIdentityDigits), identity.bytes));
  std::array<std::uint8_t, kCertificateBytes> bytes{};
  FEDSPEND_TRY(from_hex(line.substr(kIdentityDigits + 1), bytes));
  return decode_certificate(identity, bytes);
}

}  // namespace fedspend
