#include "simulations/runs/run_record.h"

namespace fedspend::simulations {

void RunRecord::add(const SimulatedRound& round, const std::optional<HeldOutScore>& score) {
  const coordinator::RoundSummary& summary = round.summary;
  nlohmann::ordered_json line;
  line["round"] = summary.round.value;
  line["attempt"] = summary.attempt;
  line["published"] = summary.published;
  line["why_aborted"] = summary.why_aborted;
  line["asked"] = summary.asked.size();
  line["updates"] = summary.contributors.size();
  line["declined"] = summary.declined;
  line["bytes_up"] = summary.bytes_up;
  line["bytes_down"] = summary.bytes_down;
  line["update_norm_l2"] = summary.update_norm_l2;
  line["simulated_ms"] = round.simulated_time.count();
  line["model_hash"] = summary.published ? round.model_hash.hex() : "";
  line["eval_accuracy"] = score ? nlohmann::ordered_json(score->accuracy()) : nlohmann::ordered_json();
  line["eval_top3"] = score ? nlohmann::ordered_json(score->top3()) : nlohmann::ordered_json();
  line["eval_loss"] = score ? nlohmann::ordered_json(score->loss()) : nlohmann::ordered_json();
  line["demonstration"] = demonstration_;
  lines_.push_back(std::move(line));
  ++(summary.published ? published_ : aborted_);
  updates_ += summary.contributors.size();
  bytes_up_ += summary.bytes_up;
  bytes_down_ += summary.bytes_down;
}

std::string RunRecord::jsonl() const {
  std::string text;
  for (const auto& line : lines_) text += line.dump() + '\n';
  return text;
}

std::string RunRecord::csv() const {
  std::string text;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    std::string header;
    std::string values;
    for (const auto& [key, value] : lines_[i].items()) {
      header += (header.empty() ? "" : ",") + key;
      values += (values.empty() ? "" : ",") + (value.is_null() ? std::string() : value.dump());
    }
    if (i == 0) text += header + '\n';
    text += values + '\n';
  }
  return text;
}

nlohmann::json RunRecord::summary(double seconds) const {
  const double updates = static_cast<double>(updates_);
  const auto per_update = [&](std::uint64_t bytes) { return updates_ == 0 ? 0.0 : static_cast<double>(bytes) / updates; };
  return {{"rounds", published_},
          {"rounds_aborted", aborted_},
          {"updates", updates_},
          {"seconds", seconds},
          {"clients_per_second", seconds > 0 ? updates / seconds : 0.0},
          {"bytes_up_per_client", per_update(bytes_up_)},
          {"bytes_down_per_client", per_update(bytes_down_)}};
}

}  // namespace fedspend::simulations
