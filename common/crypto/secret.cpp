#include "common/crypto/secret.h"

#include <sodium.h>

namespace fedspend {

void wipe(MutableByteSpan bytes) noexcept {
  if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

}  // namespace fedspend
