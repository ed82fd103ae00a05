#include "simulations/federation/world.h"

#include <algorithm>

namespace fedspend::simulations {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kHoursLooked = 14 * 24;

enum Purpose : std::uint64_t { kDay = 1 };  // the others are the segment's, from 16 on

std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// 2^x for x in 2^-16, in 2^-30; x is between -20 and 20. Constants: 2^(2^-k) in 2^-30, k = 1 ... 16.
std::uint64_t power_of_two_q30(std::int64_t x_q16) {
  constexpr std::array<std::uint64_t, 16> kRoots = {1518500250, 1276901417, 1170923762, 1121280436, 1097253708, 1085434106, 1079572136, 1076653033,
                                                    1075196443, 1074468888, 1074105294, 1073923544, 1073832680, 1073787251, 1073764537, 1073753181};
  const std::int64_t whole = x_q16 >> 16;
  const auto fraction = static_cast<std::uint64_t>(x_q16 - whole * 65536);
  std::uint64_t value = std::uint64_t{1} << 30;
  for (unsigned k = 0; k < kRoots.size(); ++k)
    if ((fraction >> (15 - k)) & 1) value = (value * kRoots[k]) >> 30;
  return whole >= 0 ? value << whole : value >> -whole;
}

template <class Item>
std::uint32_t by_share(const std::vector<Item>& items, std::uint64_t random) {
  std::uint64_t total = 0;
  for (const Item& item : items) total += item.share;
  std::uint64_t rest = total == 0 ? 0 : random % total;
  for (std::uint32_t i = 0; i < items.size(); ++i) {
    if (rest < items[i].share) return i;
    rest -= items[i].share;
  }
  return 0;
}

template <class Item>
std::uint32_t named_or_drawn(const std::vector<Item>& items, std::string_view name, std::uint64_t random) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found != items.end() ? static_cast<std::uint32_t>(found - items.begin()) : by_share(items, random);
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Local hours since the beginning of the first local day.
std::int64_t local_hour(const World& world, const DeviceCharacter& device, Millis time) {
  return floor_div((time + world.starts_at).count() + std::int64_t{device.utc_offset_minutes} * 60'000, kHourMs);
}

// The simulated time at which a local hour begins.
Millis time_of_hour(const World& world, const DeviceCharacter& device, std::int64_t hour) {
  return Millis(hour * kHourMs - std::int64_t{device.utc_offset_minutes} * 60'000) - world.starts_at;
}

bool is_there(const World& world, const DeviceCharacter& device, std::int64_t hour) {
  const Chance chance = world.classes[device.device_class].available[static_cast<std::size_t>(hour - floor_div(hour, 24) * 24)];
  if (chance == 0 || chance >= kCertain) return chance != 0;
  return (draw(device, kDay, static_cast<std::uint64_t>(floor_div(hour - 12, 24))) >> 32) < chance;
}

}  // namespace

std::uint64_t Spread::draw(std::uint64_t random) const {
  if (median == 0) return 0;
  std::int64_t sum = 0;  // twelve uniform draws of 16 bits: variance 1 in units of 2^16, but for the mean
  for (unsigned i = 0; i < 3; ++i, random = mixed(random))
    for (unsigned part = 0; part < 4; ++part) sum += static_cast<std::int64_t>((random >> (16 * part)) & 0xffff);
  const std::int64_t normal_q16 = sum - 12 * 32768 + 6;
  const std::uint64_t factor_q30 = power_of_two_q30(normal_q16 * octaves_q16 / 65536);
  // The median is below 2^40 and the factor below 2^24 (2^-30 of 2^54), so that the product is done in two halves.
  const std::uint64_t scaled = (median >> 16) * (factor_q30 >> 14) + (((median & 0xffff) * (factor_q30 >> 14)) >> 16);
  return std::max<std::uint64_t>(scaled, 1);
}

World ideal_world() {
  World world;
  DeviceClass everybody;
  everybody.name = "device";
  everybody.available.fill(kCertain);
  world.classes.push_back(std::move(everybody));
  world.time_zones.push_back({.name = "UTC"});
  return world;
}

std::uint64_t draw(const DeviceCharacter& device, std::uint64_t purpose, std::uint64_t number) { return mixed(mixed(device.salt ^ mixed(purpose)) + number); }

DeviceCharacter draw_character(const World& world, std::uint64_t seed, std::string_view client, std::string_view device_class, std::string_view time_zone) {
  DeviceCharacter device;
  const Hash256 hash = Hasher("sim-character").u64(seed).field(client).finish();
  device.salt = load_u64(hash);
  const auto random = [&](std::uint64_t purpose) { return draw(device, purpose, 0); };
  device.device_class = named_or_drawn(world.classes, device_class, random(2));
  device.utc_offset_minutes = world.time_zones[named_or_drawn(world.time_zones, time_zone, random(3))].utc_offset_minutes;
  const DeviceClass& kind = world.classes[device.device_class];
  device.rows_per_second = kind.rows_per_second.draw(random(4));
  device.up_bits_per_second = kind.up_bits_per_second.draw(random(5));
  device.down_bits_per_second = kind.down_bits_per_second.draw(random(6));
  return device;
}

Millis available_from(const World& world, const DeviceCharacter& device, Millis time) {
  const std::int64_t first = local_hour(world, device, time);
  for (std::int64_t hour = first; hour < first + kHoursLooked; ++hour)
    if (is_there(world, device, hour)) return std::max(time, time_of_hour(world, device, hour));
  return kNever;
}

Millis available_until(const World& world, const DeviceCharacter& device, Millis time) {
  const std::int64_t first = local_hour(world, device, time);
  for (std::int64_t hour = first + 1; hour < first + kHoursLooked; ++hour)
    if (!is_there(world, device, hour)) return time_of_hour(world, device, hour);
  return kNever;
}

}  // namespace fedspend::simulations
