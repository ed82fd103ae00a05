#include "client/vault_wipe.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "client/vault_files.h"

namespace fedspend::client {
namespace fs = std::filesystem;

fs::path seed_path_of(const fs::path& path) { return path.string() + ".seed"; }
fs::path reserve_path_of(const fs::path& path) { return path.string() + ".reserve"; }

Status remove_wiped(const fs::path& path, SeedProtector& protector) {
  const Status destroyed = protector.destroy();
  Status removed;
  for (const char* ending : {"", "-wal", "-shm", "-journal", ".reserve"})
    if (::unlink((path.string() + ending).c_str()) != 0 && errno != ENOENT && removed) removed = file_failure(path.string() + ending, "cannot be removed");
  remove_unfinished(path);
  remove_unfinished(seed_path_of(path));
  remove_unfinished(reserve_path_of(path));
  FEDSPEND_TRY(sync_folder_of(path));
  FEDSPEND_TRY(removed);
  FEDSPEND_TRY(destroyed);
  if (::unlink(seed_path_of(path).c_str()) != 0 && errno != ENOENT) return file_failure(seed_path_of(path), "cannot be removed");
  return sync_folder_of(path);
}

std::string left_of_wipe(const fs::path& path, bool is_destroyed) {
  std::string names;
  for (const char* ending : {"", ".seed", ".reserve", "-wal", "-shm", "-journal"}) {
    struct stat status {};
    if (::lstat((path.string() + ending).c_str(), &status) == 0) names += (names.empty() ? "" : ", ") + path.filename().string() + ending;
  }
  if (names.empty()) return "; no file of the store is left";
  return "; on the disk are still " + names + (is_destroyed ? ", which nobody can read any more: the key is overwritten" : ", and whoever has the key can read them") + ". To be wiped again";
}

}  // namespace fedspend::client
