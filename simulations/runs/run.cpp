#include "simulations/runs/run.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/crypto/hash.h"
#include "common/program/program.h"
#include "common/secagg/session_terms.h"
#include "models/kernels.h"
#include "models/torch_module.h"
#include "simulations/federation/cohort_size.h"
#include "simulations/runs/preflight.h"
#include "simulations/runs/ranks.h"

namespace fedspend::simulations {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

// A recorded federation may have ended before its plan's last round.
std::uint64_t last_round(const RunOptions& options) {
  const std::uint64_t planned = options.plan.plan.federation.rounds;
  return options.federation.recorded.empty() ? planned : std::min(planned, options.federation.recorded.back().round);
}

// Every key of a policy: a run that goes on under another one would be a run of its own.
Hash256 digest_of(const client::DevicePolicy& policy) {
  Hasher hasher("sim-policy");
  for (const std::string& purpose : policy.purposes) hasher.field(purpose);
  const nlohmann::json rest = {policy.min_cohort,           policy.min_clip_norm_l2,  policy.max_clip_norm_l2,       policy.min_bits,
                               policy.max_bits,             policy.min_corrupt_fraction, policy.min_security_bits,   policy.require_semi_malicious,
                               policy.allow_roster_beacon,  policy.max_participations, policy.allow_open_aggregation, policy.allow_no_privacy,
                               policy.min_noise_multiplier, policy.max_epsilon,        policy.delta,                  policy.allow_central_privacy};
  hasher.field(rest.dump());
  for (const auto& key : {policy.beacon_key, policy.release_key}) {
    hasher.u64(key ? 1 : 0);
    if (key) hasher.field(key->bytes);
  }
  return hasher.finish();
}

Hash256 digest_of(const std::vector<RecordedRound>& recorded) {
  Hasher hasher("sim-cohorts");
  for (const RecordedRound& round : recorded) {
    hasher.u64(round.round).field(round.attempt).u64(round.contributors.size());
    for (const std::string& label : round.contributors) hasher.field(label);
  }
  return hasher.finish();
}

// Enough to tell two apart, and short enough for a line.
std::string short_hex(const Hash256& hash) { return to_hex(ByteSpan(hash).first(8)); }

// A run in progress: what happens after each round, and what of it a checkpoint holds.
class RunInProgress {
 public:
  RunInProgress(const RunOptions& options, const ClientSource& clients, std::span<const FederatedClient> evaluated, const OnRound& on_round, const OnCheckpoint& on_checkpoint)
      : options_(options), plan_(options.plan.plan), clients_(clients), evaluated_(evaluated), on_round_(on_round), on_checkpoint_(on_checkpoint), last_(last_round(options)),
        result_{.record = RunRecord(plan_), .weights = {}, .scores = {}, .kept = {}, .participation = {}} {}

  Status begin(std::optional<RunCheckpoint> checkpoint);
  Result<RunResult> run();

 private:
  bool after_round(const SimulatedRound& round);
  Result<std::optional<HeldOutScore>> evaluate(const SimulatedRound& round);
  void look_for_gain(const SimulatedRound& round, const HeldOutScore& score);
  Status after_segment(const FederationState& state);
  double seconds() const { return seconds_before_ + seconds_since(begun_) - (result_.evaluation_seconds - evaluation_seconds_before_); }

