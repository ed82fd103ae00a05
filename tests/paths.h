#pragma once
// Where this checkout is, and the programs that were built from it. Compiled into one file alone: all others are then the same in every
// checkout, and ccache finds them.

#include <string>

namespace fedspend::tests {

std::string source_dir();  // without a slash at the end
std::string bin_dir();

}  // namespace fedspend::tests
