#pragma once
// Secrets: fixed-size, move-only, wiped on destruction and when moved from, not printable, not comparable by accident.
// The bytes open only through expose(), which a reader can search for.

#include <array>
#include <cstdint>

#include "common/bytes.h"

namespace fedspend {

void wipe(MutableByteSpan bytes) noexcept;  // not optimised away

template <std::size_t Size>
class SecretBytes {
 public:
  SecretBytes() = default;
  ~SecretBytes() { wipe(bytes_); }
  SecretBytes(SecretBytes&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  std::span<const std::uint8_t, Size> expose() const { return bytes_; }
  std::span<std::uint8_t, Size> expose_mutable() { return bytes_; }

 private:
  std::array<std::uint8_t, Size> bytes_{};
};

}  // namespace fedspend
