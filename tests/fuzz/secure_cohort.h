#pragma once
// Devices with identities and certificates, made once, for the fuzz targets of secure aggregation. Signatures are remembered: the same
// ones come in every run.

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "common/protocol/certificate.h"
#include "common/secagg/credentials.h"

namespace fedspend::fuzz {

inline constexpr std::uint64_t kNow_s = 1'700'000'000;

inline IdentityKey key_of(std::uint8_t number) {
  SecretBytes<32> seed;
  seed.expose_mutable()[0] = number;
  return IdentityKey::from_seed(seed);
}

struct CohortDevice {
  IdentityKey key;
  ClientId id;
  std::array<std::uint8_t, kCertificateBytes> certificate{};
  std::array<std::uint8_t, kCertificateBytes> expired{};
};

inline std::array<std::uint8_t, kCertificateBytes> certificate_of(const IdentityKey& key, std::uint64_t expires_at_s) {
  std::array<std::uint8_t, kCertificateBytes> out;
  std::ranges::copy(encode_certificate(issue_certificate(key_of(0), "cards", key.public_key(), 1, 1, expires_at_s)), out.begin());
  return out;
}

// By rising id, as on a roster of all of them.
inline const std::vector<CohortDevice>& cohort() {
  static const std::vector<CohortDevice> devices = [] {
    std::vector<CohortDevice> made;
    for (std::uint8_t number = 1; number <= 8; ++number) {
      IdentityKey key = key_of(number);
      const auto certificate = certificate_of(key, kNow_s + 1), expired = certificate_of(key, kNow_s);
      const ClientId id = client_id_of(key.public_key());
      made.push_back({.key = std::move(key), .id = id, .certificate = certificate, .expired = expired});
    }
    std::ranges::sort(made, {}, &CohortDevice::id);
    return made;
  }();
  return devices;
}

// What verified once is remembered, as in client/remembered_credentials.h, which this preset does not build; one thread.
class FuzzCredentials final : public Credentials {
 public:
  Status check_certificate(const IdentityPublicKey& identity, ByteSpan certificate, std::uint64_t now_s) override {
    const Hash256 name = Hasher("certificate").field(identity.bytes).field(certificate).u64(now_s).finish();
    if (known_.contains(name)) return {};
    FEDSPEND_TRY(pinned_.check_certificate(identity, certificate, now_s));
    known_.insert(name);
    return {};
  }
  [[nodiscard]] bool check_signature(const IdentityPublicKey& identity, const Hash256& digest, const Signature& signature) override {
    const Hash256 name = Hasher("signature").field(identity.bytes).field(digest).field(signature).finish();
    if (known_.contains(name)) return true;
    if (!pinned_.check_signature(identity, digest, signature)) return false;
    if (known_.size() > 100'000) known_.clear();
    known_.insert(name);
    return true;
  }

 private:
  PinnedCredentials pinned_{key_of(0).public_key(), "cards"};
  std::set<Hash256> known_;
};

inline Credentials& credentials() {
  static FuzzCredentials shared;
  return shared;
}

}  // namespace fedspend::fuzz
