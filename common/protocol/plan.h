#pragma once
// The plan: everything that a federation does, in one signed TOML file. Its hash is over the exact signed bytes and is checked
// before they are parsed. Unknown keys are errors: a device must not overlook what it does not understand.
// What a plan leaves out gets the safe default (secure aggregation, distributed privacy). Form: common/protocol/PROTOCOL.md.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/identity.h"
#include "common/ids.h"
#include "common/protocol/schedule.h"
#include "common/protocol/threat.h"
#include "common/result.h"

namespace fedspend {

enum class Aggregation { open, secure };
enum class PrivacyMode { none, central, distributed };
// What the masking graph is drawn from besides the roster: nothing, or public randomness that is fixed after it (SECAGG.md, case 33).
enum class BeaconSource { roster, external };

inline constexpr std::string_view kTorchScriptModel = "torchscript";

struct ModelSpec {
  std::string name;                          // "next_category"; "torchscript": the module in `file`, for the simulator alone
  std::uint64_t parameter_count = 0;         // 1 ... 2^24; what a device and the coordinator hold lengths against
  std::uint64_t initial_seed = 0;            // initial weights = trainer.initialize(seed)
  std::map<std::string, std::int64_t> sizes; // e.g. embedding, hidden, merchant_buckets; the trainer knows its own
  std::vector<std::string> categories;       // the vocabulary, fixed by the plan; index categories.size() is "other"
  std::string file;                          // of a torchscript model: its name beside the plan; otherwise empty
  ModelFileHash file_hash;                   // of that file's bytes, so that the plan fixes the model

  bool is_torchscript() const { return name == kTorchScriptModel; }
  bool operator==(const ModelSpec&) const = default;
};

struct TrainingSpec {  // on the device
  std::uint32_t epochs = 1;
  std::uint32_t batch_size = 16;
  double learning_rate = 0.1;
  double momentum = 0.0;
  double proximal_mu = 0.0;                  // FedProx: mu / 2 |w - w_round|^2 in the loss; 0: none
  double gradient_clip_l2 = 0.0;             // of each minibatch; 0: none
  std::uint32_t max_rows = 0;                // newest training rows used; 0: all
  ScheduleSpec schedule = {};                // of the learning rate, by round

  bool operator==(const TrainingSpec&) const = default;
};

struct FederationSpec {
  std::uint32_t rounds = 1;
  std::uint32_t cohort = 112;                // goal count: devices with an update that close a round; of 112 a tenth may be lost, and 100 stay
  std::uint32_t min_cohort = 0;              // fewest updates in a published sum; 0: most_min_cohort()
  double over_selection = 1.0;               // devices asked = ceil(cohort * over_selection), >= 1
  std::uint32_t round_deadline_ms = 60'000;
  std::uint32_t selection_window_ms = 10'000;// longest wait for more check-ins once enough have come
  std::uint32_t selection_pool = 0;          // check-ins after which selection need not wait for the window; 0: devices asked
  std::uint32_t retry_after_ms = 60'000;     // when a device that took part or was not needed comes back

  bool operator==(const FederationSpec&) const = default;
};

struct ServerSpec {
  std::string optimizer = "fedavg";          // common/protocol/server_optimizers.h
  double learning_rate = 1.0;
  double momentum = 0.0;                     // this and the next three: 0 where the optimizer has no such key
  double beta1 = 0.0;
  double beta2 = 0.0;
  double tau = 0.0;
  ScheduleSpec schedule = {};                // of the learning rate, by round

  bool operator==(const ServerSpec&) const = default;
};

struct AggregationSpec {
  Aggregation mode = Aggregation::secure;
  double clip_norm_l2 = 1.0;
  unsigned bits = 24;                        // 2 ... 32
  // Of mode secure alone; in mode open they have these values.
  std::uint32_t corrupt_ppm = 100'000;       // gamma in parts per million, 0 ... 999,999; in the file `corrupt_fraction`
  std::uint32_t dropout_ppm = 100'000;       // delta: lost from the roster to the unmasking; in the file `dropout_fraction`
  Threat threat = Threat::semi_malicious;
  std::uint32_t security_bits = 40;          // 1 ... 128
  std::uint32_t failure_bits = 20;           // 1 ... 128
  BeaconSource beacon = BeaconSource::roster;
  std::uint32_t phase_deadline_ms = 10'000;  // each of the phases after the roster; 100 ... 3,600,000

  bool operator==(const AggregationSpec&) const = default;
};

struct PrivacySpec {
  PrivacyMode mode = PrivacyMode::distributed;
  // Of modes distributed and central; in mode none they have these values.
  double noise_multiplier = 1.0;             // z: standard deviation of the noise that surely is in a released sum, over the clip norm
  double delta = 1e-6;                       // of (epsilon, delta); above 0, below 1
  double max_epsilon = 8.0;                  // what no device's contributions to this task may spend more than; > 0
  std::uint32_t max_participations = 1;      // P: sums that one device may be in
  std::uint32_t min_separation_rounds = 0;   // rounds between two of them: the next is in round r + this at the earliest
  // Mode distributed alone; in the others they have these values.
  double wrap_stddevs = 4.0;                 // standard deviations of a coordinate of the sum that 2^bits must hold
  double clip_quantile = 0.0;                // adaptive clipping: the share of updates that the clip norm should leave whole; 0: fixed norm
  double clip_learning_rate = 0.0;           // eta of adaptive clipping; 0 where the norm is fixed, otherwise 0.2 by default
  // A simulation's: the noise is scaled down to that of a cohort of so many (pfl-research's noise_cohort_size); 0: none. What such a run
  // publishes is not private, and no device takes part in one.
  std::uint32_t noise_cohort = 0;

