#pragma once
// What a contribution to a round of a plan costs, and what the plan promises: the step from the parameters of a session to the
// accountants (PRIVACY.md, "Accounting", "Modes"). Both ends compute it, and neither takes it from the other.
// Without noise the cost has none; central: the Gaussian of the plan's noise multiplier; distributed: the bound for the noise that surely is
// in a sum, with the clip indicator beside it. A simulation with a noise cohort is counted as if it had that cohort, in what is published of it
// alone: its statement says so. On a device's own ledger such a contribution is one without noise (device_cost).
// Thread-safe (no state).

#include <cstdint>

#include "common/privacy/ledger.h"
#include "common/protocol/plan.h"
#include "common/result.h"
#include "common/secagg/session_terms.h"

namespace fedspend {

// With distributed privacy for a roster of `clients` and the plan's own clip norm, or a round's; otherwise they play no part. Errors of
// make_session_terms and derive_parameters.
Result<PrivacyCost> contribution_cost(const Plan& plan, std::uint32_t clients);
Result<PrivacyCost> contribution_cost(const Plan& plan, std::uint32_t clients, double clip_norm_l2);
// The same for the parameters of a session under way, and so at the clip norm of its round: what the ledgers charge.
Result<PrivacyCost> contribution_cost(const Plan& plan, const SessionParameters& parameters);
// At every order not below the dearest over the rosters and clip norms that the plan allows. All rosters are looked at: n / n_h jumps with
// them. With the clip norm the cost falls (s c grows with c, or stays), so that the least of an adaptive one is looked at; the
// whole numbers that are rounded to on the way (norm bound, variance) might let another one cost a trace more, which a margin is for.
Result<PrivacyCost> dearest_contribution_cost(const Plan& plan);

// Whether a contribution under these is one without noise to whoever asks what a device has told: none is added, or that of a simulation, which is
// less than what the plan's figures say.
bool counts_as_none(const PrivacySpec& privacy);

// What a device's own ledger charges: contribution_cost() of what surely is in the real sum, and so PrivacyCost{} where it counts as none.
Result<PrivacyCost> device_cost(const Plan& plan, const SessionParameters& parameters);
Result<PrivacyCost> dearest_device_cost(const Plan& plan);

// At every order not above the cheapest over the same rosters and clip norms: what a contribution surely cost, whichever round it was in.
// Looks at every roster, some microseconds each, and of more than 64 has one bound for each 64th part of them: a trace lower than the cheapest.
Result<PrivacyCost> least_contribution_cost(const Plan& plan);

// rho of the zero-concentrated differential privacy of one contribution, the dearest over what the plan allows as above; beside it goes
// the delta of its cost. Infinity without noise.
Result<double> dearest_contribution_zcdp(const Plan& plan);

// What the plan allows a device: its cap, separation and budget at its delta. Without noise nothing is limited.
PrivacyLimits privacy_limits(const Plan& plan);

// Epsilon of a device that has contributed as often as the plan allows, at the given delta; infinity without noise. The cap counts, also where
// the plan has fewer rounds: a contribution to an attempt that failed is charged, too, and the round is tried again.
Result<double> epsilon_at_cap(const Plan& plan, double delta);

}  // namespace fedspend
