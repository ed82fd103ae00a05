#include "client/vault_files.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/vault_key.h"
#include "common/check.h"
#include "common/crypto/hash.h"

namespace fedspend::client {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds kLongestTurn{5};

constexpr std::string_view kMagic = "fsvseed1";
// Far apart, so that no flipped bit makes one of the other.
constexpr std::string_view kWhole = "whole-----------";
constexpr std::string_view kWiping = "being-wiped-now!";
constexpr std::string_view kMaking = "MAKING~~~~~~~~~~";
constexpr std::size_t kStateAt = kMagic.size();
constexpr std::size_t kIdAt = kStateAt + kWhole.size();
constexpr std::size_t kLengthAt = kIdAt + sizeof(VaultId);
constexpr std::size_t kWrappedAt = kLengthAt + 4;
constexpr std::size_t kMaxBytes = kWrappedAt + kMaxWrappedSeedBytes + 32;

bool write_all(int descriptor, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

bool write_at(int descriptor, std::uint64_t at, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    at += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

bool lock(int descriptor) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    if (errno != EINTR) return false;
  return true;
}

Hash256 check_of(const VaultId& id, ByteSpan wrapped) { return Hasher("vault-seed-file").field(id).field(wrapped).finish(); }

}  // namespace

Descriptor::~Descriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

tl::unexpected<Error> file_failure(const fs::path& path, const std::string& what) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EFBIG || error == EDQUOT;
  return fail(ErrorCode::io, path.string() + ": " + what + ": " + std::strerror(error), full ? "free some space" : "the folder must be one that this user may write");
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

bool read_all(int descriptor, MutableByteSpan out) {
  errno = EIO;  // of a file that ends too soon
  while (!out.empty()) {
    const ssize_t count = ::read(descriptor, out.data(), out.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

Status overwrite(int descriptor, std::uint64_t from, std::size_t bytes, const fs::path& path) {
  const Bytes zeros(bytes);
  if (!write_at(descriptor, from, zeros) || ::fsync(descriptor) != 0) return file_failure(path, "cannot be overwritten");
  return {};
}

Status sync_folder_of(const fs::path& path) {
  const fs::path folder = folder_of(path);
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor || ::fsync(descriptor.get()) != 0) return file_failure(folder, "cannot be made durable");
  return {};
}

Result<NewFile> NewFile::write(const fs::path& path, ByteSpan content) {
  NewFile file;
  file.path_ = path;
  std::string name = path.string() + ".new-XXXXXX";
  file.descriptor_ = Descriptor(::mkostemp(name.data(), O_CLOEXEC));  // mode 0600
  if (!file.descriptor_) return file_failure(path, "cannot be made");
  file.temporary_ = name;
  if (!write_all(file.descriptor_.get(), content) || ::fsync(file.descriptor_.get()) != 0) return file_failure(path, "cannot be written");
  return file;
}

NewFile::~NewFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status NewFile::link_in_place() {
  if (::link(temporary_.c_str(), path_.c_str()) == 0) return {};
  if (errno == EEXIST) return fail(ErrorCode::conflict, path_.string() + " is there");
  return file_failure(path_, "cannot be made");
}

Status NewFile::rename_in_place() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return file_failure(path_, "cannot be made");
  temporary_.clear();
  return {};
}

void remove_unfinished(const fs::path& path) {
  const std::string prefix = path.filename().string() + ".new-";
  // Not by directory_iterator: libstdc++'s, with an error code, ends the process where there is no memory.
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(folder_of(path).c_str()), ::closedir);
  if (folder == nullptr) return;
  while (const dirent* entry = ::readdir(folder.get()))
    if (std::string_view(entry->d_name).starts_with(prefix)) static_cast<void>(::unlink((folder_of(path) / entry->d_name).c_str()));
}

Result<FolderTurn> FolderTurn::take(const fs::path& folder) {
  Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor) return file_failure(folder, "cannot be opened");
  // Whoever has the turn may be in a function of the host's, for as long as that takes; it may even be what asks here.
  const auto end = std::chrono::steady_clock::now() + kLongestTurn;
  while (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR && errno != EWOULDBLOCK) return file_failure(folder, "cannot be locked");
    if (std::chrono::steady_clock::now() >= end) return fail(ErrorCode::conflict, folder.string() + ": the store in there is being opened or wiped", "try again when that has ended");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return FolderTurn(std::move(descriptor));
}

Result<std::optional<SeedFile>> SeedFile::open(const fs::path& path) {
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!descriptor && errno == ENOENT) return std::nullopt;
  if (!descriptor && (errno == ELOOP || errno == EISDIR)) return fail(ErrorCode::malformed, path.string() + " is not a file", "put the store's seed file itself there");
  if (!descriptor) return file_failure(path, "cannot be opened");
  if (!lock(descriptor.get())) return fail(ErrorCode::conflict, path.string() + ": another process has this device's store open", "stop the other process");
  SeedFile file(path, std::move(descriptor));
  FEDSPEND_TRY(file.read());
  return std::optional<SeedFile>(std::move(file));
}

Result<SeedFile> SeedFile::make(const fs::path& path, const VaultId& id, ByteSpan wrapped) {
  FEDSPEND_CHECK(!wrapped.empty() && wrapped.size() <= kMaxWrappedSeedBytes, "a wrapped seed of 1 to 4096 bytes");
  Bytes bytes(kWrappedAt);
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  std::copy(kMaking.begin(), kMaking.end(), bytes.begin() + kStateAt);
  std::copy(id.begin(), id.end(), bytes.begin() + kIdAt);
  store_u32(MutableByteSpan(bytes).subspan(kLengthAt), static_cast<std::uint32_t>(wrapped.size()));
  bytes.insert(bytes.end(), wrapped.begin(), wrapped.end());
  const Hash256 check = check_of(id, wrapped);
  bytes.insert(bytes.end(), check.begin(), check.end());
  FEDSPEND_ASSIGN(NewFile file, NewFile::write(path, bytes));
  if (!lock(file.descriptor())) return file_failure(path, "cannot be locked");
  FEDSPEND_TRY(file.rename_in_place());
  FEDSPEND_TRY(sync_folder_of(path));
  SeedFile made(path, file.take_descriptor());
  made.bytes_ = std::move(bytes);
  return made;
}

