#pragma once
// Membership inference against the final model of a plan: whether it tells who was in its training. A share of the clients, drawn at random,
// never takes part. The loss-threshold attack (Yeom et al. 2018, 1709.01604) takes a client for a member if the model's mean loss on its
// training rows is small; calibrated, if it is small against that of the initial model (Watson et al. 2022, 2111.08440). Members are those
// who contributed at least once. No canaries are in that federation, whose random updates would hide the members.
// A weak attack that fails shows little: there are stronger ones. Everything depends on the seed alone. One thread an attack (it starts its
// own workers).

#include <cstdint>
#include <span>

#include "common/result.h"
#include "simulations/audit/membership.h"
#include "simulations/audit/privacy_audit.h"

namespace fedspend::simulations {

inline constexpr double kFalsePositiveRate = 0.01;

struct AttackOptions {
  PlanFile plan;
  std::uint64_t seed = 1;
  unsigned threads = 1;
  double left_out_share = 0.5;  // of the eligible clients; 0 < share < 1
};

struct MembershipAttack {
  std::size_t members = 0, others = 0;
  Estimate auc, tpr;                        // of the loss; tpr at kFalsePositiveRate
  Estimate calibrated_auc, calibrated_tpr;  // of the loss less the initial model's
};

// invalid_argument where the clients that are left are too few for a round, or none is left out; io where on_round has ended it.
Result<MembershipAttack> attack_membership(const AttackOptions& options, std::span<const FederatedClient> clients, const OnAuditRound& on_round);

}  // namespace fedspend::simulations
