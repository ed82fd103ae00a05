#include "common/secagg/credentials.h"

#include <mutex>
#include <unordered_set>
#include <utility>

#include "common/protocol/certificate.h"

namespace fedspend {
namespace {

constexpr std::size_t kMostRemembered = 200'000;  // 32 bytes each, and the set's own

struct HashOfHash {
  // What is hashed here is a hash already: its first bytes are as good as any hash of it.
  std::size_t operator()(const Hash256& hash) const noexcept { return static_cast<std::size_t>(load_u64(hash)); }
};

}  // namespace

struct Credentials::Memory {
  std::mutex mutex;
  std::unordered_set<Hash256, HashOfHash> certificates;
  std::unordered_set<Hash256, HashOfHash> signatures;

  bool knows(const std::unordered_set<Hash256, HashOfHash>& set, const Hash256& what) {
    const std::lock_guard lock(mutex);
    return set.contains(what);
  }
  void remember(std::unordered_set<Hash256, HashOfHash>& set, const Hash256& what) {
    const std::lock_guard lock(mutex);
    if (set.size() >= kMostRemembered) set.clear();
    set.insert(what);
  }
};

Credentials::Credentials(CredentialsOptions options) : options_(std::move(options)), memory_(std::make_unique<Memory>()) {}
Credentials::~Credentials() = default;

Status Credentials::check_certificate(const IdentityPublicKey& identity, ByteSpan certificate, std::uint64_t now_s) {
  FEDSPEND_ASSIGN(const Certificate decoded, decode_certificate(identity, certificate));
  const Hash256 name = Hasher("remembered-certificate").field(identity.bytes).field(certificate).finish();
  if (memory_->knows(memory_->certificates, name)) return check_certificate_time(decoded, now_s);
  FEDSPEND_TRY(verify_certificate(decoded, options_.authority, options_.population, now_s));
  memory_->remember(memory_->certificates, name);
  return {};
}

bool Credentials::check_signature(const IdentityPublicKey& identity, const Hash256& digest, const Signature& signature) {
  if (!options_.remembers_signatures) return verify(identity, digest, signature);
  const Hash256 name = Hasher("remembered-signature").field(identity.bytes).field(digest).field(signature).finish();
  if (memory_->knows(memory_->signatures, name)) return true;
  if (!verify(identity, digest, signature)) return false;
  memory_->remember(memory_->signatures, name);
  return true;
}

}  // namespace fedspend
