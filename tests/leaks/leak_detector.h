#pragma once
// Looks for what must not be there: given bytes as they are and as hexadecimal digits, or any 32-byte window of them, wherever they
// begin. One thread.

#include <algorithm>
#include <bitset>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/check.h"

namespace fedspend::testing {

class LeakDetector {
 public:
  static constexpr std::size_t kWindow = 32;

  // At least 8 bytes.
  void forbid(const std::string& what, ByteSpan bytes) {
    forbid_whole(what, bytes);
    const std::string hex = to_hex(bytes);
    forbid_whole(what + " in hexadecimal", as_bytes(hex));
  }
  // Every window but those of few different values, such as a run of zeros, which say nothing and are everywhere.
  void forbid_windows(const std::string& what, ByteSpan bytes) {
    const std::size_t buffer = keep(what, bytes);
    for (std::size_t i = 0; i + kWindow <= bytes.size(); ++i) {
      if (different_values(bytes.subspan(i, kWindow)) >= 12) add({0, buffer, i, kWindow});
    }
  }
  // What is in it, each once.
  std::set<std::string> found_in(ByteSpan bytes) const {
    sort();
    std::set<std::string> found;
    for (std::size_t i = 0; i + 8 <= bytes.size(); ++i) {
      const std::uint64_t first = load_u64(bytes.subspan(i, 8));
      if (!begins_[slot(first)]) continue;
      for (auto needle = std::ranges::lower_bound(needles_, first, {}, &Needle::first); needle != needles_.end() && needle->first == first; ++needle) {
        const auto& [what, buffer] = buffers_[needle->buffer];
        const ByteSpan wanted = ByteSpan(buffer).subspan(needle->offset, needle->length);
        if (bytes.size() - i >= wanted.size() && std::ranges::equal(wanted, bytes.subspan(i, wanted.size()))) found.insert(what);
      }
    }
    return found;
  }
  std::size_t size() const { return needles_.size(); }

 private:
  struct Needle {
    std::uint64_t first = 0;  // its first eight bytes
    std::size_t buffer = 0, offset = 0, length = 0;
  };
  static constexpr std::size_t kSlots = std::size_t{1} << 24;

  static std::size_t slot(std::uint64_t first) { return (first * 0x9e3779b97f4a7c15U) >> 40; }
  static std::size_t different_values(ByteSpan bytes) {
    std::bitset<256> seen;
    for (const std::uint8_t byte : bytes) seen.set(byte);
    return seen.count();
  }
  std::size_t keep(const std::string& what, ByteSpan bytes) {
    buffers_.emplace_back(what, Bytes(bytes.begin(), bytes.end()));
    return buffers_.size() - 1;
  }
  void forbid_whole(const std::string& what, ByteSpan bytes) { add({0, keep(what, bytes), 0, bytes.size()}); }
  void add(Needle needle) {
    FEDSPEND_CHECK(needle.length >= 8, "something long enough to be no coincidence");
    needle.first = load_u64(ByteSpan(buffers_[needle.buffer].second).subspan(needle.offset, 8));
    begins_[slot(needle.first)] = true;
    needles_.push_back(needle);
    is_sorted_ = false;
  }
  void sort() const {
    if (!is_sorted_) std::ranges::sort(needles_, {}, &Needle::first);
    is_sorted_ = true;
  }

  std::vector<std::pair<std::string, Bytes>> buffers_;
  mutable std::vector<Needle> needles_;
  mutable bool is_sorted_ = true;
  std::vector<bool> begins_ = std::vector<bool>(kSlots);  // by the first eight bytes: most places are passed over
};

}  // namespace fedspend::testing
