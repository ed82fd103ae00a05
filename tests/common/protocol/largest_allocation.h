#pragma once
// The largest single allocation of the test program since it was last set to zero: linking largest_allocation.cpp replaces
// operator new. For tests of what a hostile count may make a decoder allocate.

#include <atomic>
#include <cstddef>

namespace fedspend::testing {

extern std::atomic<std::size_t> largest_allocation;

}  // namespace fedspend::testing