  bool has_noise() const { return mode != PrivacyMode::none; }
  bool has_adaptive_clip() const { return clip_quantile > 0; }
  bool operator==(const PrivacySpec&) const = default;
};

struct EligibilitySpec {
  std::uint32_t min_examples = 5;            // training rows below which a device does not take part

  bool operator==(const EligibilitySpec&) const = default;
};

struct EvaluationSpec {
  double holdout_fraction = 0.2;             // the last ceil(f n) rows of a client are never trained on; of some models the last days (models/stock_models.h)
  std::uint32_t min_rows = 5;                // clients with fewer rows are not evaluated

  bool operator==(const EvaluationSpec&) const = default;
};

struct Plan {
  std::uint32_t schema = 1;
  std::string name;
  std::string population;
  std::string purpose;                       // what the device must have consent for, e.g. "next_category"
  TaskId task;
  std::optional<std::chrono::sys_days> last_day;  // UTC, by the device's clock; afterwards no device takes part; nothing: it has no end
  ModelSpec model;
  TrainingSpec training;
  FederationSpec federation;
  ServerSpec server;
  AggregationSpec aggregation;
  PrivacySpec privacy;
  EligibilitySpec eligibility;
  EvaluationSpec evaluation;

  std::uint32_t devices_asked() const;       // ceil(cohort * over_selection)
  // The largest min_cohort there may be: the cohort; with secure aggregation floor((1 - delta) cohort), because the losses that the
  // plan tolerates must not end the round.
  std::uint32_t most_min_cohort() const;
  // Fewest devices with which an attempt can end well: min_reports(), with secure aggregation and the tolerated losses on top.
  std::uint32_t least_asked() const;
  std::uint32_t min_reports() const;         // min_cohort, or the largest where it is 0
  // Coordinates of the vectors that are summed: the parameters; for distributed privacy padded to a power of two; one more where the
  // clip norm is adaptive.
  std::uint64_t ring_length() const;
  // z of the noise that is really added: the plan's, but in a simulation with a noise cohort, whose noise is scaled down by it.
  double added_noise_multiplier() const;
  // True where the sum or the release is not protected: every output of such a run is marked as a demonstration.
  bool is_demonstration() const;
  // What every output of a demonstration begins with: what is not protected. Empty where the plan is none.
  std::string_view demonstration_note() const;
  bool operator==(const Plan&) const = default;
};

// The keys of [aggregation] that mode secure alone has. Literals: data() ends in a zero byte.
inline constexpr std::array<std::string_view, 7> kSecureAggregationKeys = {"corrupt_fraction", "dropout_fraction", "threat",           "security_bits",
                                                                           "failure_bits",     "beacon",           "phase_deadline_ms"};
// The keys of [privacy] that mode none has not, and those of them that mode central has not either.
inline constexpr std::array<std::string_view, 9> kNoiseKeys = {"noise_multiplier", "delta",        "max_epsilon",   "max_participations", "min_separation_rounds",
                                                               "noise_cohort",     "wrap_stddevs", "clip_quantile", "clip_learning_rate"};
inline constexpr std::array<std::string_view, 3> kDistributedKeys = {"wrap_stddevs", "clip_quantile", "clip_learning_rate"};
inline constexpr std::size_t kMaxPlanBytes = 1 << 20;

PlanHash hash_of_plan(ByteSpan signed_bytes);                 // H("plan", bytes)
ModelFileHash hash_of_model_file(ByteSpan bytes);             // H("model-file", bytes)
// Size cap, UTF-8, TOML, known keys, types, ranges, consistency (e.g. that the sum cannot wrap).
// The message names the key, and the line where the TOML is broken.
Result<Plan> parse_plan(std::string_view toml_text);
// The full name of every key that some plan can have, e.g. "server.schedule.floor"; not those of [model.sizes], which are the
// model's own, and no tables.
std::set<std::string> plan_keys();
std::string_view to_string(Aggregation mode) noexcept;
std::string_view to_string(PrivacyMode mode) noexcept;
std::string_view to_string(BeaconSource beacon) noexcept;
std::string day_text(std::chrono::sys_days day);              // "2027-06-30"
// The resolved plan: every key that its optimizer and its schedules have, written out; parse_plan(write_plan(p)) == p.
std::string write_plan(const Plan& plan);

struct SignedPlan {
  Bytes bytes;           // exactly what was signed
  Signature signature{}; // Ed25519 of the release key over H("plan-signature", bytes)
};
SignedPlan sign_plan(Bytes bytes, const IdentityKey& release_key);
// Checks cap and signature before the bytes are parsed. unauthorized if the signature is not the release key's.
Result<Plan> open_plan(const SignedPlan& plan, const IdentityPublicKey& release_key);

}  // namespace fedspend
