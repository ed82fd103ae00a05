#pragma once
// Numbers as people read them: with thousands apart, with units, with as many digits as mean something. Pure functions.

#include <cstdint>
#include <string>
#include <string_view>

namespace fedspend::simulations {

std::string count_text(double count);                   // "1,306"; a fraction below 100 keeps one digit: "3.4"
std::string fixed_text(double value, int decimals);     // "1.622"
std::string percent_text(double fraction, int decimals = 1);   // "54.8%"
std::string points_text(double fraction, int decimals = 1);    // a difference of shares, signed: "+2.2 points"
std::string bytes_text(double bytes);                   // "99.2 kB", in steps of 1,000
std::string duration_text(double seconds);              // "850 ms", "20.2 s", "3 min 10 s", "5 h 2 min", "3 d 4 h"
std::string capitalised(std::string_view words);        // "Accuracy" for "accuracy"

}  // namespace fedspend::simulations
