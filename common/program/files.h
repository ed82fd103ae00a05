#pragma once
// Files of the programs: read with a cap, written whole or not at all (a temporary file in the same folder, fsync, rename).
// Errors name the path and what to do.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend::program {

Result<Bytes> read_file(const std::filesystem::path& path, std::size_t max_bytes);
Status write_file_atomically(const std::filesystem::path& path, ByteSpan bytes, unsigned mode = 0644);
struct FileToWrite {
  std::filesystem::path path;
  ByteSpan bytes;  // borrowed
  unsigned mode = 0644;
};
// All of them are written and synced beside their targets before the first takes its place: an error until then leaves every file
// as it was. They take their places in the given order, so a process that dies in between leaves a beginning of it.
Status write_files_together(std::span<const FileToWrite> files);
// The names in a folder that begin so, sorted; none where it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& folder, std::string_view prefix);
// What a process that was killed left of its writing of `path`. Call it only where nobody else writes that file.
void remove_partials_of(const std::filesystem::path& path);
// Creates the folder (and parents); not_a_folder, unwritable: invalid_argument that says so before any work is done.
Status ensure_writable_directory(const std::filesystem::path& path);

}  // namespace fedspend::program
