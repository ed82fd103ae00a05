#pragma once
// Finds words in memory that is given back: linking freed_memory.cpp replaces operator delete, which then looks into every block before
// it goes. One thread at a time watches.

#include <cstddef>
#include <cstdint>
#include <span>

namespace fedspend::testing {

inline constexpr std::size_t kWatchedBytes = 32;

void watch_freed_memory(std::span<const std::uint8_t> bytes);  // the first kWatchedBytes of them
void pause_watching();
unsigned stop_watching();  // in how many blocks they were, since watch_freed_memory()

}  // namespace fedspend::testing
