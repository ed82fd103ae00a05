#pragma once
// Looks for what must not be there: given bytes as they are and as hexadecimal digits, or any 32-byte window of them, wherever they
// begin. One thread.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.h"

namespace fedspend::testing {

class LeakDetector {
 public:
  static constexpr std::size_t kWindow = 32;

  // At least 8 bytes.
  void forbid(const std::string& what, ByteSpan bytes);
  // Every window but those of few different values, such as a run of zeros, which say nothing and are everywhere.
  void forbid_windows(const std::string& what, ByteSpan bytes);
  // What is in it, each once.
  std::set<std::string> found_in(ByteSpan bytes) const;
  std::size_t size() const { return needles_.size(); }

 private:
  struct Needle {
    std::uint64_t first = 0;  // its first eight bytes
    std::size_t buffer = 0, offset = 0, length = 0;
  };
  static constexpr std::size_t kSlots = std::size_t{1} << 24;

  std::size_t keep(const std::string& what, ByteSpan bytes);
  void forbid_whole(const std::string& what, ByteSpan bytes);
  void add(Needle needle);
  void sort() const;

  std::vector<std::pair<std::string, Bytes>> buffers_;
  mutable std::vector<Needle> needles_;
  mutable bool is_sorted_ = true;
  std::vector<bool> begins_ = std::vector<bool>(kSlots);  // by the first eight bytes: most places are passed over
};

}  // namespace fedspend::testing
