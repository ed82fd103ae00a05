#include "client/device_clock.h"

#include <algorithm>
#include <utility>

#include <time.h>

namespace fedspend::client {
namespace {

// More than any time a device waits for, and sums with it do not overflow.
constexpr Millis kLongest = std::chrono::hours(24 * 366 * 100);

}  // namespace

Millis time_since_boot() {
#ifdef CLOCK_BOOTTIME
  timespec time{};
  if (::clock_gettime(CLOCK_BOOTTIME, &time) == 0) return std::chrono::seconds(time.tv_sec) + Millis(time.tv_nsec / 1'000'000);
#endif
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch());
}

DeviceClock::DeviceClock(Read host, Read own) : host_(std::move(host)), own_(std::move(own)), host_last_(host_()), own_last_(own_()) {
  if (host_last_ < Millis(0)) ++broken_readings_;
}

Millis DeviceClock::now() {
  const Millis host = host_(), own = own_();
  if (host < Millis(0) || host < host_last_) ++broken_readings_;
  else if (host_last_ >= Millis(0)) host_passed_ = std::min(host_passed_ + std::min(host - host_last_, kLongest), kLongest);
  if (own > own_last_) own_passed_ = std::min(own_passed_ + (own - own_last_), kLongest);
  host_last_ = host;
  own_last_ = own;
  return std::max(host_passed_, own_passed_);
}

}  // namespace fedspend::client
