#pragma once
// Whether rounds of a plan can be at all, by secure aggregation, noise and budget: what a plan is refused for before anybody is asked. A refusal
// has the numbers and, in its hint, settings that this very check accepts (plan_proposal.h). Not for a device, which looks at each round.
// Thread-safe (no state).

#include "common/privacy/central_gaussian.h"
#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend {

// All that follows, each of them where it concerns the plan. This is what a coordinator asks, and a draft.
Status check_rounds(const Plan& plan);

// Of a plan with secure aggregation (a programmer's mistake otherwise): that a round of the plan's whole cohort is possible, and with distributed
// privacy one of all that it asks and of the fewest that it takes, at every end of the range of clip norms.
Status check_secure_plan(const Plan& plan);
// refused: the plan's participation cap would spend more than its own budget, or central noise that is too little or too much for its bits.
// Nothing to check without noise.
Status check_privacy_budget(const Plan& plan);

// Of a plan with central privacy (a programmer's mistake otherwise), at its clip norm. invalid_argument: what CentralGaussian::create() refuses.
Result<CentralGaussian> make_central_gaussian(const Plan& plan);

}  // namespace fedspend
