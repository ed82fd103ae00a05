#include "simulations/runs/synthetic_clients.h"

#include "models/row_maker.h"

namespace fedspend::simulations {

std::span<const models::HistoryRow> SyntheticClients::history(std::size_t client, std::vector<models::HistoryRow>& scratch) const {
  scratch.clear();
  models::RowMaker maker(model_);
  for (const models::Transaction& transaction : synthetic_history(options_, client))
    if (!transaction.category.empty()) scratch.push_back(maker.row(transaction));
  return scratch;
}

// The generator is a part of the program, whose version stands beside this in the identity of a run.
Hash256 SyntheticClients::digest() const {
  return Hasher("sim-synthetic").u64(options_.seed).u64(options_.clients).u64(options_.months).u64(options_.unusual_in_thousand).finish();
}

}  // namespace fedspend::simulations
