#include "simulations/federation/recorded_chooser.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

namespace fedspend::simulations {
namespace {

class RecordedChooser final : public coordinator::CohortChooser {
 public:
  explicit RecordedChooser(std::map<std::uint64_t, std::vector<ClientId>> rounds) : rounds_(std::move(rounds)) {}

  std::optional<std::vector<ClientId>> choose(std::span<const ClientId> pool, std::uint32_t, RoundId round) override {
    const auto recorded = rounds_.find(round.value);
    if (recorded == rounds_.end()) return std::nullopt;
    if (!std::includes(pool.begin(), pool.end(), recorded->second.begin(), recorded->second.end())) return std::nullopt;
    return recorded->second;
  }

 private:
  std::map<std::uint64_t, std::vector<ClientId>> rounds_;  // sorted ids
};

}  // namespace

Result<std::vector<RecordedRound>> parse_cohort_log(std::string_view jsonl) {
  std::vector<RecordedRound> rounds;
  std::size_t number = 0;
  while (!jsonl.empty()) {
    const std::size_t end = std::min(jsonl.find('\n'), jsonl.size());
    const std::string_view line = jsonl.substr(0, end);
    jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
    ++number;
    if (line.empty()) continue;
    try {
      const auto json = nlohmann::json::parse(line);
      rounds.push_back({json.at("round").get<std::uint64_t>(), json.at("model_hash").get<std::string>(), json.at("contributors").get<std::vector<std::string>>()});
    } catch (const nlohmann::json::exception&) {
      return fail(ErrorCode::malformed, "cohort log, line " + std::to_string(number) + " is not a round", "give the cohorts.jsonl that a coordinator wrote");
    }
  }
  if (rounds.empty()) return fail(ErrorCode::malformed, "the cohort log has no rounds", "give the cohorts.jsonl that a coordinator wrote");
  return rounds;
}

Result<std::unique_ptr<coordinator::CohortChooser>> make_recorded_chooser(const std::vector<RecordedRound>& rounds, const coordinator::EnrolmentList& devices) {
  std::unordered_map<std::string, ClientId> id_of_label;
  for (const coordinator::EnrolledDevice& device : devices.devices()) id_of_label.emplace(device.label, device.id);
  std::map<std::uint64_t, std::vector<ClientId>> cohorts;
  for (const RecordedRound& round : rounds) {
    std::vector<ClientId> ids;
    for (const std::string& label : round.contributors) {
      const auto id = id_of_label.find(label);
      if (id == id_of_label.end())
        return fail(ErrorCode::invalid_argument, "cohort log: round " + std::to_string(round.round) + " names a client that the data do not have, or that is not eligible",
                    "give the data and the plan that the federation ran on");
      ids.push_back(id->second);
    }
    std::sort(ids.begin(), ids.end());
    if (std::adjacent_find(ids.begin(), ids.end()) != ids.end() || ids.empty())
      return fail(ErrorCode::invalid_argument, "cohort log: round " + std::to_string(round.round) + " names nobody, or a client twice");
    if (!cohorts.emplace(round.round, std::move(ids)).second) return fail(ErrorCode::invalid_argument, "cohort log: round " + std::to_string(round.round) + " stands twice");
  }
  // Round 1 to the last: the chooser would wait for ever for one that is not there.
  if (!cohorts.empty() && (cohorts.begin()->first != 1 || cohorts.rbegin()->first != cohorts.size()))
    return fail(ErrorCode::invalid_argument, "cohort log: a round from 1 to " + std::to_string(cohorts.rbegin()->first) + " is missing", "give the whole cohorts.jsonl of the federation");
  return std::make_unique<RecordedChooser>(std::move(cohorts));
}

}  // namespace fedspend::simulations
