#pragma once
// The files of a vault beside its database: whose turn it is to open one, files that appear under their names only when complete, and the
// seed file, which holds the wrapped seed and is what a wipe destroys first. Errors name the file. One thread per object; all work
// between processes, and within one.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend::client {

class Descriptor {
 public:
  explicit Descriptor(int descriptor = -1) : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Descriptor();
  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// From errno: io.
tl::unexpected<Error> file_failure(const std::filesystem::path& path, const std::string& what);
std::filesystem::path folder_of(const std::filesystem::path& path);
bool read_all(int descriptor, MutableByteSpan out);  // exactly so many bytes from where it is; false: errno, or the file is shorter
// With zeros, in place, and synced.
Status overwrite(int descriptor, std::uint64_t from, std::size_t bytes, const std::filesystem::path& path);
// A name that was put there or taken away is so after a power failure, too.
Status sync_folder_of(const std::filesystem::path& path);

// Complete and synced under another name (mode 0600) beside its own; taken away again unless it is put in place.
class NewFile {
 public:
  static Result<NewFile> write(const std::filesystem::path& path, ByteSpan content);
  NewFile(NewFile&& other) noexcept : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})), descriptor_(std::move(other.descriptor_)) {}
  ~NewFile();
  const std::string& temporary() const { return temporary_; }
  Status link_in_place();    // conflict: something is there
  Status rename_in_place();  // replaces what is there
  Descriptor take_descriptor() { return std::move(descriptor_); }
  int descriptor() const { return descriptor_.get(); }

 private:
  NewFile() = default;
  std::filesystem::path path_;
  std::string temporary_;
  Descriptor descriptor_;
};
// What killed processes left of their writing of `path`: everything that is called path.new-... Only where nobody else writes it.
void remove_unfinished(const std::filesystem::path& path);

// Held while a vault is opened or wiped, so that those in one folder are one after the other. Of the folder, not of the database's file: to
// close another descriptor of that file would drop SQLite's own locks on it.
class FolderTurn {
 public:
  // conflict: somebody has had it for five seconds.
  static Result<FolderTurn> take(const std::filesystem::path& folder);

 private:
  explicit FolderTurn(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  Descriptor descriptor_;
};

using VaultId = std::array<std::uint8_t, 16>;

// magic (8) || state (16: making, whole or wiping) || vault id (16) || length (u32) || wrapped seed || hash of id and wrapped seed (32)
// Locked as long as the object lives, so that one process, and one object in it, has the vault.
class SeedFile {
 public:
  // Nothing: there is none. conflict: somebody has it. It may be damaged, or in the middle of a wipe.
  static Result<std::optional<SeedFile>> open(const std::filesystem::path& path);
  // Replaces what is there, which nobody has. Durable.
  static Result<SeedFile> make(const std::filesystem::path& path, const VaultId& id, ByteSpan wrapped);

  bool is_wiping() const;
  // The vault that it is of was not complete yet when it was written.
  bool is_making() const;
  Status finish_making();
  struct Content {
    VaultId id{};
    Bytes wrapped;
  };
  Result<Content> content() const;  // malformed: damaged
  // From when this returns the seed is nowhere; before, it is whole or nowhere.
  Status begin_wiping();

 private:
  SeedFile(std::filesystem::path path, Descriptor descriptor) : path_(std::move(path)), descriptor_(std::move(descriptor)) {}
  Status read();
  std::filesystem::path path_;
  Descriptor descriptor_;
  Bytes bytes_;
};

// Two blocks in a file that never grows, both written in place, one after the other: while one may be torn the other is whole, and afterwards
// both say the same, so that neither can be spoilt to bring back what was before. What a block holds is the caller's to seal.
class ReserveFile {
 public:
  static constexpr std::size_t kBlockBytes = 4096;
  static constexpr std::size_t kBlocks = 2;

  // With both blocks on the disk. Replaces what is there. Durable.
  static Status make(const std::filesystem::path& path, ByteSpan block);
  // not_found: it is not there, or has another length.
  static Result<std::array<Bytes, kBlocks>> read(const std::filesystem::path& path);
  static Status write(const std::filesystem::path& path, ByteSpan block);
};

}  // namespace fedspend::client
