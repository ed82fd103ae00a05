#pragma once
// The DP statement that goes with every published model: what is protected against whom, by how much, on which conditions, and which of
// them the programs enforce. As a value, as text for people and as JSON. What it says and in which order follows Ponomareva et al. 2023
// (2303.00654), section 5.3: setting; data accesses, output, unit, adjacency; accounting with its assumptions; figures; how to check them.
// No figure promises more than is true: text rounds by figure_text.h. A plan without noise has a statement too, which says so. A simulation's says that
// it is no guarantee: its figures are those of the plan where devices and coordinator draw their own noise; with a noise cohort they have
// another name, as they are those of another federation.
// Not in the phone's build: privacy loss distributions and JSON are not there. Values; thread-safe as such.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/privacy/figure_text.h"  // bound_text: what a reader of the figures shows them with
#include "common/privacy/ledger.h"
#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend {

inline constexpr unsigned kDpStatementSchema = 1;
inline constexpr std::string_view kDpStatementText = "dp-statement.txt", kDpStatementJson = "dp-statement.json";  // names of the files

enum class Standing { enforced, assumed };
std::string_view to_string(Standing standing) noexcept;
struct Assumption {
  std::string what;
  Standing standing = Standing::assumed;
  std::string why;  // enforced: by whom and how; assumed: what fails without it
};

// Of one device, at the plan's delta.
struct PrivacySpent {
  std::uint64_t participations = 0;
  double rho = 0;                           // of zero-concentrated DP
  double epsilon_rdp = 0;
  std::optional<double> epsilon_pld = {};   // central noise alone, and never above the other
  double epsilon() const { return epsilon_pld.value_or(epsilon_rdp); }  // the reported one
  bool operator==(const PrivacySpent&) const = default;
};

// Distributed noise in a sum, between the smallest roster that the plan takes and all that it asks.
struct NoiseInSum {
  std::uint32_t honest_shares_least = 0, honest_shares_asked = 0;  // n_h: shares that surely are in it
  std::uint64_t dimension = 0;                                     // of the rotated update
  double expected_wraps = 0;                                       // d p, a sum
  double noise_excess = 0;  // sqrt(n / n_h), the larger of both: the deviation where nobody is lost or corrupt, over the accounted one
};

enum class NoiseSource { generator, seed };  // seed: a simulation's, which anybody who knows it can take off again

struct DpStatement {
  Plan plan;
  PlanHash plan_hash;
  std::string code_version;
  NoiseSource noise_source = NoiseSource::generator;
  std::uint64_t rounds_done = 0;
  std::uint64_t sums_charged = 0;      // of attempts whose round was aborted afterwards, too
  double rho_of_one = 0;               // of a contribution, at most
  PrivacySpent most_spent = {};        // so far, of the device that took part most often
  PrivacySpent at_cap = {};            // what the ledgers admit: the participation cap, or max_epsilon where that is reached before
  std::optional<NoiseInSum> noise = {};
  std::vector<Assumption> assumptions;

  // That the figures hold for the models of this plan: there is noise, it is the accounted one, and nobody can take it off again.
  bool is_guarantee() const { return plan.privacy.has_noise() && plan.privacy.noise_cohort == 0 && noise_source == NoiseSource::generator; }
  // After so many rounds, with what the coordinator has charged.
  void bring_up_to(std::uint64_t rounds, const PopulationLedger& ledger);
};

// Before the first round. Errors of contribution_cost(): a plan that no coordinator runs.
Result<DpStatement> make_dp_statement(const Plan& plan, const PlanHash& hash, std::string code_version, NoiseSource source = NoiseSource::generator);

// What a device with so many participations may have spent under the statement's plan, at the dearest of the rosters that it allows each
// time, or when max_epsilon ends it; and what it has spent at the cheapest. A plan with noise (a programmer's mistake otherwise).
Result<PrivacySpent> spent_at_most(const DpStatement& statement, std::uint32_t participations);
Result<PrivacySpent> spent_at_least(const DpStatement& statement, std::uint32_t participations);

// The reported epsilon of a device with so many participations, of which the ledger says `epsilon_rdp`: central noise by PLD where that is less.
double reported_epsilon(const PrivacySpec& privacy, std::uint64_t participations, double epsilon_rdp);

// "dp-statement" of kDpStatementSchema: the keys only grow. null: there is no such figure, also where nothing bounds it. With a noise
// cohort "epsilon" is null, and "simulated_epsilon" has what the run stands for.
nlohmann::ordered_json to_json(const DpStatement& statement);
std::string to_text(const DpStatement& statement);
// One line: what a run or a log prints.
std::string short_text(const DpStatement& statement);

}  // namespace fedspend
