#pragma once
// The time that a device goes by: how long this object has been there, by whichever of two clocks says more, the host's monotonic one or the
// system's time since boot. So it never goes back, and goes on when the host's stands still: no run and no pause is longer than it says.
// One thread at a time.

#include <cstdint>
#include <functional>

#include "common/clock.h"

namespace fedspend::client {

// CLOCK_BOOTTIME, which goes on while the device sleeps; where the system has none, its monotonic clock.
Millis time_since_boot();

class DeviceClock {
 public:
  using Read = std::function<Millis()>;
  explicit DeviceClock(Read host, Read own = time_since_boot);

  Millis now();
  // Readings of the host's clock that were below 0, or before the one before: it is broken, and what it says is not to be gone by.
  std::uint64_t broken_readings() const { return broken_readings_; }

 private:
  Read host_, own_;
  Millis host_last_{}, own_last_{};
  Millis host_passed_{0}, own_passed_{0};
  std::uint64_t broken_readings_ = 0;
};

}  // namespace fedspend::client
