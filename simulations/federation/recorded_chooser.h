#pragma once
// A cohort chooser that repeats a recorded federation: in each round the devices that contributed then (cohorts.jsonl). Who else was on a secure
// round's roster, and was lost, nobody has recorded, and the sum does not depend on it; but a roster of the contributors alone may be one that
// the plan has no quorum for. So others are asked beside them, as many as that takes, and are lost as those were: before their masked input.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "common/result.h"
#include "coordinator/cohort_selection.h"
#include "coordinator/enrolment.h"
#include "simulations/federation/federation.h"

namespace fedspend::simulations {

class RecordedChooser final : public coordinator::CohortChooser {
 public:
  struct Round {
    std::array<std::uint8_t, 16> attempt{};
    std::vector<ClientId> contributors;  // sorted
  };
  // least_asked: fewest devices on a roster; 0: no more than contributed.
  RecordedChooser(std::map<std::uint64_t, Round> rounds, std::uint32_t least_asked) : rounds_(std::move(rounds)), least_asked_(least_asked) {}

  std::optional<std::vector<ClientId>> choose(std::span<const ClientId> pool, std::uint32_t asked, RoundId round) override;
  std::optional<std::array<std::uint8_t, 16>> attempt(RoundId round) override;
  // Asked last time beside those who contributed: to be lost before its masked input.
  bool is_to_be_lost(const ClientId& client) const { return others_.contains(client); }

 private:
  std::map<std::uint64_t, Round> rounds_;
  std::uint32_t least_asked_;
  std::set<ClientId> others_;
};

// invalid_argument: a label that no eligible client has, a round that is missing or stands twice.
Result<std::unique_ptr<RecordedChooser>> make_recorded_chooser(const std::vector<RecordedRound>& rounds, const coordinator::EnrolmentList& devices, std::uint32_t least_asked = 0);

}  // namespace fedspend::simulations
