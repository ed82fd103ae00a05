#include "common/privacy/figure_text.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "common/check.h"

namespace fedspend {
namespace {

enum class Side { up, down };

// m 10^e of so many digits next to the value: the nearest, or its neighbour where that one is on the wrong side.
std::string rounded(double value, int digits, Side side) {
  FEDSPEND_CHECK(digits >= 1 && digits <= 15, "1 to 15 digits: a binary64 holds them all");
  if (!(value > 0)) return "0";
  char text[48];
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
  const double nearest = std::strtod(text, nullptr);
  if (side == Side::up ? nearest < value : nearest > value) {
    const std::string_view written = text;
    const std::size_t e = written.find('e');
    const auto power = std::llround(std::pow(10.0, digits - 1));
    auto mantissa = std::llround(std::strtod(std::string(written.substr(0, e)).c_str(), nullptr) * static_cast<double>(power));
    int exponent = std::atoi(text + e + 1) - (digits - 1);
    mantissa += side == Side::up ? 1 : -1;
    if (mantissa < power) {  // below a power of ten the digits are finer
      mantissa = mantissa * 10 + 9;
      --exponent;
    }
    std::snprintf(text, sizeof text, "%llde%d", mantissa, exponent);
  }
  const double read = std::strtod(text, nullptr);
  if (std::isinf(read)) return "infinity";
  std::snprintf(text, sizeof text, "%.*g", digits, read);
  return text;
}

}  // namespace

std::string bound_text(double value, int digits) { return std::isfinite(value) ? rounded(value, digits, Side::up) : "infinity"; }

std::string least_text(double value, int digits) {
  if (std::isnan(value)) return "0";
  return std::isfinite(value) ? rounded(value, digits, Side::down) : value > 0 ? "infinity" : "0";
}

}  // namespace fedspend
