#include "common/program/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fedspend::program {
namespace {

constexpr int kMaxLeftOver = 1000;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() { static_cast<void>(close()); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  bool open() const { return value_ >= 0; }
  int close() { return value_ < 0 ? 0 : ::close(std::exchange(value_, -1)); }

 private:
  int value_;
};

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT: return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG: return ErrorCode::invalid_argument;
    default: return ErrorCode::io;
  }
}

std::string hint_of(int error) {
  switch (error) {
    case ENOENT: return "check the path";
    case EACCES:
    case EPERM: return "check the permissions, or choose another path";
    case EROFS: return "the file system is read-only: choose another path";
    case ENOSPC:
    case EDQUOT: return "free some space, or choose another path";
    case EFBIG: return "raise the file-size limit (ulimit -f)";
    case ENOTDIR: return "a part of the path is a file";
    case EMFILE:
    case ENFILE: return "raise the limit of open files (ulimit -n)";
    default: return {};
  }
}

tl::unexpected<Error> failed(const std::string& what, const std::filesystem::path& path, int error) {
  return fail(code_of(error), what + " " + path.string() + ": " + std::strerror(error), hint_of(error));
}

int write_all(int descriptor, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

// The rename itself must outlive a power cut. Some file systems cannot sync a folder: they say EINVAL.
int sync_folder(const std::filesystem::path& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.open()) return errno == EACCES ? 0 : errno;  // a folder may be written to that may not be read
  if (::fsync(descriptor.get()) != 0 && errno != EINVAL) return errno;
  return 0;
}

constexpr const char* kPartial = ".partial-";

std::filesystem::path temporary_beside(const std::filesystem::path& target) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path path = target;
  path += kPartial + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
  return path;
}

int write_whole(const std::filesystem::path& path, ByteSpan bytes, unsigned mode) {
  Descriptor descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(mode)));
  if (!descriptor.open()) return errno;
  if (const int error = write_all(descriptor.get(), bytes)) return error;
  if (::fsync(descriptor.get()) != 0) return errno;
  return descriptor.close() == 0 ? 0 : errno;
}

// A file that is written whole, beside the one that it will replace; gone again unless it is put in place.
class StagedFile {
 public:
  static Result<StagedFile> write(const FileToWrite& file);
  ~StagedFile() {
    if (!partial_.empty()) ::unlink(partial_.c_str());
  }
  StagedFile(StagedFile&& other) noexcept : path_(std::move(other.path_)), target_(std::move(other.target_)), partial_(std::exchange(other.partial_, {})) {}
  StagedFile& operator=(StagedFile&&) = delete;
  Status put_in_place();

 private:
  StagedFile() = default;
  std::filesystem::path path_;     // as it was given
  std::filesystem::path target_;   // through links
  std::filesystem::path partial_;  // empty: nothing to take away
};

Result<StagedFile> StagedFile::write(const FileToWrite& file) {
  StagedFile staged;
  staged.path_ = staged.target_ = file.path;
  std::error_code ignored;
  // Through a link to the file it names; a rename would replace the link.
  if (std::filesystem::is_symlink(file.path, ignored)) {
    staged.target_ = std::filesystem::weakly_canonical(file.path, ignored);
    if (ignored) return failed("cannot write", file.path, ignored.value());
  }
  const std::filesystem::file_status status = std::filesystem::status(staged.target_, ignored);
  if (std::filesystem::is_directory(status)) return fail(ErrorCode::invalid_argument, file.path.string() + " is a folder", "name a file");
  // A rename over /dev/null would replace the device.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    return fail(ErrorCode::invalid_argument, file.path.string() + " is not a regular file", "name a file");
  // A name that is taken: a process that was killed left it, with the same process id (in a container they repeat).
  std::filesystem::path partial = temporary_beside(staged.target_);
  int error = write_whole(partial, file.bytes, file.mode);
  for (int i = 0; error == EEXIST && i < kMaxLeftOver; ++i) {
    partial = temporary_beside(staged.target_);
    error = write_whole(partial, file.bytes, file.mode);
  }
  if (error != EEXIST) staged.partial_ = partial;
  if (error != 0) return failed("cannot write", file.path, error);
  return staged;
}

