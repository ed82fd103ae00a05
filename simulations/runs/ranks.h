#pragma once
// What the ranks of a run tell each other before it begins. One thread a rank.

#include <optional>

#include "common/result.h"
#include "simulations/federation/rank_exchange.h"
#include "simulations/runs/checkpoint.h"

namespace fedspend::simulations {

// refused on every rank if one of them would run something else, naming what differs.
Status agree_on_identity(RankExchange& exchange, const RunIdentity& mine);
// The checkpoint of rank 0, which alone has files, on all ranks.
Result<std::optional<RunCheckpoint>> share_checkpoint(RankExchange& exchange, std::optional<RunCheckpoint> of_rank_0);

}  // namespace fedspend::simulations
