#include "simulations/commands/seeds_option.h"

#include <algorithm>
#include <charconv>

namespace fedspend::simulations {

program::Option seeds_option() { return {.name = "seeds", .value_name = "S,S,...", .help = "of the cohorts and the simulated devices: once with each", .default_text = "1,2,3"}; }

Result<std::vector<std::uint64_t>> seeds_of(const program::Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string text, arguments.text("seeds"));
  std::vector<std::uint64_t> seeds;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (bool more = true; more;) {
    std::uint64_t seed = 0;
    const auto [next, error] = std::from_chars(at, end, seed);
    if (error != std::errc() || (next != end && *next != ',') || seed > INT64_MAX)
      return fail(ErrorCode::invalid_argument, "--seeds \"" + text + "\" is not a list of whole numbers", "for example --seeds 1,2,3");
    if (std::find(seeds.begin(), seeds.end(), seed) != seeds.end()) return fail(ErrorCode::invalid_argument, "--seeds \"" + text + "\" has " + std::to_string(seed) + " twice", "give each seed once");
    seeds.push_back(seed);
    more = next != end;
    at = next + (more ? 1 : 0);
  }
  return seeds;
}

}  // namespace fedspend::simulations
