#include "simulations/runs/ranks.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace fedspend::simulations {

Status agree_on_identity(RankExchange& exchange, const RunIdentity& mine) {
  FEDSPEND_ASSIGN(const std::vector<Bytes> all, exchange.all_gather(as_bytes(nlohmann::json(mine).dump())));
  RunIdentity first;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    RunIdentity identity;
    try {
      identity = nlohmann::json::parse(all[rank]).get<RunIdentity>();
    } catch (const nlohmann::json::exception&) {
      return fail(ErrorCode::refused, "rank " + std::to_string(rank) + " is another program", "start every rank with the same program");
    }
    if (rank == 0) first = identity;
    const std::string differences = differences_of(first, "on rank 0", identity, "on rank " + std::to_string(rank));
    if (!differences.empty())
      return fail(ErrorCode::refused, "the ranks would not run the same: " + differences, "start every rank with the same program, options and data");
  }
  return {};
}

Result<std::optional<RunCheckpoint>> share_checkpoint(RankExchange& exchange, std::optional<RunCheckpoint> of_rank_0) {
  Bytes bytes;
  if (of_rank_0 && exchange.rank() == 0) bytes = encode_checkpoint(*of_rank_0);
  FEDSPEND_ASSIGN(const std::vector<Bytes> all, exchange.all_gather(bytes));
  if (all.empty() || all[0].empty()) return std::optional<RunCheckpoint>();
  FEDSPEND_ASSIGN(RunCheckpoint checkpoint, decode_checkpoint(all[0]));
  return std::optional<RunCheckpoint>(std::move(checkpoint));
}

}  // namespace fedspend::simulations
