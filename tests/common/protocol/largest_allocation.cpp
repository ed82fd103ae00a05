#include "tests/common/protocol/largest_allocation.h"

#include <cstdlib>
#include <new>

namespace fedspend::testing {

std::atomic<std::size_t> largest_allocation{0};

namespace {

void* counted_allocation(std::size_t size) {
  std::size_t seen = largest_allocation.load();
  while (size > seen && !largest_allocation.compare_exchange_weak(seen, size)) {
  }
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace
}  // namespace fedspend::testing

void* operator new(std::size_t size) { return fedspend::testing::counted_allocation(size); }
void* operator new[](std::size_t size) { return fedspend::testing::counted_allocation(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
