#pragma once
// An empirical audit of a plan: what an attacker finds out in one run of the federation, beside what the accountant says is the most that
// anybody can. It may show that a claim is false, never that it is true.
//
// Canaries (canaries.h) are inserted among the clients. The auditor sees the model after every round and who was in which sum. A canary's
// score is the model's change over the rounds that it was in, projected on its direction, less what is the mean of all canaries for so many
// rounds. The highest scores are guessed to be in, as many of the lowest out, the rest is not guessed: algorithm 1 of Steinke, Nasr,
// Jagielski 2023 (2305.08846), with the bound of one_run_bound.h.
//
// Membership: a share of the clients, drawn at random, never takes part. The loss-threshold attack (Yeom et al. 2018, 1709.01604) takes a
// client for a member if the final model's mean loss on its training rows is small; calibrated, if it is small against that of the
// initial model (Watson et al. 2022, 2111.08440). Members are those who contributed at least once.
// Everything depends on the seed alone. One thread an audit (it starts its own workers).

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "common/result.h"
#include "simulations/audit/canaries.h"
#include "simulations/audit/one_run_bound.h"
#include "simulations/federation/federation.h"
#include "simulations/plans/plan_file.h"

namespace fedspend::simulations {

struct AuditOptions {
  PlanFile plan;
  std::uint64_t seed = 1;
  unsigned threads = 1;
  std::size_t canaries = 200;
  CanaryKind kind = CanaryKind::sphere;
  std::size_t guesses = 0;      // at most as many as canaries take part; 0: a third of those
  double delta = 1e-6;          // of both bounds
  double confidence = 0.95;     // of the lower one
  double left_out_share = 0.5;  // of the clients; 0 < share < 1
};

struct MembershipAttack {
  std::size_t members = 0, others = 0;
  double auc = 0.5, tpr = 0;                        // of the loss; tpr at 1% false positives
  double calibrated_auc = 0.5, calibrated_tpr = 0;  // of the loss less the initial model's
};

struct PrivacyAudit {
  std::uint64_t rounds = 0;
  OneRunGuesses guesses;                // its canaries are those that were in a sum
  std::size_t included = 0;             // of them
  double epsilon_lower = 0;
  std::optional<double> epsilon_upper;  // nothing without noise
  std::uint32_t most_participations = 0;  // of any client or canary, in sums that were charged: none without noise
  std::optional<MembershipAttack> membership;  // nothing where a side has nobody

  bool is_falsified() const { return epsilon_upper && epsilon_lower > *epsilon_upper; }
};

// After every round that was published; false ends the audit.
using OnAuditRound = std::function<bool(std::uint64_t round)>;

// invalid_argument for options that do not fit each other, a plan with a noise cohort (its accounting is of a federation that there is
// not), or too few clients; io where on_round has ended it.
Result<PrivacyAudit> audit_privacy(const AuditOptions& options, std::span<const FederatedClient> clients, const OnAuditRound& on_round);

}  // namespace fedspend::simulations
