#pragma once
// Whether a published statement follows from its plan: for an auditor who has plan.toml and dp-statement.json, and neither ledger nor run.
// What the statement says of the run (rounds done, sums charged, participations of the device that took part most, where the noise came
// from, the version) is its issuer's word, and cannot be computed again: the counts are held against one another and against the plan, no more.
// Every other figure and sentence is computed again from the plan. Of what was spent so far, by distributed noise, the plan gives two bounds,
// of the cheapest and of the dearest rosters that it allows, and the stated figure has to lie between them. Types count: 1 is not 1.0, and an object
// is no list. The text that goes with the JSON has to be, to the letter, the one that its figures give. Pure functions.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "common/secagg/dp_statement.h"

namespace fedspend {

struct StatementDifference {
  std::string where;             // JSON pointer: "/at_cap/epsilon"
  nlohmann::json stated;         // null: not there
  nlohmann::json least = {}, most = {};    // what the plan gives; the same where there is one value, most null where there is none
  std::string because = {};      // of a count that cannot be beside the others: why not, in words
  std::string form = {};         // where it is not the value that differs: "it is not there", "of another type", "no statement has such a key"
};

struct StatementCheck {
  DpStatement computed;          // with the run's facts of the stated one, and the most that can have been spent
  std::size_t compared = 0;      // figures and sentences
  std::vector<StatementDifference> differences = {};
};

// What is the issuer's word alone: nothing in plan and statement says whether it is true, only whether it can be.
struct IssuersWord {
  std::string where;    // JSON pointer
  std::string what;
  std::string carries;  // what else of the statement holds only if it is true; empty: nothing
};
std::vector<IssuersWord> issuers_word(const Plan& plan);

// malformed: no statement of kDpStatementSchema, or without the run's facts. Errors of make_dp_statement().
Result<StatementCheck> check_dp_statement(const Plan& plan, const PlanHash& hash, const nlohmann::json& stated);

// Of a statement without differences (a programmer's mistake otherwise): the dp-statement.txt of its figures.
std::string text_of_statement(const StatementCheck& check, const nlohmann::json& stated);
struct TextDifference {
  std::size_t line = 0;     // the first that differs, from 1
  std::string stated, due;  // that line; empty where it is not there, both empty where line ends alone differ
};
// Nothing where the text is that one.
std::optional<TextDifference> check_dp_statement_text(const StatementCheck& check, const nlohmann::json& stated, std::string_view text);

}  // namespace fedspend
