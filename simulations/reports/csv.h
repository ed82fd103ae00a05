#pragma once
// One field of a CSV file (RFC 4180): quoted where it holds a comma, a quote or a line break. A field that a spreadsheet would take for
// a formula stays what it is: these files are for programs. Pure.

#include <string>
#include <string_view>

namespace fedspend::simulations {

std::string csv_cell(std::string_view text);

}  // namespace fedspend::simulations
