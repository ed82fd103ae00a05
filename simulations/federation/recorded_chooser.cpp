#include "simulations/federation/recorded_chooser.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

namespace fedspend::simulations {
std::optional<std::vector<ClientId>> RecordedChooser::choose(std::span<const ClientId> pool, std::uint32_t, RoundId round) {
  const auto recorded = rounds_.find(round.value);
  if (recorded == rounds_.end()) return std::nullopt;
  const std::vector<ClientId>& contributors = recorded->second.contributors;
  if (pool.size() < least_asked_ || !std::includes(pool.begin(), pool.end(), contributors.begin(), contributors.end())) return std::nullopt;
  std::vector<ClientId> chosen = contributors;
  others_.clear();
  for (const ClientId& client : pool) {
    if (chosen.size() >= least_asked_) break;
    if (std::ranges::binary_search(contributors, client)) continue;
    chosen.push_back(client);
    others_.insert(client);
  }
  return chosen;
}

std::optional<std::array<std::uint8_t, 16>> RecordedChooser::attempt(RoundId round) {
  const auto recorded = rounds_.find(round.value);
  return recorded == rounds_.end() ? std::nullopt : std::optional(recorded->second.attempt);
}

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
      RecordedRound& round = rounds.emplace_back(RecordedRound{json.at("round").get<std::uint64_t>(), json.at("model_hash").get<std::string>(), {},
                                                               json.at("contributors").get<std::vector<std::string>>()});
      if (!from_hex(json.at("attempt").get<std::string>(), round.attempt))
        return fail(ErrorCode::malformed, "cohort log, line " + std::to_string(number) + ": no attempt of 32 hexadecimal digits", "rounds of older coordinators cannot be repeated");
    } catch (const nlohmann::json::exception&) {
      return fail(ErrorCode::malformed, "cohort log, line " + std::to_string(number) + " is not a round", "give the cohorts.jsonl that a coordinator wrote");
    }
  }
  if (rounds.empty()) return fail(ErrorCode::malformed, "the cohort log has no rounds", "give the cohorts.jsonl that a coordinator wrote");
  return rounds;
}

Result<std::unique_ptr<RecordedChooser>> make_recorded_chooser(const std::vector<RecordedRound>& rounds, const coordinator::EnrolmentList& devices, std::uint32_t least_asked) {
  std::unordered_map<std::string, ClientId> id_of_label;
  for (const coordinator::EnrolledDevice& device : devices.devices()) id_of_label.emplace(device.label, device.id);
  std::map<std::uint64_t, RecordedChooser::Round> cohorts;
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
    if (!cohorts.emplace(round.round, RecordedChooser::Round{round.attempt, std::move(ids)}).second) return fail(ErrorCode::invalid_argument, "cohort log: round " + std::to_string(round.round) + " stands twice");
  }
  // Round 1 to the last: the chooser would wait for ever for one that is not there.
  if (!cohorts.empty() && (cohorts.begin()->first != 1 || cohorts.rbegin()->first != cohorts.size()))
    return fail(ErrorCode::invalid_argument, "cohort log: a round from 1 to " + std::to_string(cohorts.rbegin()->first) + " is missing", "give the whole cohorts.jsonl of the federation");
  return std::make_unique<RecordedChooser>(std::move(cohorts), least_asked);
}

}  // namespace fedspend::simulations