Status StagedFile::put_in_place() {
  if (::rename(partial_.c_str(), target_.c_str()) != 0) return failed("cannot write", path_, errno);
  partial_.clear();
  const std::filesystem::path folder = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
  if (const int error = sync_folder(folder)) return failed("cannot write", path_, error);
  return {};
}

}  // namespace

Result<Bytes> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor.open()) return failed("cannot read", path, errno);
  struct stat status {};
  if (::fstat(descriptor.get(), &status) != 0) return failed("cannot read", path, errno);
  if (S_ISDIR(status.st_mode)) return fail(ErrorCode::invalid_argument, path.string() + " is a folder", "name a file");
  const auto too_large = [&] {
    return fail(ErrorCode::limit, path.string() + " has more than " + std::to_string(max_bytes) + " bytes", "check that it is the right file");
  };
  if (S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) > max_bytes) return too_large();
  Bytes bytes;
  if (S_ISREG(status.st_mode)) bytes.reserve(static_cast<std::size_t>(status.st_size));
  // The size is a hint only: the file may grow, or be a pipe.
  std::array<std::uint8_t, 65536> block;
  for (;;) {
    const ssize_t count = ::read(descriptor.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("cannot read", path, errno);
    if (count == 0) return bytes;
    if (static_cast<std::size_t>(count) > max_bytes - bytes.size()) return too_large();
    bytes.insert(bytes.end(), block.begin(), block.begin() + count);
  }
}

Status write_file_atomically(const std::filesystem::path& path, ByteSpan bytes, unsigned mode) {
  const FileToWrite file{path, bytes, mode};
  return write_files_together({&file, 1});
}

Status write_files_together(std::span<const FileToWrite> files) {
  std::vector<StagedFile> staged;
  staged.reserve(files.size());
  for (const FileToWrite& file : files) {
    FEDSPEND_ASSIGN(StagedFile one, StagedFile::write(file));
    staged.push_back(std::move(one));
  }
  for (StagedFile& file : staged) FEDSPEND_TRY(file.put_in_place());
  return {};
}

std::vector<std::string> names_in(const std::filesystem::path& folder, std::string_view prefix) {
  std::vector<std::string> names;
  // Not by directory_iterator: libstdc++'s, with an error code, ends the process where there is no memory.
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
  if (entries == nullptr) return names;
  while (const dirent* entry = ::readdir(entries.get()))
    if (std::string_view(entry->d_name).starts_with(prefix)) names.emplace_back(entry->d_name);
  std::ranges::sort(names);
  return names;
}

void remove_partials_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  for (const std::string& name : names_in(folder, path.filename().string() + kPartial)) static_cast<void>(::unlink((folder / name).c_str()));
}

Status ensure_writable_directory(const std::filesystem::path& path) {
  if (path.empty()) return fail(ErrorCode::invalid_argument, "the name of a folder is empty", "name a folder");
  std::error_code error;
  std::filesystem::create_directories(path, error);
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status))
    return fail(ErrorCode::invalid_argument, path.string() + " is not a folder", "name a folder, or a path that does not exist yet");
  if (error && !std::filesystem::is_directory(status)) {
    const ErrorCode code = code_of(error.value()) == ErrorCode::not_found ? ErrorCode::invalid_argument : code_of(error.value());
    return fail(code, "cannot create the folder " + path.string() + ": " + error.message(), hint_of(error.value()));
  }
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    return fail(ErrorCode::invalid_argument, "cannot write to the folder " + path.string() + ": " + std::strerror(errno), hint_of(errno));
  return {};
}

}  // namespace fedspend::program
