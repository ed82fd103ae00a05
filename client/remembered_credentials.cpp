#include "client/remembered_credentials.h"

#include <map>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "common/protocol/certificate.h"

namespace fedspend::client {
namespace {

constexpr std::size_t kMostRemembered = 200'000;  // 32 bytes each, and the set's own

struct HashOfHash {
  // What is hashed here is a hash already: its first bytes are as good as any hash of it.
  std::size_t operator()(const Hash256& hash) const noexcept { return static_cast<std::size_t>(load_u64(hash)); }
};
using Hashes = std::unordered_set<Hash256, HashOfHash>;

}  // namespace

struct RememberedCredentials::Memory {
  std::mutex mutex;
  Hashes certificates;
  Hashes signatures;

  bool knows(const Hashes& set, const Hash256& what) {
    const std::lock_guard lock(mutex);
    return set.contains(what);
  }
  void remember(Hashes& set, const Hash256& what) {
    const std::lock_guard lock(mutex);
    if (set.size() >= kMostRemembered) set.clear();
    set.insert(what);
  }
};

RememberedCredentials::RememberedCredentials(CredentialsOptions options)
    : pinned_(options.authority, std::move(options.population)), remembers_signatures_(options.remembers_signatures), memory_(std::make_unique<Memory>()) {}
RememberedCredentials::~RememberedCredentials() = default;

Status RememberedCredentials::check_certificate(const IdentityPublicKey& identity, ByteSpan certificate, std::uint64_t now_s) {
  const Hash256 name = Hasher("remembered-certificate").field(identity.bytes).field(certificate).finish();
  if (memory_->knows(memory_->certificates, name)) {
    FEDSPEND_ASSIGN(const Certificate decoded, decode_certificate(identity, certificate));
    return check_certificate_time(decoded, now_s);
  }
  FEDSPEND_TRY(pinned_.check_certificate(identity, certificate, now_s));
  memory_->remember(memory_->certificates, name);
  return {};
}

bool RememberedCredentials::check_signature(const IdentityPublicKey& identity, const Hash256& digest, const Signature& signature) {
  if (!remembers_signatures_) return pinned_.check_signature(identity, digest, signature);
  const Hash256 name = Hasher("remembered-signature").field(identity.bytes).field(digest).field(signature).finish();
  if (memory_->knows(memory_->signatures, name)) return true;
  if (!pinned_.check_signature(identity, digest, signature)) return false;
  memory_->remember(memory_->signatures, name);
  return true;
}

std::shared_ptr<RememberedCredentials> shared_credentials(const IdentityPublicKey& authority, const std::string& population) {
  static std::mutex mutex;
  static std::map<std::pair<Bytes, std::string>, std::weak_ptr<RememberedCredentials>> held;
  const std::lock_guard lock(mutex);
  std::erase_if(held, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<RememberedCredentials>& known = held[{Bytes(authority.bytes.begin(), authority.bytes.end()), population}];
  if (std::shared_ptr<RememberedCredentials> shared = known.lock()) {
    shared->remember_signatures();
    return shared;
  }
  auto made = std::make_shared<RememberedCredentials>(CredentialsOptions{.authority = authority, .population = population});
  known = made;
  return made;
}

}  // namespace fedspend::client
