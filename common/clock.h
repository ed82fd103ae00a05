#pragma once
// Time as the machines see it: milliseconds on a clock that never goes back, origin unspecified. Machines are handed `now`;
// only the programs and the tests own a Clock.

#include <chrono>

namespace fedspend {

using Millis = std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Millis now() const = 0;  // monotonic; safe to call from any thread
};

}  // namespace fedspend
