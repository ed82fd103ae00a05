#pragma once
// Test equipment: fedspend-sim itself, run in a folder that goes away.

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <string>

#include <doctest/doctest.h>

#include "tests/paths.h"
#include "tests/simulations/temporary_folder.h"

namespace fedspend::tests {

struct Ended {
  int code = -1;
  std::string out, err;
};

inline Ended sim(const TemporaryFolder& folder, const std::string& arguments) {
  const auto out = folder.path() / "stdout.txt", err = folder.path() / "stderr.txt";
  const std::string command = "cd '" + folder.path().string() + "' && '" + bin_dir() + "/fedspend-sim' " + arguments + " >'" + out.string() + "' 2>'" + err.string() + "'";
  const int status = std::system(command.c_str());
  Ended ended{.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .out = TemporaryFolder::read(out), .err = TemporaryFolder::read(err)};
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  return ended;
}

// Exit code 4 and one line on standard error that holds all the parts.
inline void check_refused(const TemporaryFolder& folder, const std::string& arguments, std::initializer_list<const char*> parts) {
  CAPTURE(arguments);
  const Ended ended = sim(folder, arguments);
  CAPTURE(ended.err);
  CHECK(ended.code == 4);
  CHECK(ended.out.empty());
  CHECK(std::count(ended.err.begin(), ended.err.end(), '\n') == 1);
  for (const char* part : parts) {
    CAPTURE(part);
    CHECK(ended.err.find(part) != std::string::npos);
  }
}

}  // namespace fedspend::tests
