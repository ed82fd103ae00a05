#include "simulations/reports/quantities.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace fedspend::simulations {
namespace {

std::string with_thousands(std::string digits) {
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, ",");
  return digits;
}

// Two units, the smaller one left out where it is zero: "3 min 10 s".
std::string two_units(long whole, long per_large, const char* large, const char* small) {
  std::string text = std::to_string(whole / per_large) + " " + large;
  if (whole % per_large != 0) text += " " + std::to_string(whole % per_large) + " " + small;
  return text;
}

}  // namespace

std::string fixed_text(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  // -0.0 is a rounding, not a sign.
  const std::string shown = text;
  return shown.starts_with('-') && shown.find_first_not_of("-0.") == std::string::npos ? shown.substr(1) : shown;
}

std::string count_text(double count) {
  if (std::abs(count) < 100 && count != std::round(count)) return fixed_text(count, 1);
  return with_thousands(fixed_text(count, 0));
}

std::string percent_text(double fraction, int decimals) { return fixed_text(100 * fraction, decimals) + "%"; }

std::string points_text(double fraction, int decimals) {
  const std::string shown = fixed_text(100 * fraction, decimals);
  const bool zero = shown.find_first_not_of("0.") == std::string::npos;
  return (zero || shown.starts_with('-') ? "" : "+") + shown + " points";
}

std::string bytes_text(double bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (std::abs(bytes) >= 999.95 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return fixed_text(bytes, unit == 0 || std::abs(bytes) >= 99.95 ? 0 : 1) + " " + kUnits[unit];
}

std::string duration_text(double seconds) {
  if (seconds < 0.9995) return fixed_text(1000 * seconds, 0) + " ms";
  if (seconds < 59.95) return fixed_text(seconds, 1) + " s";
  const long whole = std::lround(seconds);
  if (whole < 3600) return two_units(whole, 60, "min", "s");
  if (whole < 86'400) return two_units(std::lround(seconds / 60), 60, "h", "min");
  return two_units(std::lround(seconds / 3600), 24, "d", "h");
}

std::string capitalised(std::string_view words) {
  std::string text(words);
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text;
}

}  // namespace fedspend::simulations
