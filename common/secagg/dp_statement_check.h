#pragma once
// Whether a published statement follows from its plan: for an auditor who has plan.toml and dp-statement.json, and neither ledger nor run.
// What the statement says of the run (rounds done, sums charged, participations of the device that took part most, where the noise came
// from, the version) is its issuer's word, and cannot be computed again: the counts are held against one another and against the plan, no more.
// Every other figure and sentence is computed again from the plan. Of what was spent so far, by distributed noise, the plan gives two bounds,
// of the cheapest and of the dearest rosters that it allows, and the stated figure has to lie between them. Pure functions.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "common/secagg/dp_statement.h"

namespace fedspend {

struct StatementDifference {
  std::string where;             // JSON pointer: "/at_cap/epsilon"
  nlohmann::json stated;         // null: not there
  nlohmann::json least, most;    // what the plan gives; the same where there is one value, most null where there is none
  std::string because = {};      // of a count that cannot be beside the others: why not, in words
};

struct StatementCheck {
  DpStatement computed;          // with the run's facts of the stated one, and the most that can have been spent
  std::size_t compared = 0;      // figures and sentences
  std::vector<StatementDifference> differences = {};
};

// JSON pointers of what is the issuer's word: of this statement nothing says whether they are true, only whether they can be.
std::vector<std::string> issuers_word(const Plan& plan);

// malformed: no statement of kDpStatementSchema, or without the run's facts. Errors of make_dp_statement().
Result<StatementCheck> check_dp_statement(const Plan& plan, const PlanHash& hash, const nlohmann::json& stated);

}  // namespace fedspend
