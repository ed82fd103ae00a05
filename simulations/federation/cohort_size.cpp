#include "simulations/federation/cohort_size.h"

#include <optional>

#include "client/local_training.h"

namespace fedspend::simulations {

std::size_t eligible_clients(const Plan& plan, const ClientSource& clients) {
  std::size_t eligible = 0;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::optional<std::size_t> rows = clients.known_rows(i);
    eligible += !rows || client::is_eligible(plan, *rows) ? 1U : 0U;
  }
  return eligible;
}

Status check_cohort(const Plan& plan, std::size_t eligible) {
  if (eligible >= plan.least_asked()) return {};
  return fail(ErrorCode::invalid_argument, "a round asks at least " + std::to_string(plan.least_asked()) + " clients, and " + std::to_string(eligible) + " clients are eligible",
              "lower federation.cohort or federation.min_cohort");
}

std::string cohort_note(const Plan& plan, std::size_t eligible) {
  if (eligible >= plan.federation.cohort || eligible < plan.least_asked()) return {};
  return "the plan asks for cohorts of " + std::to_string(plan.federation.cohort) + ", and " + std::to_string(eligible) + " clients are eligible: every round has fewer";
}

}  // namespace fedspend::simulations
