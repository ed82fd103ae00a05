#include "common/protocol/enrolment_request.h"

#include <algorithm>
#include <utility>

#include "common/crypto/hash.h"
#include "common/crypto/kdf.h"
#include "common/protocol/messages.h"
#include "common/protocol/plain_text.h"

namespace fedspend {
namespace {

constexpr std::string_view kHeader = "fedspend-enrolment-requests-v1";
constexpr std::string_view kPopulation = "population ";
constexpr std::size_t kKeyDigits = 64, kSignatureDigits = 128;
constexpr const char* kMend = "write the file again with `fedspend-device keys`";

Hash256 digest_of(const EnrolmentRequest& request, std::string_view population) {
  Hasher hasher("enrolment-request");
  hasher.field(population).field(request.identity.bytes).field(request.transport.bytes).field(request.token.bytes);
  return hasher.field(request.label).finish();
}

// Takes a field of a fixed width, and the space behind it if there is one.
Status take_hex(std::string_view& rest, std::size_t digits, MutableByteSpan out) {
  if (rest.size() < digits || (rest.size() > digits && rest[digits] != ' ')) return fail(ErrorCode::malformed, "a key or a signature that is not as long as it must be");
  FEDSPEND_TRY(from_hex(rest.substr(0, digits), out));
  rest.remove_prefix(std::min(rest.size(), digits + 1));
  return {};
}

Result<EnrolmentRequest> parse_line(std::string_view line) {
  EnrolmentRequest request;
  FEDSPEND_TRY(take_hex(line, kKeyDigits, request.identity.bytes));
  FEDSPEND_TRY(take_hex(line, kKeyDigits, request.transport.bytes));
  FEDSPEND_TRY(take_hex(line, kKeyDigits, request.token.bytes));
  FEDSPEND_TRY(take_hex(line, kSignatureDigits, request.by_identity));
  FEDSPEND_TRY(take_hex(line, kSignatureDigits, request.by_token));
  FEDSPEND_TRY(check_device_label(line));
  request.label = line;
  return request;
}

}  // namespace

EnrolmentToken EnrolmentToken::generate(RandomSource& random) {
  EnrolmentToken token;
  random.fill(token.bytes_.expose_mutable());
  return token;
}

Result<EnrolmentToken> EnrolmentToken::parse(std::string_view hex_text) {
  EnrolmentToken token;
  if (!from_hex(hex_text, token.bytes_.expose_mutable()))
    return fail(ErrorCode::malformed, "an enrolment token is 64 hexadecimal digits", "give it as `fedspend-admin token` printed it");
  return token;
}

std::string EnrolmentToken::text() const { return to_hex(bytes_.expose()); }

IdentityKey EnrolmentToken::key() const { return IdentityKey::from_seed(KeyDerivation("enrolment-token", bytes_.expose()).finish()); }

Status check_device_label(std::string_view label) {
  if (std::any_of(label.begin(), label.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return fail(ErrorCode::malformed, "a label with control characters");
  if (label.size() > kMaxDeviceLabelBytes) return fail(ErrorCode::malformed, "a label of more than 256 bytes");
  return {};
}

EnrolmentRequest make_enrolment_request(std::string_view population, const IdentityKey& identity, const CurvePublicKey& transport, const EnrolmentToken& token,
                                        std::string label) {
  const IdentityKey token_key = token.key();
  EnrolmentRequest request{.identity = identity.public_key(), .transport = transport, .token = token_key.public_key(), .label = std::move(label)};
  const Hash256 digest = digest_of(request, population);
  request.by_identity = identity.sign(digest);
  request.by_token = token_key.sign(digest);
  return request;
}

Result<EnrolmentRequest> make_enrolment_request(std::string_view population, IdentitySigner& identity, const CurvePublicKey& transport, const EnrolmentToken& token,
                                                std::string label) {
  const IdentityKey token_key = token.key();
  EnrolmentRequest request{.identity = identity.public_key(), .transport = transport, .token = token_key.public_key(), .label = std::move(label)};
  const Hash256 digest = digest_of(request, population);
  FEDSPEND_ASSIGN(request.by_identity, identity.sign(digest));
  request.by_token = token_key.sign(digest);
  return request;
}

Status verify_enrolment_request(const EnrolmentRequest& request, std::string_view population) {
  const Hash256 digest = digest_of(request, population);
  if (!verify(request.token, digest, request.by_token))
    return fail(ErrorCode::unauthorized, "enrolment request: not made with its token for these keys, this label and this population", kMend);
  if (!verify(request.identity, digest, request.by_identity))
    return fail(ErrorCode::unauthorized, "enrolment request: not signed by the identity that it is for", kMend);
  return {};
}

std::string EnrolmentRequests::text() const {
  std::string text = std::string(kHeader) + '\n' + std::string(kPopulation) + population + '\n';
  for (const EnrolmentRequest& request : requests) {
    text += to_hex(request.identity.bytes) + ' ' + to_hex(request.transport.bytes) + ' ' + to_hex(request.token.bytes) + ' ' + to_hex(request.by_identity) + ' ' +
            to_hex(request.by_token);
    if (!request.label.empty()) text += ' ' + request.label;
    text += '\n';
  }
  return text;
}

Result<EnrolmentRequests> EnrolmentRequests::parse(std::string_view text) {
  EnrolmentRequests file;
  for (std::size_t number = 1; !text.empty() || number <= 2; ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto broken = [&](const std::string& what) { return fail(ErrorCode::malformed, "enrolment requests, line " + std::to_string(number) + ": " + what, kMend); };
    if (number == 1) {
      if (line != kHeader) return broken("not \"" + std::string(kHeader) + "\"");
    } else if (number == 2) {
      if (!line.starts_with(kPopulation)) return broken("no population");
      file.population = line.substr(kPopulation.size());
      if (file.population.empty() || file.population.size() > kMaxTextBytes || !is_plain_text(file.population)) return broken("not the name of a population");
    } else {
      Result<EnrolmentRequest> request = parse_line(line);
      if (!request) return broken(request.error().message);
      file.requests.push_back(std::move(*request));
    }
  }
  return file;
}

}  // namespace fedspend
