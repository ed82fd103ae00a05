#pragma once
// Result<T>: a value or an Error. tl::expected has the interface of C++23's std::expected, which g++ 12 lacks.

#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "common/error.h"

namespace fedspend {

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace fedspend

// Returns the error of `expression` from the enclosing function, or goes on.
#define FEDSPEND_TRY(expression)                                                          \
  do {                                                                                    \
    auto fedspend_status_ = (expression);                                                 \
    if (!fedspend_status_) return ::fedspend::fail(std::move(fedspend_status_).error());  \
  } while (false)

#define FEDSPEND_CONCAT_INNER(a, b) a##b
#define FEDSPEND_CONCAT(a, b) FEDSPEND_CONCAT_INNER(a, b)
// FEDSPEND_ASSIGN(auto value, expression): declares `value` from the Result, or returns its error.
#define FEDSPEND_ASSIGN(declaration, expression)                                                    \
  auto FEDSPEND_CONCAT(fedspend_result_, __LINE__) = (expression);                                  \
  if (!FEDSPEND_CONCAT(fedspend_result_, __LINE__))                                                 \
    return ::fedspend::fail(std::move(FEDSPEND_CONCAT(fedspend_result_, __LINE__)).error());        \
  declaration = std::move(*FEDSPEND_CONCAT(fedspend_result_, __LINE__))
