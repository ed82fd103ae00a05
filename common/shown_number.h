#pragma once
// A number in a message, as %g gives it: six digits at most, with a point whatever the locale of the process is. Not std::ostringstream
// and not std::to_chars, which bring the locales and the tables of libstdc++ into a library that has its C++ runtime inside. Thread-safe.

#include <string>

namespace fedspend {

std::string shown_number(double value);

}  // namespace fedspend
