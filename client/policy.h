#pragma once
// What a device accepts, whoever signed the plan. The defaults refuse: no purpose is consented to, the sum must be secure and
// private, the cohort large. A demonstration brings its own policy file. (DESIGN.md, Programs; SECAGG.md cases 27 and 28)
// Plain values; thread-safe.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "client/device_record.h"
#include "common/crypto/identity.h"
#include "common/privacy/ledger.h"
#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::client {

struct DevicePolicy {
  std::set<std::string> purposes = {};   // consented to; empty: none
  // What of a transaction a plan's model may read (models/trainer.h, data_categories). A plan of a model that reads more is refused.
  std::set<std::string, std::less<>> data_categories = {"category", "amount", "time", "merchant"};
  std::uint32_t min_cohort = 100;        // fewest updates in a sum that this device will be part of
  // A larger clip norm would let one device weigh more, and needs more noise. A tiny one makes every update a bare direction and
  // drives the scale from numbers to integers (a fraction of 2^bits / clip) to where doubles lose the update or overflow.
  double min_clip_norm_l2 = 1e-6;
  double max_clip_norm_l2 = 10.0;
  // Fewer bits mean coarser steps, and the rounding of many coordinates then adds to what one device can change in the sum
  // (PRIVACY.md: at 10 steps to the clip norm and 100 coordinates it doubles it). More are no weaker, only longer messages.
  unsigned min_bits = 16;
  unsigned max_bits = 32;
  // What secure aggregation must hold against. A plan that assumes fewer corrupt devices, or an honest coordinator, or accepts a
  // likelier failure, asks for a sparser graph and lower thresholds.
  double min_corrupt_fraction = 0.1;
  std::uint32_t min_security_bits = 40;
  bool require_semi_malicious = true;
  // A graph drawn from the roster alone can be ground by a coordinator that colludes with devices (SECAGG.md, case 33: not claimed).
  // It is allowed because an external beacon is a party of its own: where there is none, refusing would only mean no federation. False
  // where there is one; or min_security_bits = 80, which leaves grinding room.
  bool allow_roster_beacon = true;
  // The external beacon's. Without it a plan with such a beacon is refused: a value that nobody can check is the coordinator's choice.
  std::optional<IdentityPublicKey> beacon_key = {};
  // Participations in one task after which this device is silent for good; 0: it never takes part. Nothing means "no cap".
  std::uint32_t max_participations = 1'000;
  // Differential privacy (PRIVACY.md). The noise multiplier is that of the noise that surely is in a released sum. `max_epsilon` is at
  // `delta`, by this device's own account, for all that it ever sends, in all tasks: a plan whose participation cap would spend more is
  // refused, and so is the participation that would overspend. A plan must not state its own epsilon at a greater delta.
  double min_noise_multiplier = 0.5;
  double max_epsilon = 10.0;
  double delta = 1e-6;
  bool allow_central_privacy = false;    // the coordinator, which sees sums without noise, would be trusted to add it
  bool allow_open_aggregation = false;   // the coordinator would see this device's update in the clear
  // No noise would be added (privacy.mode none), or a simulation's, which counts as none. A plan with noise of its own is held to the five values
  // above all the same: it claims to protect, and no output of it is marked as a demonstration's. What counts as none is charged as a contribution
  // that nothing bounds: it is let in without regard to max_epsilon, and after it no plan with noise of its own keeps to max_epsilon.
  bool allow_no_privacy = false;
  std::optional<IdentityPublicKey> release_key = {};  // if set, the only one that this device may be configured with
};

inline constexpr std::uint32_t kMaxParticipationCap = 1'000'000;  // as many as a plan can have rounds

// TOML with exactly the keys of DevicePolicy; a missing key has the default, an unknown one is an error.
Result<DevicePolicy> parse_policy(std::string_view toml_text);

// refused, with the first reason in words, or nothing. The parameters of secure aggregation are looked at where the plan has them:
// an open sum, if it is allowed at all, has none. Nothing of it takes long; what does is check_spending()'s cost.
Status check_plan(const DevicePolicy& policy, const Plan& plan, std::string_view population);
// refused after the plan's last day, where it has one. `now_s`: of the device's wall clock.
Status check_last_day(const Plan& plan, std::uint64_t now_s);
// refused where the plan's participation cap would spend more than the policy's max_epsilon. `cost`: dearest_device_cost() of the plan.
Status check_spending(const DevicePolicy& policy, const Plan& plan, const PrivacyCost& cost);

// The same of a round's clip norm, which need not be the plan's where that adapts.
Status check_clip_norm(const DevicePolicy& policy, double clip_norm_l2);

// What this device may spend under this plan: the stricter of both. Without a bound on epsilon, of the task and in all, only where the plan counts
// as having no noise (session_privacy.h) and the policy allows that; where it does not, the charge of such a contribution is refused here, too.
ParticipationLimits participation_limits(const DevicePolicy& policy, const Plan& plan);

// refused where the policy pins another release key than the device's configuration: the device must not start.
Status check_release_key(const DevicePolicy& policy, const IdentityPublicKey& configured);

}  // namespace fedspend::client
