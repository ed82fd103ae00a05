#pragma once
// The vault's 32-byte seed, from which all of its keys come, and who keeps it: a SeedProtector wraps it, so that what lies on the disk opens only
// here. On a phone that is the host, with a key of its hardware; on branch hardware FileSeedProtector, with a key in a file. Whoever has
// the vault's files and can ask the protector reads everything: the file's key is against a lost backup of the vault and for a quick
// wipe, not against somebody who reads the whole folder as this user. One thread per object.

#include <filesystem>

#include "common/bytes.h"
#include "common/crypto/aead.h"
#include "common/crypto/secret.h"
#include "common/random_source.h"
#include "common/result.h"

namespace fedspend::client {

inline constexpr std::size_t kMaxWrappedSeedBytes = 4096;

class SeedProtector {
 public:
  SeedProtector() = default;
  virtual ~SeedProtector() = default;
  SeedProtector(const SeedProtector&) = delete;
  SeedProtector& operator=(const SeedProtector&) = delete;

  // 1 to kMaxWrappedSeedBytes bytes.
  virtual Result<Bytes> wrap(const SecretBytes<32>& seed) = 0;
  // unauthorized: not wrapped by this key. Other errors: try again later, nothing is lost.
  virtual Result<SecretBytes<32>> unwrap(ByteSpan wrapped) = 0;
  // Part of a wipe: what this side can do so that nothing it ever wrapped is unwrapped again. The wrapped seed is overwritten in any case.
  virtual Status destroy() { return {}; }
};

// Wraps, and unwraps once to try: what cannot be unwrapped again would be a store that never opens, found out while nothing is lost yet.
// unauthorized: it gives something else. invalid_argument: a wrapped seed of no or too many bytes. The protector's errors as they are.
Result<Bytes> wrap_and_try(SeedProtector& protector, const SecretBytes<32>& seed);

inline constexpr const char* kStoreKeyFile = "store.key";  // in the profile's folder

// A key of 32 bytes in a file of mode 0600, which wrap() makes if it is not there: exclusively, and under its name only when it is
// complete. refused: others may read it, it is another user's, or a link. malformed: damaged. not_found, from unwrap: it is gone.
class FileSeedProtector final : public SeedProtector {
 public:
  FileSeedProtector(std::filesystem::path path, RandomSource& random) : path_(std::move(path)), random_(random) {}  // `random` outlives it

  Result<Bytes> wrap(const SecretBytes<32>& seed) override;
  Result<SecretBytes<32>> unwrap(ByteSpan wrapped) override;
  Status destroy() override;  // overwritten, synced and removed; fine if it is not there

 private:
  Result<AeadKey> read() const;
  Status make();

  std::filesystem::path path_;
  RandomSource& random_;
};

// All keys of a vault, by KDF (common/crypto/kdf.h) from the seed; each for one use.
struct VaultKeys {
  AeadKey row;             // seals rows and the header, told apart by the associated data
  SecretBytes<32> set;     // of the keyed hashes whose sum says which rows there are
  std::array<std::uint8_t, 16> id{};  // the vault's name, not a secret: that files belong together

  static VaultKeys derive(const SecretBytes<32>& seed);
};

}  // namespace fedspend::client
