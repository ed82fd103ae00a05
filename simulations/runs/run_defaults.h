#pragma once
// What a run takes where nobody says otherwise. Pure functions.

#include <cstddef>
#include <cstdint>

#include "client/policy.h"
#include "common/protocol/plan.h"

namespace fedspend::simulations {

// Nobody's customer is in a simulation: its devices accept what the plan says, and every output of a plan that is not protected says so.
client::DevicePolicy accepting_policy(const Plan& plan);

// Rounds between evaluations: ten in all.
std::uint32_t default_evaluate_every(const Plan& plan);

// Whether central and local-only training take at most as many trainings of a client as the federation itself: then a run does them
// unasked, and nobody waits much more than twice as long.
bool references_are_cheap(const Plan& plan, std::uint64_t reference_trainings);

}  // namespace fedspend::simulations
