#pragma once
// An empirical audit of a plan: what an attacker finds out in one run of the federation, beside what the accountant says is the most that
// anybody can. It may show that a claim is false, never that it is true.
//
// Canaries (canaries.h) are inserted among the clients. They are clients as all others: the same sessions clip, round, noise and mask their
// updates, the same ledgers charge them. The auditor sees the model after every round, who was in which sum, and the canaries' directions,
// but no coin. A canary's score is the model's change over the rounds that it was in, projected on its direction, less what is the mean of
// all canaries for so many rounds. The highest scores are guessed to be in, as many of the lowest out, the rest is not guessed: algorithm 1
// of Steinke, Nasr, Jagielski 2023 (2305.08846), with the bound of one_run_bound.h. Neither m nor r depends on what happens in the run:
// canaries that never were in a sum count, too.
//
// The upper bound is of the client that took part most, at the same delta, as the coordinator's ledger counts it. The noise comes from the
// seed here: the audit is of the mechanism, not of the generator.
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
  std::size_t guesses = 0;   // at most as many as canaries; half of them for "in", rounded down, as many for "out"; 0: about a third
  double delta = 1e-6;       // of both bounds
  double confidence = 0.95;  // of the lower one
  double noise_share = 1;    // 0 < share <= 1: less is a control, a mechanism that adds less noise than it accounts
};

struct PrivacyAudit {
  std::uint64_t rounds = 0;
  OneRunGuesses guesses;
  std::size_t included = 0;   // canaries whose coin says so
  std::size_t in_sums = 0;    // canaries that were in a sum at least once
  std::uint64_t declined = 0; // assignments, by clients that could not train or whose record refuses; a canary never does but for its budget
  double epsilon_lower = 0;
  double epsilon_provable = 0;            // what as many guesses prove that are all right: no claim above it can be refuted
  std::optional<double> epsilon_upper;    // nothing without noise; infinite where nothing is proven
  std::uint32_t most_participations = 0;  // of any client or canary, in sums that were charged: none without noise

  bool is_falsified() const { return epsilon_upper && epsilon_lower > *epsilon_upper; }
};

// After every round that was published; false ends the audit.
using OnAuditRound = std::function<bool(std::uint64_t round)>;

// invalid_argument for options that do not fit each other, a plan with a noise cohort (its accounting is of a federation that there is
// not), a control of a plan without noise, or too few clients; io where on_round has ended it.
Result<PrivacyAudit> audit_privacy(const AuditOptions& options, std::span<const FederatedClient> clients, const OnAuditRound& on_round);

// Those that train under the plan: the others never check in.
std::vector<FederatedClient> eligible(const Plan& plan, std::span<const FederatedClient> clients);

}  // namespace fedspend::simulations
