#include "tests/leaks/leak_detector.h"

#include <algorithm>
#include <bitset>

#include "common/check.h"

namespace fedspend::testing {
namespace {

std::size_t slot(std::uint64_t first) { return (first * 0x9e3779b97f4a7c15U) >> 40; }

std::size_t different_values(ByteSpan bytes) {
  std::bitset<256> seen;
  for (const std::uint8_t byte : bytes) seen.set(byte);
  return seen.count();
}

}  // namespace

void LeakDetector::forbid(const std::string& what, ByteSpan bytes) {
  forbid_whole(what, bytes);
  const std::string hex = to_hex(bytes);
  forbid_whole(what + " in hexadecimal", as_bytes(hex));
}

void LeakDetector::forbid_windows(const std::string& what, ByteSpan bytes) {
  const std::size_t buffer = keep(what, bytes);
  for (std::size_t i = 0; i + kWindow <= bytes.size(); ++i) {
    if (different_values(bytes.subspan(i, kWindow)) >= 12) add({0, buffer, i, kWindow});
  }
}

std::set<std::string> LeakDetector::found_in(ByteSpan bytes) const {
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

std::size_t LeakDetector::keep(const std::string& what, ByteSpan bytes) {
  buffers_.emplace_back(what, Bytes(bytes.begin(), bytes.end()));
  return buffers_.size() - 1;
}

void LeakDetector::forbid_whole(const std::string& what, ByteSpan bytes) { add({0, keep(what, bytes), 0, bytes.size()}); }

void LeakDetector::add(Needle needle) {
  FEDSPEND_CHECK(needle.length >= 8, "something long enough to be no coincidence");
  needle.first = load_u64(ByteSpan(buffers_[needle.buffer].second).subspan(needle.offset, 8));
  begins_[slot(needle.first)] = true;
  needles_.push_back(needle);
  is_sorted_ = false;
}

void LeakDetector::sort() const {
  if (!is_sorted_) std::ranges::sort(needles_, {}, &Needle::first);
  is_sorted_ = true;
}

}  // namespace fedspend::testing
