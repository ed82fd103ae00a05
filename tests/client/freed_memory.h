#pragma once
// Finds words in memory that is given back: linking freed_memory.cpp replaces operator delete, which then looks into every block before
// it goes. One thread at a time watches.

#include <cstddef>
#include <cstdint>
#include <span>

namespace fedspend::testing {

inline constexpr std::size_t kWatchedBytes = 32;

void set_watched(std::span<const std::uint8_t> bytes);  // the first kWatchedBytes of them; nobody watches yet
void watch_freed_memory();
void pause_watching();
unsigned stop_watching();  // in how many blocks they were, since set_watched()

}  // namespace fedspend::testing
