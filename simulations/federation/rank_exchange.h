#pragma once
// One run on several machines: each rank runs the same protocol machines on the same events, and they share what takes time, the
// trainings and the evaluations. What each has computed is given to all, and every rank sums it in its own round machine, mod 2^b:
// so any number of ranks gives the same bits. There is no other aggregation between ranks.
// An exchange is used by one thread of a run at a time.

#include <cstddef>
#include <functional>
#include <vector>

#include "common/bytes.h"
#include "common/crypto/hash.h"
#include "common/result.h"

namespace fedspend::simulations {

class RankExchange {
 public:
  virtual ~RankExchange() = default;
  virtual unsigned rank() const = 0;  // 0 ... size() - 1; rank 0 alone writes files
  virtual unsigned size() const = 0;
  // What every rank has given, in the order of the ranks; all call it equally often. Once it has failed the run has ended, on all
  // ranks: unavailable or timeout, with a message that says which rank is missing, if that is known.
  virtual Result<std::vector<Bytes>> all_gather(ByteSpan mine) = 0;
};

// Item i is computed on rank i mod size.
bool is_mine(const RankExchange* exchange, std::size_t item);

// The items 0 ... count - 1 of all ranks; `mine` gives those of this one. `point` says what they are computed from, at the ranks the
// same: a hash with the model in it. conflict, at every rank, if it is not (ranks that have come apart end at once, and give no wrong
// sum); malformed if a rank has not given exactly its own.
Result<std::vector<Bytes>> gather_items(RankExchange& exchange, const Hash256& point, std::size_t count, const std::function<Bytes(std::size_t item)>& mine);

}  // namespace fedspend::simulations
