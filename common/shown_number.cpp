#include "common/shown_number.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace fedspend {

std::string shown_number(double value) {
  std::array<char, 64> digits{};
  std::snprintf(digits.data(), digits.size(), "%g", value);
  std::string text(digits.data());
  std::ranges::replace(text, ',', '.');  // the host app's locale
  return text;
}

}  // namespace fedspend
