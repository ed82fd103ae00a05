#pragma once
// What a contribution to a round of a plan costs, and what the plan promises: the step from the parameters of a session to the
// accountants (PRIVACY.md, "Accounting", "Modes"). Both ends compute it, and neither takes it from the other.
// Without noise the cost has none; central: the Gaussian of the plan's noise multiplier; distributed: the bound for the noise that surely is
// in a sum, with the clip indicator beside it. A simulation with a noise cohort is counted as if it had that cohort: its statement says so.
// Thread-safe (no state).

#include <cstdint>

#include "common/privacy/ledger.h"
#include "common/protocol/plan.h"
#include "common/result.h"
#include "common/secagg/session_terms.h"

namespace fedspend {

// With distributed privacy for a roster of `clients`; otherwise they play no part. Errors of make_session_terms and derive_parameters.
Result<PrivacyCost> contribution_cost(const Plan& plan, std::uint32_t clients);
// The same for the parameters of a session under way.
Result<PrivacyCost> contribution_cost(const Plan& plan, const SessionParameters& parameters);
// At every order the dearest over the rosters that the plan allows, at its clip norm. The cost falls or rises with the roster from end to
// end: both are looked at.
Result<PrivacyCost> dearest_contribution_cost(const Plan& plan);

// rho of the zero-concentrated differential privacy of one contribution, the dearest over the rosters that the plan allows; beside it goes
// the delta of its cost. Infinity without noise.
Result<double> dearest_contribution_zcdp(const Plan& plan);

// What the plan allows a device: its cap, separation and budget at its delta. Without noise nothing is limited.
PrivacyLimits privacy_limits(const Plan& plan);

// Epsilon of a device that has contributed as often as the plan allows, at the given delta; infinity without noise.
Result<double> epsilon_at_cap(const Plan& plan, double delta);

// refused: the plan's participation cap would spend more than its own budget; with numbers and values that would work. Nothing to
// check without noise.
Status check_privacy_budget(const Plan& plan);

}  // namespace fedspend
