#include "common/error.h"

namespace fedspend {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::malformed: return "malformed";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::io: return "io";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::unauthorized: return "unauthorized";
    case ErrorCode::refused: return "refused";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::limit: return "limit";
    case ErrorCode::conflict: return "conflict";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

}  // namespace fedspend
