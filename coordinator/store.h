#pragma once
// What a coordinator must not forget: the published models, each with the state that the server optimizer left it with, and what
// happened in every round, in one SQLite file (WAL, synchronous = FULL). One file serves one plan. save_published is one
// transaction, durable when it returns: a crash leaves the old model and state or the new ones, never half of either. Schema 6; a
// file of schema 1, which had no state, is taken over when it is opened: the programs that wrote those ran plans of FedAvg alone,
// which has none. Nor had files of schema 2 the nonces of their attempts, those of schema 3 charges: their plans had no noise, or those of schema 4 clip norms: their plans had one for all rounds; those of schema 5
// had no seal over their charges. One thread per object; a second process on the same file is refused.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "common/result.h"
#include "coordinator/round_machine.h"

namespace fedspend::coordinator {

struct StoredModel {
  std::uint64_t round = 0;
  ModelHash hash;
  std::vector<float> weights;
  std::vector<float> optimizer_state;
  double next_clip_norm_l2 = 0;  // of the round to come; 0: stored by a program that ran plans of one clip norm alone
};

struct PublishedRound {
  std::uint64_t round = 0;
  ModelHash hash;
  Bytes nonce;                         // of the attempt; empty: stored by a program that did not keep it
  std::vector<ClientId> contributors;  // sorted
};

class Store {
 public:
  // Creates the file where there is none. conflict: it belongs to another plan, or another process holds it.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& path, const PlanHash& plan);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The newest published model; nothing before the first round. A model, a state or a clip norm whose bytes do not have their hash is malformed.
  Result<std::optional<StoredModel>> latest_model();
  Status save_published(const Publish& publish);
  Status save_aborted(const RoundSummary& summary);
  // Durable when it returns. conflict: this session is charged already.
  Status save_charge(const PrivacyCharge& charge);
  // All that was ever charged. malformed: a charge that is not what was written, one that is gone, or another order. (Whoever may write the
  // file can seal it anew: against damage and tidying up, not against an owner.)
  Result<PopulationLedger> ledger();
  Result<std::uint64_t> count_rounds(bool published);
  Result<std::vector<PublishedRound>> published_rounds();  // in order

 private:
  struct Database;
  explicit Store(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace fedspend::coordinator
