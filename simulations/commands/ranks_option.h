#pragma once
// The options of a run on several machines: --world-size, --rank and --store, or what torchrun sets in the environment
// (WORLD_SIZE, RANK, MASTER_ADDR, MASTER_PORT; TORCHELASTIC_USE_AGENT_STORE with a store of its own); an option counts more than the
// variable. Called from main's thread.

#include <memory>
#include <optional>
#include <vector>

#include "common/program/program.h"
#include "models/process_group.h"
#include "simulations/federation/rank_exchange.h"

namespace fedspend::simulations {

std::vector<program::Option> ranks_options();
// Nothing where neither options nor environment speak of ranks. invalid_argument where they do so in part.
Result<std::optional<models::ProcessGroupOptions>> ranks_of(const program::Arguments& arguments);
// Meets the other ranks; errors as models::TorchModule::join.
Result<std::unique_ptr<RankExchange>> join_ranks(const models::ProcessGroupOptions& options);

}  // namespace fedspend::simulations
