#pragma once
// cohorts.jsonl: which devices are in each published sum, by label where the enrolment list has one, else by id. What an auditor
// reads, and what `fedspend-sim run --cohorts` repeats. One JSON object a line:
//   {"round": 1, "model_hash": "...", "attempt": "...", "contributors": ["...", ...], "demonstration": true}
// The store is the truth; the file is written anew from it at every start, and a line is added after each round.

#include <filesystem>

#include "common/result.h"
#include "coordinator/enrolment.h"
#include "coordinator/round_machine.h"
#include "coordinator/store.h"

namespace fedspend::coordinator {

Status rewrite_cohort_log(const std::filesystem::path& out, Store& store, const Plan& plan, const EnrolmentList& enrolment);
Status append_cohort_log(const std::filesystem::path& out, const RoundSummary& summary, const ModelHash& hash, const Plan& plan,
                         const EnrolmentList& enrolment);

}  // namespace fedspend::coordinator
