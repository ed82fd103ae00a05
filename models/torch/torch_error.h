#pragma once
// libtorch's exceptions as an Error of one line. Theirs have many: a backtrace, and TorchScript's own trace before the reason.

#include <exception>
#include <string>

#include "common/error.h"
#include "common/result.h"

namespace fedspend::models {

// The reason alone, as plain text of at most 200 bytes.
std::string reason_of(const std::exception& error);

// What `work` returns, or an Error of this code: "WHAT: reason".
template <class Work>
auto guarded(ErrorCode code, const std::string& what, const std::string& hint, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    return fail(code, what + ": " + reason_of(error), hint);
  }
}

}  // namespace fedspend::models
