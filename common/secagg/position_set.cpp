#include "common/secagg/position_set.h"

#include <algorithm>
#include <bit>

#include "common/check.h"

namespace fedspend {

Result<PositionSet> PositionSet::parse(std::uint32_t size, ByteSpan bitmap) {
  const std::size_t length = (std::size_t{size} + 7) / 8;
  if (bitmap.size() != length)
    return fail(ErrorCode::malformed, "bitmap: " + std::to_string(bitmap.size()) + " bytes for " + std::to_string(size) + " places, not " + std::to_string(length));
  if (size % 8 != 0 && (bitmap.back() >> (size % 8)) != 0) return fail(ErrorCode::malformed, "bitmap: a pad bit is set");
  PositionSet set(size);
  std::ranges::copy(bitmap, set.bits_.begin());
  return set;
}

bool PositionSet::contains(std::uint32_t position) const {
  return position < size_ && ((bits_[position / 8] >> (position % 8)) & 1) != 0;
}

void PositionSet::insert(std::uint32_t position) {
  FEDSPEND_CHECK(position < size_, "a position of the set");
  bits_[position / 8] = static_cast<std::uint8_t>(bits_[position / 8] | (1U << (position % 8)));
}

std::uint32_t PositionSet::count() const { return rank(size_); }

std::uint32_t PositionSet::rank(std::uint32_t position) const {
  FEDSPEND_CHECK(position <= size_, "a position of the set");
  std::uint32_t below = 0;
  for (std::uint32_t byte = 0; byte < position / 8; ++byte) below += static_cast<std::uint32_t>(std::popcount(bits_[byte]));
  for (std::uint32_t i = position / 8 * 8; i < position; ++i) below += contains(i) ? 1U : 0U;
  return below;
}

bool PositionSet::is_subset_of(const PositionSet& other) const {
  if (size_ != other.size_) return false;
  for (std::size_t i = 0; i < bits_.size(); ++i) {
    if ((bits_[i] & ~other.bits_[i]) != 0) return false;
  }
  return true;
}

std::vector<std::uint32_t> PositionSet::positions() const {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (contains(i)) out.push_back(i);
  }
  return out;
}

}  // namespace fedspend
