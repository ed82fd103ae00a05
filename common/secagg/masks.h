#pragma once
// Adding and taking off masks (SECAGG.md, "y_i = ..."): values +-= PRG(key), word by word, mod 2^b, for many masks at once. The
// vector is gone through once, in blocks that stay in the first-level cache: all masks are applied to a block before the next, so
// neither masks nor vector travel through memory again and again, and nothing here grows with masks times length. Sums are kept
// modulo 2^32 within a block and cut to b bits at its end, which is the same modulo 2^b.
//
// Thread rule: any thread over its own range of one vector; ranges begin at a block of the stream. split_words() and
// split_words_for() make such ranges.

#include <cstdint>
#include <span>
#include <vector>

#include "common/crypto/mask_stream.h"

namespace fedspend {

// Who has the lower id adds a pairwise mask, who has the higher subtracts it; a self mask is added. Unmasking takes the opposite.
enum class MaskSign { add, subtract };

struct Mask {
  MaskKey key;
  MaskSign sign = MaskSign::add;
};

// values[i] += or -= word first + i of tensor 0 of each mask, mod 2^bits. `values` is a range of a RingVector's values that begins
// at `first`, a multiple of kMaskBlockWords; bits is 1 ... 32 and each value below 2^bits (a programmer's mistake otherwise).
void apply_masks(std::span<const Mask> masks, unsigned bits, std::uint64_t first, std::span<std::uint32_t> values);

struct WordRange {
  std::size_t first = 0;
  std::size_t count = 0;
};
// libsodium makes eight blocks of the stream at a time, and what is left of a range block by block, several times slower.
inline constexpr std::size_t kWholeWords = 8 * kMaskBlockWords;
// 0 ... count-1 in order as at most `parts` ranges of about the same size, none empty, each beginning at a multiple of kWholeWords.
// parts >= 1.
std::vector<WordRange> split_words(std::size_t count, std::size_t parts);
// The same for so many threads (at least 1): each has as many ranges as the others, and none is longer than what masks are applied to at
// once, so that a thread that is slow does not keep the others waiting and that each range is soon done.
std::vector<WordRange> split_words_for(std::size_t count, unsigned threads);

}  // namespace fedspend