  const RunOptions& options_;
  const Plan& plan_;
  const ClientSource& clients_;
  std::span<const FederatedClient> evaluated_;
  const OnRound& on_round_;
  const OnCheckpoint& on_checkpoint_;
  std::uint64_t last_;
  RunIdentity identity_;
  FederationState state_;
  RunResult result_;
  std::optional<BestModel> best_;
  std::uint32_t without_gain_ = 0;
  Status status_;
  Clock::time_point begun_ = Clock::now();
  double seconds_before_ = 0;  // of the run that is gone on from
  double evaluation_seconds_before_ = 0;
};

Status RunInProgress::begin(std::optional<RunCheckpoint> checkpoint) {
  if (plan_.model.is_torchscript()) FEDSPEND_TRY(preflight(options_.plan, evaluated_));
  identity_ = run_identity(options_, clients_, evaluated_.size());
  if (RankExchange* const exchange = options_.federation.exchange) {
    FEDSPEND_TRY(agree_on_identity(*exchange, identity_));
    FEDSPEND_ASSIGN(checkpoint, share_checkpoint(*exchange, std::move(checkpoint)));
  }
  if (!checkpoint) {
    FEDSPEND_ASSIGN(state_.weights, initial_weights(plan_, options_.plan.trainers));
  } else {
    FEDSPEND_TRY(check_identity(checkpoint->identity, identity_));
    FEDSPEND_TRY(result_.record.restore(checkpoint->metrics_jsonl));
    state_ = std::move(checkpoint->state);
    best_ = std::move(checkpoint->best);
    without_gain_ = checkpoint->evaluations_without_gain;
    result_.kept = std::move(checkpoint->kept);
    seconds_before_ = checkpoint->seconds;
    evaluation_seconds_before_ = result_.evaluation_seconds = checkpoint->evaluation_seconds;
  }
  result_.weights = std::make_shared<const std::vector<float>>(state_.weights);
  return {};
}

Result<RunResult> RunInProgress::run() {
  FederationOptions how = options_.federation;
  how.trainers = options_.plan.trainers;
  FEDSPEND_ASSIGN(const auto federation, Federation::create(clients_, options_.plan.text, std::move(how)));
  result_.eligible_clients = federation->eligible_clients();
  if (options_.federation.recorded.empty()) FEDSPEND_TRY(check_cohort(plan_, result_.eligible_clients));
  begun_ = Clock::now();
  FEDSPEND_TRY(federation->run(
      state_, [&](const SimulatedRound& round) { return after_round(round); }, [&](const FederationState& state) { return after_segment(state); }));
  FEDSPEND_TRY(status_);
  result_.seconds = seconds();
  result_.participation = participation(state_.devices, federation->device_classes(), options_.federation.world);
  result_.ledger = state_.ledger;
  if (result_.stopped) return std::move(result_);
  result_.model_round = result_.record.rounds();
  if (best_) {
    result_.model_round = best_->model.round;
    result_.weights = std::make_shared<const std::vector<float>>(std::move(best_->model.weights));
  }
  FEDSPEND_ASSIGN(result_.scores, score_model(plan_, result_.model_round, *result_.weights, evaluated_, options_.federation.threads, options_.federation.exchange, options_.plan.trainers));
  return std::move(result_);
}

bool RunInProgress::after_round(const SimulatedRound& round) {
  const std::uint64_t number = round.summary.round.value;
  Result<std::optional<HeldOutScore>> score = evaluate(round);
  if (!score) {
    status_ = fail(score.error());
    return false;
  }
  result_.record.add(round, *score);
  result_.weights = round.weights;
  result_.simulated_time = round.simulated_time;
  if (*score) look_for_gain(round, **score);
  if (round.summary.published && options_.keep_models_every != 0 && number % options_.keep_models_every == 0) result_.kept.push_back({number, *round.weights});
  result_.stopped = !on_round_(round, *score);
  return !result_.stopped && !result_.stopped_early && !(round.summary.published && number >= last_);
}

Result<std::optional<HeldOutScore>> RunInProgress::evaluate(const SimulatedRound& round) {
  const std::uint64_t number = round.summary.round.value;
  if (!round.summary.published || (number % options_.evaluate_every != 0 && number != last_)) return std::optional<HeldOutScore>();
  const auto begun = Clock::now();
  FEDSPEND_ASSIGN(const HeldOutScore score, evaluate_held_out(plan_, *round.weights, evaluated_, models::Counting::frozen, options_.federation.threads, options_.federation.exchange, options_.plan.trainers));
  result_.evaluation_seconds += seconds_since(begun);
  return std::optional<HeldOutScore>(score);
}

void RunInProgress::look_for_gain(const SimulatedRound& round, const HeldOutScore& score) {
  if (options_.early_stopping.evaluations == 0) return;
  if (!best_ || score.headline() > best_->score.headline() + options_.early_stopping.min_gain) {
    best_ = BestModel{{round.summary.round.value, *round.weights}, score};
    without_gain_ = 0;
  } else {
    result_.stopped_early = ++without_gain_ >= options_.early_stopping.evaluations;
  }
}

Status RunInProgress::after_segment(const FederationState& state) {
  const RankExchange* const exchange = options_.federation.exchange;
  if (!on_checkpoint_ || (exchange != nullptr && exchange->rank() != 0)) return {};
  return on_checkpoint_({.identity = identity_,
                         .state = state,
                         .metrics_jsonl = result_.record.jsonl(),
                         .best = best_,
                         .evaluations_without_gain = without_gain_,
                         .kept = result_.kept,
                         .seconds = seconds(),
                         .evaluation_seconds = result_.evaluation_seconds});
}

}  // namespace

