#pragma once
// A federation in one process: the coordinator's round machine and one device session per client, the very machines that the
// daemon and the device run, joined by queues instead of sockets, on a simulated clock. Messages are encoded, signed, checked and
// decoded as they are on the wire. Training runs in parallel over clients; everything else happens in one order that depends on
// the seed alone, so that the same seed gives the same model, to the bit, for any number of threads.
// One thread per object (it starts its own workers).

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/content_cache.h"
#include "client/session.h"
#include "common/crypto/random.h"
#include "common/protocol/plan.h"
#include "common/result.h"
#include "coordinator/round_machine.h"
#include "models/history.h"
#include "models/trainer.h"

namespace fedspend::simulations {

struct FederatedClient {
  std::string label;
  std::vector<models::HistoryRow> rows;  // the whole history in the plan's vocabulary, oldest first
};

// Who contributed in each round of a federation that really ran (cohorts.jsonl): the simulator can repeat it.
struct RecordedRound {
  std::uint64_t round = 0;
  std::string model_hash;  // hex, of the model that the round made
  std::vector<std::string> contributors;  // labels
};
Result<std::vector<RecordedRound>> parse_cohort_log(std::string_view jsonl);

struct FederationOptions {
  std::uint64_t seed = 1;
  unsigned threads = 1;
  std::vector<RecordedRound> recorded;     // empty: cohorts are drawn
  client::DevicePolicy policy;             // of every simulated device
};

struct SimulatedRound {
  coordinator::RoundSummary summary;
  ModelHash model_hash;
  std::shared_ptr<const std::vector<float>> weights;  // after the round
  Millis simulated_time{};
};

class Federation {
 public:
  // `clients` outlive the federation. Clients that are not eligible under the plan never check in. The plan's bytes are signed
  // with a key made from the seed, which the simulated devices pin.
  static Result<std::unique_ptr<Federation>> create(std::span<const FederatedClient> clients, std::string_view plan_toml, std::vector<float> initial_weights,
                                                    FederationOptions options);
  ~Federation();

  const Plan& plan() const;
  std::size_t eligible_clients() const;
  // Until the plan's last round; `on_round` after every round, published or aborted (then weights are the old ones). It may stop
  // the run by returning false. Several aborted rounds in a row are a timeout error that says why.
  Status run(const std::function<bool(const SimulatedRound&)>& on_round);
  std::shared_ptr<const std::vector<float>> weights() const;

 private:
  struct State;
  explicit Federation(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fedspend::simulations
