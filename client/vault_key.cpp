#include "client/vault_key.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/vault_files.h"
#include "common/crypto/hash.h"
#include "common/crypto/kdf.h"

namespace fedspend::client {
namespace {

constexpr std::string_view kMagic = "fsvkey1\n";
constexpr std::string_view kAssociated = "fedspend/v1/vault-seed";
constexpr std::size_t kKeyAt = kMagic.size();
constexpr std::size_t kCheckAt = kKeyAt + 32;
constexpr std::size_t kFileBytes = kCheckAt + 32;  // with a hash, so that damage is told from another vault's key

Hash256 check_of(ByteSpan key) { return Hasher("store-key").field(key).finish(); }

}  // namespace

Result<AeadKey> FileSeedProtector::read() const {
  // O_NONBLOCK, here and below: nobody waits at a pipe that stands in the file's place.
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno == ENOENT) return fail(ErrorCode::not_found, path_.string() + ": the store's key is not there", "restore it from where it was moved to; without it the store can only be wiped");
  if (!file && errno == ELOOP) return fail(ErrorCode::refused, path_.string() + " is a link", "put the key file itself there, with mode 0600");
  if (!file) return file_failure(path_, "cannot be read");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return file_failure(path_, "cannot be read");
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::refused, path_.string() + " is not a file", "put the key file there, with mode 0600");
  if (status.st_uid != ::geteuid()) return fail(ErrorCode::refused, path_.string() + " is another user's", "chown it to the user of the device process");
  if ((status.st_mode & 077) != 0) return fail(ErrorCode::refused, "the store's key " + path_.string() + " can be read by others", "chmod 600 " + path_.string());
  SecretBytes<kFileBytes> content;
  const auto damaged = [&] { return fail(ErrorCode::malformed, path_.string() + ": the store's key is damaged", "restore the file from a backup; without it the store can only be wiped"); };
  if (status.st_size != static_cast<off_t>(kFileBytes)) return damaged();
  if (!read_all(file.get(), content.expose_mutable())) return file_failure(path_, "cannot be read");
  AeadKey key;
  const auto bytes = content.expose();
  std::copy_n(bytes.begin() + kKeyAt, 32, key.bytes.expose_mutable().begin());
  const Hash256 check = check_of(key.bytes.expose());
  if (!std::equal(kMagic.begin(), kMagic.end(), bytes.begin()) || !std::equal(check.begin(), check.end(), bytes.begin() + kCheckAt)) return damaged();
  return key;
}

Status FileSeedProtector::make() {
  SecretBytes<32> key;
  random_.fill(key.expose_mutable());
  SecretBytes<kFileBytes> content;
  const auto bytes = content.expose_mutable();
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  std::ranges::copy(key.expose(), bytes.begin() + kKeyAt);
  std::ranges::copy(check_of(key.expose()), bytes.begin() + kCheckAt);
  FEDSPEND_ASSIGN(NewFile file, NewFile::write(path_, bytes));
  Status linked = file.link_in_place();
  if (!linked && linked.error().code == ErrorCode::conflict) return {};  // another process was first: its key counts
  FEDSPEND_TRY(std::move(linked));
  return sync_folder_of(path_);
}

Result<Bytes> FileSeedProtector::wrap(const SecretBytes<32>& seed) {
  Result<AeadKey> key = read();
  if (!key && key.error().code == ErrorCode::not_found) {
    FEDSPEND_TRY(make());
    key = read();
  }
  if (!key) return fail(key.error());
  return seal(*key, as_bytes(kAssociated), seed.expose(), random_);
}

Result<SecretBytes<32>> FileSeedProtector::unwrap(ByteSpan wrapped) {
  FEDSPEND_ASSIGN(const AeadKey key, read());
  SecretBytes<32> seed;
  if (!open_sealed(key, as_bytes(kAssociated), wrapped, seed.expose_mutable()))
    return fail(ErrorCode::unauthorized, path_.string() + " is not the key that this store was made with", "restore the right key file; without it the store can only be wiped");
  return seed;
}

Status FileSeedProtector::destroy() {
  {
    const Descriptor file(::open(path_.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file && errno == ENOENT) {
      remove_unfinished(path_);
      return {};
    }
    struct stat status {};
    // A link is taken away, and what it points to is left as it is.
    if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode)) FEDSPEND_TRY(overwrite(file.get(), 0, static_cast<std::size_t>(status.st_size), path_));
  }
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return file_failure(path_, "cannot be removed");
  remove_unfinished(path_);
  return sync_folder_of(path_);
}

Result<Bytes> wrap_and_try(SeedProtector& protector, const SecretBytes<32>& seed) {
  FEDSPEND_ASSIGN(Bytes wrapped, protector.wrap(seed));
  if (wrapped.empty() || wrapped.size() > kMaxWrappedSeedBytes) return fail(ErrorCode::invalid_argument, "the store's seed was wrapped into " + std::to_string(wrapped.size()) + " bytes", "1 to 4096 bytes");
  Result<SecretBytes<32>> back = protector.unwrap(wrapped);
  constexpr const char* kHint = "no store was made; mend the key, or its functions wrap and unwrap";
  if (!back) return fail(back.error().code, "what was just wrapped is not unwrapped again: " + back.error().message, kHint);
  if (!std::ranges::equal(back->expose(), seed.expose())) return fail(ErrorCode::unauthorized, "what was just wrapped is unwrapped to something else", kHint);
  return wrapped;
}

VaultKeys VaultKeys::derive(const SecretBytes<32>& seed) {
  VaultKeys keys;
  keys.row.bytes = KeyDerivation("vault-row", seed.expose()).finish();
  keys.set = KeyDerivation("vault-set", seed.expose()).finish();
  const SecretBytes<32> id = KeyDerivation("vault-id", seed.expose()).finish();
  std::copy_n(id.expose().begin(), keys.id.size(), keys.id.begin());
  return keys;
}

}  // namespace fedspend::client
