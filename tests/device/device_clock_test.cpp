// The time a device goes by: the host's clock or the system's, whichever says more, and never back.

#include "client/device_clock.h"

#include <limits>

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace fedspend::client {
namespace {

struct Two {
  Millis host{5'000}, own{70'000};
  DeviceClock clock{[this] { return host; }, [this] { return own; }};
};

TEST_CASE("the clock that says more decides, and one that stands still does not stop it") {
  Two two;
  CHECK(two.clock.now() == Millis(0));
  two.host += Millis(300);
  CHECK(two.clock.now() == Millis(300));
  two.own += Millis(1'000);  // the host's stands still
  CHECK(two.clock.now() == Millis(1'000));
  two.host += Millis(900);
  CHECK(two.clock.now() == Millis(1'200));
  CHECK(two.clock.broken_readings() == 0);
}

TEST_CASE("a host's clock that goes back, or is below 0, is broken, and the time goes on by the other") {
  Two two;
  two.host += Millis(500);
  CHECK(two.clock.now() == Millis(500));
  two.host -= Millis(100);
  two.own += Millis(600);
  CHECK(two.clock.now() == Millis(600));
  CHECK(two.clock.broken_readings() == 1);
  two.host += Millis(50);  // forward again, from where it is
  CHECK(two.clock.now() == Millis(600));
  CHECK(two.clock.broken_readings() == 1);
  two.host = Millis(-1);
  CHECK(two.clock.now() == Millis(600));
  CHECK(two.clock.broken_readings() == 2);
  two.host = Millis(10'000);  // from nowhere: what passed meanwhile is not known
  CHECK(two.clock.now() == Millis(600));
  DeviceClock below([] { return Millis(-5); }, [] { return Millis(0); });
  CHECK(below.broken_readings() == 1);
}

TEST_CASE("whatever two clocks say, time does not go back, nor overflow") {
  CHECK(rc::check([](const std::vector<std::pair<std::int64_t, std::int64_t>>& readings) {
    Two two;
    Millis last{0};
    for (const auto& [host, own] : readings) {
      two.host = Millis(host % 3 == 0 ? std::numeric_limits<std::int64_t>::max() - (host % 7 + 6) : host);
      two.own = Millis(own < 0 ? 0 : own);
      const Millis now = two.clock.now();
      RC_ASSERT(now >= last);
      RC_ASSERT(now <= std::chrono::hours(24 * 366 * 100));
      last = now;
    }
  }));
}

TEST_CASE("the system's time since boot goes on") {
  const Millis before = time_since_boot();
  CHECK(before >= Millis(0));
  CHECK(time_since_boot() >= before);
}

}  // namespace
}  // namespace fedspend::client
