#pragma once
// The devices that the enrolment authority has taken back before their certificates expire, of all its populations: a sorted set
// of ids with a sequence number that only grows, signed by the authority over H("revocations", sequence, ids one after another).
// Whoever keeps state remembers the highest sequence that it has seen and refuses a lower one: an old list would give a revoked
// device back. Text form: WIRE.md. Immutable once made; thread-safe.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/identity.h"
#include "common/ids.h"
#include "common/result.h"

namespace fedspend {

inline constexpr std::size_t kMaxRevocations = std::size_t{1} << 20;
inline constexpr std::size_t kMaxRevocationListBytes = 256 + 65 * kMaxRevocations;

class RevocationList {
 public:
  // `ids` in any order, repeats count once. limit: more than kMaxRevocations. `sequence` counts from 1.
  static Result<RevocationList> create(std::vector<ClientId> ids, std::uint64_t sequence, const IdentityKey& authority);
  // Size, form and order first, then the signature. unauthorized: not the authority's. Accepts only what text() gives.
  static Result<RevocationList> parse(std::string_view text, const IdentityPublicKey& authority);
  std::string text() const;

  bool contains(const ClientId& id) const;
  std::uint64_t sequence() const { return sequence_; }
  const std::vector<ClientId>& ids() const { return ids_; }  // ascending

 private:
  RevocationList() = default;
  std::uint64_t sequence_ = 0;
  std::vector<ClientId> ids_;
  Signature signature_{};
};

}  // namespace fedspend
