#pragma once
// Keys on disk, as text of one line: "fedspend-<kind>-<private|public>-v1 <64 hex digits>". Private files have mode 0600; one that
// others may read is refused. A file is never overwritten. Kinds: identity, release, authority and beacon (Ed25519),
// curve (X25519).

#include <filesystem>

#include "common/crypto/curve_key.h"
#include "common/crypto/identity.h"
#include "common/result.h"

namespace fedspend::program {

// Writes PATH (private, 0600) and PATH.pub. `kind` is "identity", "release", "authority" or "beacon".
Status write_identity_key(const std::filesystem::path& path, std::string_view kind, const IdentityKey& key);
Result<IdentityKey> read_identity_key(const std::filesystem::path& path, std::string_view kind);
Result<IdentityPublicKey> read_identity_public_key(const std::filesystem::path& path, std::string_view kind);
Status write_curve_key(const std::filesystem::path& path, const CurveKeyPair& key);
Result<CurveKeyPair> read_curve_key(const std::filesystem::path& path);
Result<CurvePublicKey> read_curve_public_key(const std::filesystem::path& path);

}  // namespace fedspend::program
