#pragma once
// The end of a vault's files (vault_store.h): what is done once the seed is overwritten, and what is said where it cannot be done. Any thread, one at a
// time for a vault.

#include <filesystem>
#include <string>

#include "client/vault_key.h"
#include "common/result.h"

namespace fedspend::client {

// Beside the database.
std::filesystem::path seed_path_of(const std::filesystem::path& path);
std::filesystem::path reserve_path_of(const std::filesystem::path& path);

// What is left of a vault whose seed is nowhere any more; the seed file, which says so, last. On an error what could be removed is removed.
Status remove_wiped(const std::filesystem::path& path, SeedProtector& protector);

// For the end of an error: which files are there still, and whether they can be read. `is_destroyed`: the seed is overwritten.
std::string left_of_wipe(const std::filesystem::path& path, bool is_destroyed);

}  // namespace fedspend::client
