#pragma once
// What a simulated run writes down, round by round: metrics.jsonl and metrics.csv hold the same facts, and nothing that depends on
// the machine (no wall-clock time), so that the same seed gives the same files. One thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/result.h"
#include "common/secagg/dp_statement.h"
#include "simulations/federation/federation.h"
#include "simulations/runs/held_out.h"

namespace fedspend::simulations {

class RunRecord {
 public:
  explicit RunRecord(const Plan& plan) : demonstration_(plan.is_demonstration()), privacy_(plan.privacy) {}
  void add(const SimulatedRound& round, const std::optional<HeldOutScore>& score);
  std::string jsonl() const;
  // Of the same plan: the rounds that jsonl() of another record holds, as if they had been added. malformed otherwise.
  Status restore(std::string_view jsonl);
  std::string csv() const;  // a missing value is an empty field
  const std::vector<nlohmann::ordered_json>& lines() const { return lines_; }
  std::uint64_t rounds() const { return published_; }
  // {"rounds", "rounds_aborted", "updates", "seconds", "clients_per_second", "bytes_up_per_client", "bytes_down_per_client"}
  nlohmann::json summary(double seconds) const;

 private:
  void add_privacy(const coordinator::RoundSummary& summary, nlohmann::ordered_json& line);
  void count(const nlohmann::ordered_json& line);

  bool demonstration_;  // stands in every line
  PrivacySpec privacy_;
  PrivacySpent spent_;  // the last that was reported: it changes only with the participations
  std::vector<nlohmann::ordered_json> lines_;
  std::uint64_t published_ = 0;
  std::uint64_t aborted_ = 0;
  std::uint64_t updates_ = 0;
  std::uint64_t bytes_up_ = 0;
  std::uint64_t bytes_down_ = 0;
};

}  // namespace fedspend::simulations
