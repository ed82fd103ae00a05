#include "tests/client/freed_memory.h"

#include <malloc.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

#include "common/check.h"

namespace fedspend::testing {
namespace {

std::array<std::uint8_t, kWatchedBytes> watched{};
bool is_watching = false;
unsigned found = 0;

// What is given back is cleared, watched or not: a block that is taken again and only partly written would show what the test itself left there.
void give_back(void* memory) {
  if (memory == nullptr) return;
  const std::size_t size = malloc_usable_size(memory);
  if (is_watching && memmem(memory, size, watched.data(), watched.size()) != nullptr) ++found;
  explicit_bzero(memory, size);
  std::free(memory);
}

}  // namespace

void set_watched(std::span<const std::uint8_t> bytes) {
  FEDSPEND_CHECK(bytes.size() >= kWatchedBytes, "enough bytes to know them again");
  std::memcpy(watched.data(), bytes.data(), watched.size());
  found = 0;
  is_watching = false;
}
void watch_freed_memory() { is_watching = true; }
void pause_watching() { is_watching = false; }
unsigned stop_watching() {
  is_watching = false;
  return found;
}

}  // namespace fedspend::testing

void* operator new(std::size_t size) {
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { fedspend::testing::give_back(memory); }
void operator delete[](void* memory) noexcept { fedspend::testing::give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { fedspend::testing::give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { fedspend::testing::give_back(memory); }
