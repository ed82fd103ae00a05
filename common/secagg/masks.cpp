#include "common/secagg/masks.h"

#include <algorithm>
#include <array>

#include "common/check.h"

namespace fedspend {
namespace {

// 4 KiB of the vector, of each of four masks' words and of what mask_words() reads: half of a first-level cache of 48 KiB.
constexpr std::size_t kBlockWords = 1024;
constexpr std::size_t kMasksAtOnce = 4;  // a value is then read and written once for four masks
static_assert(kBlockWords % kWholeWords == 0);

struct WordsOfMasks {
  alignas(64) std::array<std::array<std::uint32_t, kBlockWords>, kMasksAtOnce> words;
  ~WordsOfMasks() { wipe(MutableByteSpan(reinterpret_cast<std::uint8_t*>(words.data()), sizeof words)); }
};

// The sum of the words of all `keys`, modulo 2^32, is added to `values`, or subtracted from them.
template <MaskSign kSign>
void apply_to_block(std::span<const MaskKey* const> keys, std::uint64_t first, std::span<std::uint32_t> values, WordsOfMasks& buffer) {
  const auto put = [](std::uint32_t& value, std::uint32_t sum) { kSign == MaskSign::add ? value += sum : value -= sum; };
  const std::size_t count = values.size();
  auto& [a, b, c, d] = buffer.words;
  for (; keys.size() >= kMasksAtOnce; keys = keys.subspan(kMasksAtOnce)) {
    for (std::size_t k = 0; k < kMasksAtOnce; ++k) mask_words(*keys[k], 0, first, std::span(buffer.words[k]).first(count));
    for (std::size_t i = 0; i < count; ++i) put(values[i], a[i] + b[i] + c[i] + d[i]);
  }
  for (const MaskKey* key : keys) {
    mask_words(*key, 0, first, std::span(a).first(count));
    for (std::size_t i = 0; i < count; ++i) put(values[i], a[i]);
  }
}

}  // namespace

void apply_masks(std::span<const Mask> masks, unsigned bits, std::uint64_t first, std::span<std::uint32_t> values) {
  FEDSPEND_CHECK(bits >= 1 && bits <= 32, "a width of 1 to 32 bits");
  FEDSPEND_CHECK(first % kMaskBlockWords == 0, "a range begins at a block of the stream");
  const auto low_bits = static_cast<std::uint32_t>((std::uint64_t{1} << bits) - 1);
  std::vector<const MaskKey*> added;
  std::vector<const MaskKey*> subtracted;
  for (const Mask& mask : masks) (mask.sign == MaskSign::add ? added : subtracted).push_back(&mask.key);
  WordsOfMasks words;
  while (!values.empty()) {
    const std::span<std::uint32_t> block = values.first(std::min(values.size(), kBlockWords));
    apply_to_block<MaskSign::add>(added, first, block, words);
    apply_to_block<MaskSign::subtract>(subtracted, first, block, words);
    for (std::uint32_t& value : block) value &= low_bits;
    values = values.subspan(block.size());
    first += block.size();
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
