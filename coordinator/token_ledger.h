#pragma once
// What the enrolment authority remembers: the one-time tokens that it gave out, by their public halves (a token itself is nowhere
// kept; common/protocol/enrolment_request.h), the certificate that each was used for, and the next serial. A used token stays until
// its certificate has expired, so the ledger also knows every device that holds a valid one. Text, fields separated by tabs:
//   fedspend-tokens-v1
//   next-serial <n>
//   <token, 64 hex digits> <expires> <population> <label> <"-", or the certificate's identity, 64 hex digits, and bytes, 176>
// A value: not thread-safe. Who reads and writes the file: authority.h.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/crypto/identity.h"
#include "common/ids.h"
#include "common/protocol/certificate.h"
#include "common/result.h"

namespace fedspend::coordinator {

inline constexpr std::size_t kMaxTokens = std::size_t{1} << 20;
inline constexpr std::size_t kMaxLedgerBytes = std::size_t{1} << 30;
// Tokens and certificates are kept for so long after they expired, so that a late device is told the right reason.
inline constexpr std::uint64_t kLedgerMemory_s = 30 * 86'400;

struct LedgerToken {
  std::uint64_t expires_at_s = 0;    // the first second in which it can no longer be used
  std::string population;
  std::string label;                 // the bank's name for the device; empty: the device's own is taken
  std::optional<Certificate> used;   // what it was used for
  bool operator==(const LedgerToken&) const = default;
};

struct TokenLedger {
  std::uint64_t next_serial = 1;
  std::map<IdentityPublicKey, LedgerToken> tokens;  // by the public half

  std::string text() const;
  static Result<TokenLedger> parse(std::string_view text);

  // Forgets what expired longer than kLedgerMemory_s ago.
  void prune(std::uint64_t now_s);
  // Whether a certificate was issued for this id and is still remembered.
  bool has_certified(const ClientId& id) const;

  bool operator==(const TokenLedger&) const = default;
};

}  // namespace fedspend::coordinator