Status SeedFile::read() {
  struct stat status {};
  if (::fstat(descriptor_.get(), &status) != 0) return file_failure(path_, "cannot be read");
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::malformed, path_.string() + " is not a file", "put the store's seed file itself there");
  bytes_.resize(std::min(static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)), kMaxBytes + 1));
  if (!read_all(descriptor_.get(), bytes_)) return file_failure(path_, "cannot be read");
  if ((status.st_mode & 077) != 0 && ::fchmod(descriptor_.get(), 0600) != 0) return file_failure(path_, "cannot be kept from other users");
  return {};
}

bool SeedFile::is_wiping() const {
  const std::string_view text = as_text(bytes_);
  if (text.size() < kIdAt || !text.starts_with(kMagic)) return false;
  // Half of it is enough: a write may be torn, and no flipped bit comes near.
  std::size_t equal = 0;
  for (std::size_t i = 0; i < kWiping.size(); ++i) equal += text[kStateAt + i] == kWiping[i] ? 1U : 0U;
  return equal >= kWiping.size() / 2;
}

bool SeedFile::is_making() const { return as_text(bytes_).substr(0, kIdAt) == std::string(kMagic) + std::string(kMaking); }

// Within one sector. Torn, it is as good as done: the vault is complete by then.
Status SeedFile::finish_making() {
  if (!write_at(descriptor_.get(), kStateAt, as_bytes(kWhole)) || ::fsync(descriptor_.get()) != 0) return file_failure(path_, "cannot be written");
  std::copy(kWhole.begin(), kWhole.end(), bytes_.begin() + kStateAt);
  return {};
}

Result<SeedFile::Content> SeedFile::content() const {
  const auto damaged = [&](const char* what) {
    return fail(ErrorCode::malformed, path_.string() + ": the store's seed is damaged: " + what, "restore the file from a backup of this device; without it the store can only be wiped");
  };
  const std::string_view text = as_text(bytes_);
  if (text.size() < kWrappedAt + 33 || text.size() > kMaxBytes) return damaged("it has the wrong length");
  const std::string_view state = text.substr(kStateAt, kWhole.size());
  std::size_t whole = 0;
  while (whole < state.size() && state[whole] == kWhole[whole]) ++whole;
  if (!text.starts_with(kMagic) || state.substr(whole) != kMaking.substr(whole)) return damaged("it is not a seed file");
  const std::size_t length = load_u32(ByteSpan(bytes_).subspan(kLengthAt));
  if (length != bytes_.size() - kWrappedAt - 32) return damaged("it has the wrong length");
  Content content;
  std::copy_n(bytes_.begin() + kIdAt, content.id.size(), content.id.begin());
  content.wrapped.assign(bytes_.begin() + kWrappedAt, bytes_.end() - 32);
  const Hash256 check = check_of(content.id, content.wrapped);
  if (!std::equal(check.begin(), check.end(), bytes_.end() - 32)) return damaged("it is not what was written");
  return content;
}

// First that it is being wiped, within one sector; then the seed is overwritten. Whoever finds the first goes on with the second.
Status SeedFile::begin_wiping() {
  if (!write_at(descriptor_.get(), 0, as_bytes(kMagic)) || !write_at(descriptor_.get(), kStateAt, as_bytes(kWiping)) || ::fsync(descriptor_.get()) != 0)
    return file_failure(path_, "cannot be overwritten");
  return overwrite(descriptor_.get(), kIdAt, bytes_.size() > kIdAt ? bytes_.size() - kIdAt : 0, path_);
}

Status ReserveFile::make(const fs::path& path, ByteSpan block) {
  FEDSPEND_CHECK(block.size() == kBlockBytes, "a whole block");
  Bytes both(block.begin(), block.end());
  both.insert(both.end(), block.begin(), block.end());
  FEDSPEND_ASSIGN(NewFile file, NewFile::write(path, both));
  FEDSPEND_TRY(file.rename_in_place());
  return sync_folder_of(path);
}

Result<std::array<Bytes, ReserveFile::kBlocks>> ReserveFile::read(const fs::path& path) {
  // O_NONBLOCK, here and below: nobody waits at a pipe that stands in the file's place.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file && errno != ENOENT && errno != ELOOP) return file_failure(path, "cannot be read");
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != static_cast<off_t>(kBlocks * kBlockBytes))
    return fail(ErrorCode::not_found, path.string() + " is not there, or not whole");
  std::array<Bytes, kBlocks> blocks{Bytes(kBlockBytes), Bytes(kBlockBytes)};
  for (Bytes& block : blocks)
    if (!read_all(file.get(), block)) return file_failure(path, "cannot be read");
  return blocks;
}

Status ReserveFile::write(const fs::path& path, ByteSpan block) {
  FEDSPEND_CHECK(block.size() == kBlockBytes, "a whole block");
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return file_failure(path, "cannot be written");
  for (std::size_t i = 0; i < kBlocks; ++i)
    if (!write_at(file.get(), i * kBlockBytes, block) || ::fsync(file.get()) != 0) return file_failure(path, "cannot be written");
  return {};
}

}  // namespace fedspend::client
