// A bitmap: four bytes for the size of the set, and its bytes.
#include "common/secagg/position_set.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedspend;
  const ByteSpan bytes(data, size);
  if (bytes.size() < 4) return 0;
  const std::uint32_t places = load_u32(bytes);
  const ByteSpan bitmap = bytes.subspan(4);
  const auto set = PositionSet::parse(places, bitmap);
  if (!set) return 0;
  FEDSPEND_CHECK(set->size() == places && std::ranges::equal(set->bitmap(), bitmap), "a set has one bitmap");
  PositionSet again(places);
  std::uint32_t rank = 0;
  for (const std::uint32_t position : set->positions()) {
    FEDSPEND_CHECK(set->contains(position) && set->rank(position) == rank, "as many below as have been seen");
    again.insert(position);
    ++rank;
  }
  FEDSPEND_CHECK(rank == set->count() && again == *set && !set->contains(places), "the positions are the set");
  FEDSPEND_CHECK(set->is_subset_of(again) && PositionSet(places).is_subset_of(*set), "nothing is within it, and it within itself");
  return 0;
}
