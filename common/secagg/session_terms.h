#pragma once
// What the two ends of a secure round agree on without trusting each other: the terms that plan and assignment fix before anybody
// has advertised keys (among them the round's clip norm, which is the assignment's where the plan lets it adapt), the parameters that
// follow once the roster gives n, and the session id that binds all of it (SECAGG.md, "Keys"). Each end computes every other value
// itself; a difference gives another session id, and nothing fits any more.
//   params hash = H("params", n, k, t, q, min clients, corrupt ppm, dropout ppm, threat, security bits, failure bits (all u32),
//                   length (u64), bits (u32), clip norm, scale (both u64: the bits of the binary64))
//   sid         = H("secure-sid", assignment id, params hash, roster root, beacon)
// The assignment id (session_id() of common/protocol/messages.h) covers task, round, model hash, plan hash, devices asked and the
// attempt's nonce; advertise keys is signed under it, so that neighbours who were given another model, plan or attempt do not
// verify (case 26). With distributed privacy the noise follows from n, too, and its values join the params, after the scale:
//   z, k (u64: bits of the binary64), n_h (u32), s (u64), share variance, numerator and denominator, squared norm bound (all u64),
//   indicator (u8: 0 or 1); if 1: its weight (u32), its share variance (two u64)
// Plain values; thread-safe.

#include <cstdint>
#include <optional>

#include "common/crypto/hash.h"
#include "common/ids.h"
#include "common/privacy/adaptive_clipping.h"
#include "common/privacy/distributed_gaussian.h"
#include "common/protocol/plan.h"
#include "common/result.h"
#include "common/secagg/parameters.h"

namespace fedspend {

// Of distributed privacy, as the plan has it.
struct NoiseTerms {
  double noise_multiplier = 0;    // z of what is added; a simulation with a noise cohort adds less than its plan's
  double wrap_deviations = 0;     // k
  bool has_clip_indicator = false;
};

struct SessionTerms {
  TaskId task;
  RoundId round;
  SessionId assignment;
  std::uint32_t cohort = 0;       // devices asked: the most that may be on the roster, for whom the scale excludes a wrap (case 34)
  std::uint64_t length = 0;       // d: of the vectors that are summed
  std::uint64_t update_length = 0;  // of an update: the model's parameters
  unsigned bits = 0;              // b
  double clip_norm_l2 = 0;        // c, of this round
  double scale = 0;               // s; 0 with distributed privacy, whose scale follows from n
  std::optional<NoiseTerms> noise = {};  // distributed privacy
  std::uint32_t min_clients = 0;  // n_min: fewest masked inputs in a sum
  std::uint32_t corrupt_ppm = 0;
  std::uint32_t dropout_ppm = 0;
  Threat threat = Threat::semi_malicious;
  std::uint32_t security_bits = 0;
  std::uint32_t failure_bits = 0;
  bool external_beacon = false;   // false: the beacon must be default_beacon(root); true: signed (beacon.h)
};

// The clip norms that a plan's rounds may have: its own alone, or, where it adapts, those of adaptive_clip_range().
ClipNormRange clip_norm_range(const Plan& plan);
// refused: not a clip norm that a round of the plan may have. What a coordinator says is held against it, and what it has stored.
Status check_round_clip_norm(const Plan& plan, double clip_norm_l2);
// Of the round after one with this clip norm, of whose sum b_mean is (finite): within the plan's range. Only of a plan whose clip norm adapts.
double next_round_clip_norm(const Plan& plan, double clip_norm_l2, double b_mean);

// refused: the plan's parameters do not allow a secure sum (the quantizer's scale; case 34), or it has no such cohort or clip norm.
Result<SessionTerms> make_session_terms(const Plan& plan, RoundId round, const SessionId& assignment, std::uint32_t cohort, double clip_norm_l2);

struct SessionParameters {
  std::uint32_t clients = 0;    // n
  std::uint32_t degree = 0;     // k
  std::uint32_t threshold = 0;  // t
  std::uint32_t quorum = 0;     // q
  std::optional<DistributedGaussian> noise = {};    // with distributed privacy
  std::optional<ClipIndicator> clip_indicator = {};
  // The noise follows from these and the terms.
  bool operator==(const SessionParameters& other) const {
    return clients == other.clients && degree == other.degree && threshold == other.threshold && quorum == other.quorum;
  }
};
// refused: fewer than min_clients or more than the cohort, or no parameters meet the goal for so many; with distributed privacy also
// where no honest share surely is in a sum, or the noise does not fit the bits.
Result<SessionParameters> derive_parameters(const SessionTerms& terms, std::uint32_t clients);
// Quorum and noise of the same alone, which is quick: degree and threshold stay 0. terms.noise is there (a programmer's mistake otherwise).
Result<SessionParameters> derive_noise(const SessionTerms& terms, std::uint32_t clients);

Hash256 hash_of_params(const SessionTerms& terms, const SessionParameters& parameters);
SessionId secure_session_id(const SessionTerms& terms, const SessionParameters& parameters, const Hash256& roster_root, const Hash256& beacon);

}  // namespace fedspend
