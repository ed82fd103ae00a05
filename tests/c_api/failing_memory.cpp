#include "tests/c_api/failing_memory.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace fedspend::testing {
namespace {

std::atomic<long> allocations_left{-1};  // below 0: none fails
std::atomic<bool> failed{false};

}  // namespace

void fail_allocation(long number) {
  failed = false;
  allocations_left = number;
}
bool has_failed() { return failed; }
bool stop_failing() {
  allocations_left = -1;
  return failed;
}

// null: this one.
void* allocate(std::size_t size, std::size_t alignment) {
  if (allocations_left.load() >= 0 && allocations_left.fetch_sub(1) == 0) {
    failed = true;
    return nullptr;
  }
  return alignment == 0 ? std::malloc(size == 0 ? 1 : size) : std::aligned_alloc(alignment, (size + alignment) / alignment * alignment);
}

}  // namespace fedspend::testing

void* operator new(std::size_t size) {
  if (void* given = fedspend::testing::allocate(size, 0)) return given;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  if (void* given = fedspend::testing::allocate(size, static_cast<std::size_t>(alignment))) return given;
  throw std::bad_alloc();
}
// With nothrow as well: what std::stable_sort takes so is given back by the operator delete below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return fedspend::testing::allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return fedspend::testing::allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* given) noexcept { std::free(given); }
void operator delete(void* given, std::size_t) noexcept { std::free(given); }
void operator delete(void* given, std::align_val_t) noexcept { std::free(given); }
void operator delete(void* given, std::size_t, std::align_val_t) noexcept { std::free(given); }
