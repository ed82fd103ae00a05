#pragma once
// The one error type of the project. Everything that can go wrong because of the world outside (a peer, a file, a
// person at a keyboard) is returned as an Error inside a Result; a programmer's mistake is a FEDSPEND_CHECK.
// A message says what went wrong and where; the hint says how to mend it. Neither ever holds a secret or a spending value.

#include <string>
#include <string_view>

namespace fedspend {

enum class ErrorCode {
  invalid_argument,  // wrong options or a wrong call from outside
  malformed,         // bytes, a file or a message that does not have the form it must have
  not_found,         // a file, a column, an id that should be there
  io,                // reading or writing failed while running
  unavailable,       // no connection
  unauthorized,      // the other side, or its signature, is not accepted
  refused,           // a policy of this side says no
  timeout,           // a deadline passed
  limit,             // a cap was exceeded
  conflict,          // already there, or in use
  internal,          // a bug
};

std::string_view to_string(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string hint = {};
};

}  // namespace fedspend
