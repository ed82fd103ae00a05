#pragma once
// The framing of hash.h and kdf.h over one BLAKE2b-256 state, with or without a key: the label and every field are preceded by
// their length. Internal to common/crypto. One per thread; the state is wiped.

#include <array>
#include <string_view>

#include <sodium.h>

#include "common/bytes.h"

namespace fedspend {

class FramedBlake2b {
 public:
  explicit FramedBlake2b(std::string_view label, ByteSpan key = {});
  ~FramedBlake2b();
  FramedBlake2b(const FramedBlake2b&) = delete;
  FramedBlake2b& operator=(const FramedBlake2b&) = delete;

  void field(ByteSpan bytes);
  void finish(std::span<std::uint8_t, 32> digest);  // once

 private:
  void append(ByteSpan bytes);
  void append_length(std::size_t length);
  crypto_generichash_state blake_{};
  bool finished_ = false;
};

}  // namespace fedspend
