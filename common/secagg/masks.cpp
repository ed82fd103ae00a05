#include "common/secagg/masks.h"

#include <algorithm>
#include <array>

#include "common/check.h"

namespace fedspend {
namespace {

// 8 KiB of the vector, as much of a mask's words, and as much that mask_words() reads: half of a first-level cache of 48 KiB.
constexpr std::size_t kBlockWords = 2048;
static_assert(kBlockWords % kWholeWords == 0);

class WipedWords {
 public:
  ~WipedWords() { wipe(MutableByteSpan(reinterpret_cast<std::uint8_t*>(words_.data()), sizeof words_)); }
  std::span<std::uint32_t> first(std::size_t count) { return std::span(words_).first(count); }

 private:
  alignas(64) std::array<std::uint32_t, kBlockWords> words_;
};

void apply_to_block(std::span<const Mask> masks, std::uint32_t low_bits, std::uint64_t first, std::span<std::uint32_t> values, std::span<std::uint32_t> words) {
  const std::size_t count = values.size();
  for (const Mask& mask : masks) {
    mask_words(mask.key, 0, first, words);
    if (mask.sign == MaskSign::add) {
      for (std::size_t i = 0; i < count; ++i) values[i] += words[i];
    } else {
      for (std::size_t i = 0; i < count; ++i) values[i] -= words[i];
    }
  }
  for (std::uint32_t& value : values) value &= low_bits;
}

}  // namespace

void apply_masks(std::span<const Mask> masks, unsigned bits, std::uint64_t first, std::span<std::uint32_t> values) {
  FEDSPEND_CHECK(bits >= 1 && bits <= 32, "a width of 1 to 32 bits");
  FEDSPEND_CHECK(first % kMaskBlockWords == 0, "a range begins at a block of the stream");
  const auto low_bits = static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1);
  WipedWords words;
  while (!values.empty()) {
    const std::size_t count = std::min(values.size(), kBlockWords);
    apply_to_block(masks, low_bits, first, values.first(count), words.first(count));
    values = values.subspan(count);
    first += count;
  }
}

std::vector<WordRange> split_words(std::size_t count, std::size_t parts) {
  FEDSPEND_CHECK(parts >= 1, "one part at least");
  const std::size_t units = (count + kWholeWords - 1) / kWholeWords;
  std::vector<WordRange> ranges;
  for (std::size_t part = 0; part < std::min(parts, units); ++part) {
    const std::size_t used = std::min(parts, units);
    const std::size_t begin = units * part / used * kWholeWords;
    const std::size_t end = std::min(count, units * (part + 1) / used * kWholeWords);
    ranges.push_back({.first = begin, .count = end - begin});
  }
  return ranges;
}

std::vector<WordRange> split_words_for(std::size_t count, unsigned threads) {
  FEDSPEND_CHECK(threads >= 1, "one thread at least");
  const std::size_t blocks = (count + kBlockWords - 1) / kBlockWords;
  return split_words(count, std::max<std::size_t>(1, (blocks + threads - 1) / threads) * threads);
}

}  // namespace fedspend
