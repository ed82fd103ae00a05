#pragma once
// The authority's revocation list as a file, and the highest one that a coordinator has worked with, which it keeps in its state
// folder (`revocations.seen`: authority key, sequence): with an older list, or with none after it had one, a revoked device would
// come back. The state folder belongs to one process.

#include <filesystem>

#include "common/crypto/identity.h"
#include "common/protocol/revocation_list.h"
#include "common/result.h"

namespace fedspend::coordinator {

// refused: another authority's, or changed. Errors name the file.
Result<RevocationList> read_revocation_file(const std::filesystem::path& path, const IdentityPublicKey& authority);

// Remembers `list` (null: none was given). refused: the same authority's list was newer before, or there was one.
Status accept_revocations(const std::filesystem::path& state, const IdentityPublicKey& authority, const RevocationList* list);

}  // namespace fedspend::coordinator
