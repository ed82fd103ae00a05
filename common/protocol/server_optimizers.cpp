#include "common/protocol/server_optimizers.h"

#include <algorithm>
#include <array>

namespace fedspend {
namespace {

constexpr std::array kServerOptimizers{
    ServerOptimizerKeys{.name = "fedavg"},
    ServerOptimizerKeys{.name = "fedavgm", .momentum = 0.9},
    ServerOptimizerKeys{.name = "fedadam", .beta1 = 0.9, .beta2 = 0.99, .tau = 1e-3},
    ServerOptimizerKeys{.name = "fedyogi", .beta1 = 0.9, .beta2 = 0.99, .tau = 1e-3},
    ServerOptimizerKeys{.name = "fedadagrad", .beta1 = 0.0, .tau = 1e-3},
};

}  // namespace

std::span<const ServerOptimizerKeys> server_optimizers() noexcept { return kServerOptimizers; }

const ServerOptimizerKeys* find_server_optimizer(std::string_view name) noexcept {
  const auto found = std::find_if(kServerOptimizers.begin(), kServerOptimizers.end(), [&](const ServerOptimizerKeys& keys) { return keys.name == name; });
  return found == kServerOptimizers.end() ? nullptr : &*found;
}

std::string server_optimizer_names() {
  std::string names;
  for (const ServerOptimizerKeys& keys : kServerOptimizers) names += (names.empty() ? "\"" : ", \"") + std::string(keys.name) + "\"";
  return names;
}

}  // namespace fedspend
