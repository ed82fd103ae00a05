#include "common/program/files.h"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iterator>

#include "tests/common/program/capture.h"

using namespace fedspend;
using namespace fedspend::program;
using fedspend::test::content_of;
using fedspend::test::TemporaryFolder;
using fedspend::test::write_text;

namespace {

std::size_t entries_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

// A disk that is full after `bytes`: writes beyond fail with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &saved_);
    struct rlimit limit = saved_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &saved_);
    std::signal(SIGXFSZ, SIG_DFL);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  struct rlimit saved_ {};
};

}  // namespace

TEST_CASE("a file is written whole and read back") {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  REQUIRE(write_file_atomically(path, as_bytes("first")));
  REQUIRE(write_file_atomically(path, as_bytes("second")));
  CHECK(as_text(*read_file(path, 100)) == "second");
  CHECK(entries_in(folder.path()) == 1);
  REQUIRE(write_file_atomically(folder / "private", as_bytes("x"), 0600));
  CHECK(mode_of(folder / "private") == 0600);
  REQUIRE(write_file_atomically(folder / "empty", {}));
  CHECK(read_file(folder / "empty", 0)->empty());
}

TEST_CASE("a write that fails leaves the old file and nothing else") {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  write_text(path, "old");
  const Bytes large(100'000, 7);
  Status status;
  {
    const FileSizeLimit limit(4096);
    status = write_file_atomically(path, large);
  }
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::io);
  CHECK(status.error().message.find(path.string()) != std::string::npos);
  CHECK_FALSE(status.error().hint.empty());
  CHECK(content_of(path) == "old");
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("files that are written together are all written, or all stay as they were") {
  const TemporaryFolder folder;
  write_text(folder / "one", "old");
  const Bytes large(100'000, 7);
  const auto pair_with = [&](const std::filesystem::path& second, ByteSpan bytes) {
    const std::array<FileToWrite, 2> files = {FileToWrite{folder / "one", as_bytes("new"), 0600}, FileToWrite{second, bytes}};
    return write_files_together(files);
  };
  const auto untouched = [&] { return content_of(folder / "one") == "old" && entries_in(folder.path()) == 1; };
  CHECK(pair_with(folder / "absent/two", as_bytes("x")).error().code == ErrorCode::not_found);
  CHECK(untouched());
  CHECK_FALSE(pair_with(folder.path(), as_bytes("x")));
  CHECK(untouched());
  {
    const FileSizeLimit limit(4096);
    CHECK(pair_with(folder / "two", large).error().code == ErrorCode::io);
  }
  CHECK(untouched());
  REQUIRE(pair_with(folder / "two", large));
  CHECK(content_of(folder / "one") == "new");
  CHECK(mode_of(folder / "one") == 0600);
  CHECK(content_of(folder / "two").size() == large.size());
  CHECK(entries_in(folder.path()) == 2);
}

TEST_CASE("what cannot be written says why") {
  const TemporaryFolder folder;
  write_text(folder / "file", "x");
  CHECK(write_file_atomically(folder / "absent/file", as_bytes("x")).error().code == ErrorCode::not_found);
  CHECK(write_file_atomically(folder / "file/below", as_bytes("x")).error().code == ErrorCode::invalid_argument);
  CHECK(write_file_atomically(folder.path(), as_bytes("x")).error().message.find("is a folder") != std::string::npos);
  CHECK(write_file_atomically("/dev/full", as_bytes("x")).error().message.find("not a regular file") != std::string::npos);
  CHECK(std::filesystem::is_character_file("/dev/full"));
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("a link is written through") {
  const TemporaryFolder folder;
  write_text(folder / "target", "old");
  std::filesystem::create_symlink(folder / "target", folder / "link");
  REQUIRE(write_file_atomically(folder / "link", as_bytes("new")));
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(content_of(folder / "target") == "new");
}

TEST_CASE("reading has a cap and refuses folders") {
  const TemporaryFolder folder;
  write_text(folder / "file", "12345");
  CHECK(read_file(folder / "file", 5)->size() == 5);
  CHECK(read_file(folder / "file", 4).error().code == ErrorCode::limit);
  CHECK(read_file("/dev/zero", 100'000).error().code == ErrorCode::limit);  // its size says 0
  CHECK(read_file(folder.path(), 100).error().code == ErrorCode::invalid_argument);
  const auto absent = read_file(folder / "absent", 100);
  CHECK(absent.error().code == ErrorCode::not_found);
  CHECK(absent.error().message.find("absent") != std::string::npos);
}

TEST_CASE("a folder is made with its parents, and a file in its place is refused") {
  const TemporaryFolder folder;
  REQUIRE(ensure_writable_directory(folder / "a/b/c"));
  CHECK(std::filesystem::is_directory(folder / "a/b/c"));
  REQUIRE(ensure_writable_directory(folder / "a/b/c/"));
  write_text(folder / "file", "x");
  CHECK(ensure_writable_directory(folder / "file").error().code == ErrorCode::invalid_argument);
  CHECK(ensure_writable_directory(folder / "file/below").error().code == ErrorCode::invalid_argument);
  CHECK(ensure_writable_directory("").error().code == ErrorCode::invalid_argument);
  CHECK(ensure_writable_directory("/proc/fedspend").error().code == ErrorCode::invalid_argument);
}

TEST_CASE("a folder without write permission is refused") {
  const TemporaryFolder folder;
  ::chmod(folder.path().c_str(), 0555);
  constexpr uid_t nobody = 65534;
  const bool root = ::geteuid() == 0;  // who may write anywhere
  if (root) REQUIRE(::seteuid(nobody) == 0);
  const Status directory = ensure_writable_directory(folder.path());
  const Status file = write_file_atomically(folder / "file", as_bytes("x"));
  if (root) REQUIRE(::seteuid(0) == 0);
  REQUIRE_FALSE(directory);
  CHECK(directory.error().code == ErrorCode::invalid_argument);
  CHECK(directory.error().message.find("Permission denied") != std::string::npos);
  REQUIRE_FALSE(file);
  CHECK(file.error().code == ErrorCode::invalid_argument);
  ::chmod(folder.path().c_str(), 0700);
}

TEST_CASE("what killed processes of the same process id left behind does not keep a file from being written") {
  const TemporaryFolder folder;
  const std::string mine = (folder / "file").string() + ".partial-" + std::to_string(::getpid()) + "-";
  for (int i = 0; i < 200; ++i) write_text(mine + std::to_string(i), "half");
  REQUIRE(write_file_atomically(folder / "file", as_bytes("whole")));
  CHECK(as_text(*read_file(folder / "file", 100)) == "whole");
  CHECK(entries_in(folder.path()) == 201);
}