client::DevicePolicy accepting_policy(const Plan& plan) {
  client::DevicePolicy policy;
  policy.purposes = {plan.purpose};
  policy.min_cohort = 1;
  policy.min_clip_norm_l2 = clip_norm_range(plan).least;
  policy.max_clip_norm_l2 = clip_norm_range(plan).most;
  policy.min_bits = policy.max_bits = plan.aggregation.bits;
  policy.min_corrupt_fraction = 0;
  policy.min_security_bits = 1;
  policy.require_semi_malicious = false;
  policy.max_participations = client::kMaxParticipationCap;
  policy.allow_open_aggregation = true;
  policy.min_noise_multiplier = std::numeric_limits<double>::min();
  policy.max_epsilon = std::numeric_limits<double>::max();
  policy.delta = plan.privacy.delta;
  policy.allow_central_privacy = true;
  policy.allow_no_privacy = true;
  return policy;
}

std::uint32_t default_evaluate_every(const Plan& plan) { return std::max(1U, plan.federation.rounds / 10); }

RunIdentity run_identity(const RunOptions& options, const ClientSource& clients, std::size_t evaluated) {
  const FederationOptions& federation = options.federation;
  RunIdentity libraries;
  if (options.plan.plan.model.is_torchscript() || options.plan.trainers.family == models::TrainerFamily::torch) {
    const Result<const models::TorchModule*> module = models::torch_module();
    libraries.emplace_back("torch", module ? (*module)->libraries() : "not there");
  }
  const nlohmann::json gain = options.early_stopping.min_gain;
  RunIdentity identity = {{"plan", short_hex(options.plan.hash.bytes)},
          {"seed", std::to_string(federation.seed)},
          {"data", short_hex(clients.digest())},
          {"evaluated clients", std::to_string(evaluated)},
          {"checkpoint-every", std::to_string(federation.segment_rounds)},
          {"evaluate-every", std::to_string(options.evaluate_every)},
          {"keep-models", std::to_string(options.keep_models_every)},
          {"stop-after-no-gain", std::to_string(options.early_stopping.evaluations) + " by " + gain.dump()},
          {"cohorts", federation.recorded.empty() ? "drawn" : short_hex(digest_of(federation.recorded))},
          {"policy", short_hex(digest_of(federation.policy))},
          {"world", federation.world.name + (federation.world.hash == Hash256{} ? "" : " " + short_hex(federation.world.hash))},
          {"instruction set", models::active_isa()},
          {"trainers", std::string(models::to_string(options.plan.trainers.family))},
          {"version", std::string(program::version())}};
  identity.insert(identity.end(), libraries.begin(), libraries.end());
  return identity;
}

RunIdentity run_identity(const RunOptions& options, std::span<const FederatedClient> clients) { return run_identity(options, MemoryClients(clients), clients.size()); }

Result<RunResult> run_federation(const RunOptions& options, const ClientSource& clients, std::span<const FederatedClient> evaluated, const OnRound& on_round,
                                 const OnCheckpoint& on_checkpoint, std::optional<RunCheckpoint> checkpoint) {
  RunInProgress run(options, clients, evaluated, on_round, on_checkpoint);
  FEDSPEND_TRY(run.begin(std::move(checkpoint)));
  return run.run();
}

Result<RunResult> run_federation(const RunOptions& options, std::span<const FederatedClient> clients, const OnRound& on_round, const OnCheckpoint& on_checkpoint,
                                 std::optional<RunCheckpoint> checkpoint) {
  return run_federation(options, MemoryClients(clients), clients, on_round, on_checkpoint, std::move(checkpoint));
}

}  // namespace fedspend::simulations
