#pragma once
// A world: what kinds of devices there are, when they are within reach, how fast they compute and send, and how often they fail.
// The ideal one is the default: everybody is always there and nothing takes time, which is what repeats recorded cohorts.
// A scenario file (TOML, simulations/worlds/) describes another; its form is in simulations/README.md. Everything that follows from
// it is integer arithmetic on draws from (seed, client), the same on every machine. Values; thread-safe.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/crypto/hash.h"
#include "common/result.h"

namespace fedspend::simulations {

// In 2^-32; 2^32 is certain.
using Chance = std::uint64_t;
inline constexpr Chance kCertain = Chance{1} << 32;

// A positive quantity with a log-normal spread: `spread` octaves, so that two thirds lie within 2^spread of the median. (The normal
// draw is the sum of twelve uniform ones: none is further than six spreads away.)
struct Spread {
  std::uint64_t median = 0;      // 0: no time is taken
  std::int32_t octaves_q16 = 0;  // in 2^-16
  std::uint64_t draw(std::uint64_t random) const;  // at least 1, unless the median is 0
};

struct DeviceClass {
  std::string name;
  std::uint64_t share = 1;                 // of the devices whose class the data do not say, in proportion
  std::array<Chance, 24> available{};      // by hour of the local day
  Spread rows_per_second;                  // trained
  Spread wait_ms;                          // from the assignment to the training: the system lets it run when it likes
  Spread up_bits_per_second, down_bits_per_second;
  Millis latency{0};                       // of a message, beside the time for its bytes
  Chance drop_waiting = 0;                 // a device that has checked in is gone when it is asked
  Chance drop_training = 0;
  Chance drop_sending = 0;                 // the connection breaks while it sends its update
  Chance reconnects = 0;                   // ... and comes back, and the update is sent again
  Millis reconnect_after{0};
  Chance reply_lost = 0;                   // the update arrives, the answer does not: the device sends it again
};

struct TimeZone {
  std::string name;
  std::int32_t utc_offset_minutes = 0;
  std::uint64_t share = 1;
};

struct World {
  std::string name = "ideal";
  Hash256 hash{};                          // of the file; zero: ideal
  Millis starts_at{0};                     // the simulated clock begins at this time of a day, UTC
  Millis check_in_spread{0};               // within which devices that may check in at the same time do it
  Millis selection_timeout{600'000};       // the coordinator's (--selection-timeout-s of the daemon)
  Millis patience{0};                      // a run without a published round for so long has failed; 0: after five aborted rounds
  std::vector<DeviceClass> classes;        // at least one
  std::vector<TimeZone> time_zones;        // at least one
};

World ideal_world();
// malformed, with the key and the line. Unknown keys are errors.
Result<World> parse_world(std::string_view toml_text, const std::string& source);
Result<World> read_world_file(const std::filesystem::path& path);

// What a device is like, drawn once from (seed, client). 48 bytes.
struct DeviceCharacter {
  std::uint64_t salt = 0;  // of all its later draws
  std::uint64_t rows_per_second = 0;
  std::uint64_t up_bits_per_second = 0;
  std::uint64_t down_bits_per_second = 0;
  std::uint32_t device_class = 0;  // index
  std::int32_t utc_offset_minutes = 0;
};
// `device_class` and `time_zone` are what the data say, by the names of the world; one that it does not know, or none, is drawn.
DeviceCharacter draw_character(const World& world, std::uint64_t seed, std::string_view client, std::string_view device_class, std::string_view time_zone);

// A uniform 64-bit draw of a device for a purpose; the same arguments give the same value. (SplitMix64: Steele, Lea, Flood 2014)
std::uint64_t draw(const DeviceCharacter& device, std::uint64_t purpose, std::uint64_t number);

// Availability: one draw a device and a day (local, noon to noon, so that a night is one piece); it is there in the hours whose
// chance is above the draw. Times are of the simulated clock.
inline constexpr Millis kNever = Millis::max();
Millis available_from(const World& world, const DeviceCharacter& device, Millis time);  // time itself if it is there; kNever: not in two weeks
Millis available_until(const World& world, const DeviceCharacter& device, Millis time); // it is there at `time`

}  // namespace fedspend::simulations
