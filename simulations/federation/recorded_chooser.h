#pragma once
// A cohort chooser that repeats a recorded federation: in each round exactly the devices that contributed then. (cohorts.jsonl)

#include <memory>
#include <vector>

#include "common/result.h"
#include "coordinator/cohort_selection.h"
#include "coordinator/enrolment.h"
#include "simulations/federation/federation.h"

namespace fedspend::simulations {

// invalid_argument: a label that no eligible client has, a round that is missing or stands twice.
Result<std::unique_ptr<coordinator::CohortChooser>> make_recorded_chooser(const std::vector<RecordedRound>& rounds, const coordinator::EnrolmentList& devices);

}  // namespace fedspend::simulations
