#pragma once
// Test equipment: what a piece of code writes to the process's own descriptors, a folder that goes away, a variable that is
// taken back. One thread.

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "common/check.h"

namespace fedspend::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fedspend-test-XXXXXX").string();
    FEDSPEND_CHECK(::mkdtemp(pattern.data()) != nullptr, "a folder for the test");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void write_text(const std::filesystem::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

// Puts a file in the place of a descriptor, and the old one back.
class Redirection {
 public:
  Redirection(int descriptor, const std::filesystem::path& target) : descriptor_(descriptor) {
    std::fflush(nullptr);
    saved_ = ::dup(descriptor);
    const int opened = ::open(target.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    FEDSPEND_CHECK(saved_ >= 0 && opened >= 0, "the test may open files");
    ::dup2(opened, descriptor);
    ::close(opened);
  }
  ~Redirection() {
    std::fflush(nullptr);
    ::dup2(saved_, descriptor_);
    ::close(saved_);
  }
  Redirection(const Redirection&) = delete;
  Redirection& operator=(const Redirection&) = delete;

 private:
  int descriptor_;
  int saved_;
};

class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) { ::setenv(name_.c_str(), value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
};

}  // namespace fedspend::test
