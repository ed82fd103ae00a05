#pragma once
// A folder of results that appears whole or not at all: written beside its place and renamed into it. A folder that is there already
// is replaced only if it is empty or was made by the same command, which a small file in it tells (with the names of what the
// command wrote: anything else in it is somebody's, and the folder is left alone). Two processes that would write
// the same folder are told apart by a lock on the partial one; what a killed process left of its own is removed. One thread.

#include <filesystem>
#include <string>

#include "common/result.h"

namespace fedspend::simulations {

class OutputFolder {
 public:
  // `made_by`: the command, e.g. "fedspend-sim synth". conflict if the place is taken, or another process is at work on it; then
  // nothing has changed.
  static Result<OutputFolder> create(const std::filesystem::path& place, const std::string& made_by);
  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;
  ~OutputFolder();  // without commit(): removes what was written

  const std::filesystem::path& partial() const { return partial_; }  // write here
  Status commit();

 private:
  OutputFolder(std::filesystem::path place, std::filesystem::path partial, std::string made_by, int lock);
  std::filesystem::path place_, partial_;
  int lock_;  // a descriptor of partial_; -1 once moved from
  std::string made_by_;
};

}  // namespace fedspend::simulations
