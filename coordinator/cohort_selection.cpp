#include "coordinator/cohort_selection.h"

#include <algorithm>

namespace fedspend::coordinator {

std::optional<std::vector<ClientId>> UniformChooser::choose(std::span<const ClientId> pool, std::uint32_t asked, RoundId) {
  std::vector<ClientId> chosen(pool.begin(), pool.end());
  const std::size_t count = std::min<std::size_t>(asked, chosen.size());
  for (std::size_t i = 0; i < count; ++i) std::swap(chosen[i], chosen[i + random_.below(chosen.size() - i)]);
  chosen.resize(count);
  return chosen;
}

}  // namespace fedspend::coordinator
