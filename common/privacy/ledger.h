#pragma once
// What contributions cost, as both ends count it (PRIVACY.md, "Two ledgers"). A device keeps a PrivacyAccount of each task and one of
// everything, in its durable record; the coordinator keeps a PopulationLedger of the plan it runs. Costs are RDP curves, which add up;
// an epsilon is read off at the end. Nothing is ever refunded, also when a round fails after it was charged.
// Without amplification: what counts is in how many sums a device is, not how it was chosen. No clock: separation is counted in rounds,
// so that a clock which is set back or forward changes nothing. Every sum is rounded upwards. Values; thread-safe as such.

#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/privacy/rdp_curve.h"
#include "common/result.h"

namespace fedspend {

// Of one contribution to one sum.
struct PrivacyCost {
  bool has_noise = false;  // false: nothing bounds what it tells
  RdpCurve rdp = {};
  double delta = 0;        // beyond what the curve proves, e.g. that conditional rounding gives up

  // Fixed length, little-endian; parse is strict (malformed).
  Bytes serialise() const;
  static Result<PrivacyCost> parse(ByteSpan bytes);
  bool operator==(const PrivacyCost&) const = default;
};

struct PrivacyLimits {
  std::uint32_t max_participations = 0;
  std::uint32_t min_separation_rounds = 0;  // 0: any round at any time, e.g. the same again after an attempt that failed
  double max_epsilon = 0;                   // at `delta`, of the account; infinity: unlimited, the only one without noise
  double delta = 0;
};

struct PrivacyAccount {
  std::uint32_t participations = 0;
  std::uint32_t without_noise = 0;  // of them
  std::uint64_t last_round = 0;     // 0: none yet
  RdpCurve rdp = {};
  double delta = 0;                 // beyond what the curve proves

  // Of all that was charged. 0 < delta < 1. Infinity where a contribution had no noise, or `delta` is spent.
  double epsilon(double at_delta) const;
  // The account after one more contribution, or refused with what would be overspent.
  Result<PrivacyAccount> charged(RoundId round, const PrivacyCost& cost, const PrivacyLimits& limits) const;
  // What of that can be said before the cost is known: cap, order and separation of rounds.
  Status check_next(RoundId round, const PrivacyLimits& limits) const;

  // Fixed length, little-endian; parse is strict (malformed).
  Bytes serialise() const;
  static Result<PrivacyAccount> parse(ByteSpan bytes);
  bool operator==(const PrivacyAccount&) const = default;
};

// The account of somebody who contributed so often at this cost.
PrivacyAccount repeated(const PrivacyCost& cost, std::uint32_t participations);

// What the coordinator charges before it can see an aggregate: all whose updates are in the sum.
struct PrivacyCharge {
  SessionId session;
  RoundId round;
  PrivacyCost cost;
  std::vector<ClientId> contributors;
};

// Of one plan. Each device is charged for the sums it was in; costs of rounds differ a little with the roster, and every one counts as
// the dearest at each order, so that a count for each device is enough.
class PopulationLedger {
 public:
  // Whether this device may be in a sum of this round, by cap and separation; refused otherwise.
  Status admits(const ClientId& client, RoundId round, const PrivacyLimits& limits) const;
  // The limits with a cap that also keeps to their epsilon, where no contribution that is to come costs more than this: what admits() needs
  // so that check() does not refuse what it let begin. By what was charged so far, so to be asked again after a charge.
  PrivacyLimits affordable(const PrivacyLimits& limits, const PrivacyCost& dearest_to_come) const;
  // Whether all of them may, at this cost: refused with what would be overspent, and nothing has changed. A session that was charged is
  // conflict: it is never charged twice.
  Status check(const PrivacyCharge& charge, const PrivacyLimits& limits) const;
  // Charges, whatever the limits: what check() allowed, or what a store says was charged.
  Status charge(const PrivacyCharge& charge);

  std::uint64_t charges() const { return sessions_.size(); }
  std::uint32_t most_participations() const { return most_; }
  // Of the device that has spent most.
  PrivacyAccount worst() const;
  // For checkpoints; parse is strict (malformed).
  Bytes serialise() const;
  static Result<PopulationLedger> parse(ByteSpan bytes);
  bool operator==(const PopulationLedger&) const = default;

 private:
  struct Spent {
    std::uint32_t participations = 0;
    std::uint64_t last_round = 0;
    bool operator==(const Spent&) const = default;
  };
  PrivacyCost dearest_with(const PrivacyCost& cost) const;

  std::unordered_map<ClientId, Spent> spent_;
  std::unordered_set<SessionId> sessions_;
  PrivacyCost dearest_{.has_noise = true};  // at every order, of any charge so far
  std::uint32_t most_ = 0;
};

}  // namespace fedspend
