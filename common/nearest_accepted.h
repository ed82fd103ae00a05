#pragma once
// What a refusal proposes: a value that works. Found by asking the very check that refuses, so that whatever is proposed has been accepted as
// it will be read back from the text. From the refused value the search goes off in growing strides, and then back, towards it, between the
// last stride that was refused and the first that was accepted: what is found is the nearest where a check accepts all beyond some value,
// and accepted in any case. Pure functions of what `accepts` answers; no state.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace fedspend {

// Between `refused` (exclusive) and `limit` (inclusive), which lies on either side of it. Of up to 64 values each is tried;
// otherwise some 2 log2 |limit - refused| are.
std::optional<std::int64_t> nearest_accepted(std::int64_t refused, std::int64_t limit, const std::function<bool(std::int64_t)>& accepts);

// The same of numbers above 0, by factors: at most a part of 1e-3 further than need be, in as few digits, four or more, as are accepted.
// limit above 0; refused may be any number at all: where it is further than a factor of 10^12 from the limit, the search begins there,
// and what is found need not be the nearest.
std::optional<double> nearest_accepted_number(double refused, double limit, const std::function<bool(double)>& accepts);

// The fewest digits that are read back as the same number.
std::string exact_text(double value);

}  // namespace fedspend
