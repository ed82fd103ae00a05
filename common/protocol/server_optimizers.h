#pragma once
// The server optimizers that a plan can name, and the keys of [server] that each of them has beside learning_rate and schedule.
// What they do: coordinator/server_optimizer.h. The defaults are those of Reddi et al. 2021 (appendix D) and, for the
// momentum, Hsu et al. 2019. Thread-safe: constants.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fedspend {

struct ServerOptimizerKeys {
  std::string_view name;
  // The default of each key that this optimizer has; none: a plan that gives the key is refused.
  std::optional<double> momentum = {}, beta1 = {}, beta2 = {}, tau = {};
};

std::span<const ServerOptimizerKeys> server_optimizers() noexcept;
const ServerOptimizerKeys* find_server_optimizer(std::string_view name) noexcept;  // nullptr: there is none of this name
std::string server_optimizer_names();  // "\"fedavg\", \"fedavgm\", ..."

}  // namespace fedspend
