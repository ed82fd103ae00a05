#include "simulations/runs/run_record.h"

#include <algorithm>

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
  line["clip_norm_l2"] = summary.clip_norm_l2;
  line["simulated_ms"] = round.simulated_time.count();
  line["selection_ms"] = summary.selection_time.count();
  line["collection_ms"] = summary.collection_time.count();
  const auto late = summary.dropped.find(coordinator::DropReason::late);
  line["late"] = late == summary.dropped.end() ? 0 : late->second;
  line["dropped_waiting"] = round.tally.dropped_waiting;
  line["dropped_training"] = round.tally.dropped_training;
  line["dropped_sending"] = round.tally.dropped_sending;
  line["left"] = round.tally.left;
  line["too_slow"] = round.tally.too_slow;
  line["replies_lost"] = round.tally.replies_lost;
  line["reconnected"] = round.tally.reconnected;
  line["model_hash"] = summary.published ? round.model_hash.hex() : "";
  line["eval_accuracy"] = score ? nlohmann::ordered_json(score->headline()) : nlohmann::ordered_json();
  line["eval_top3"] = score ? nlohmann::ordered_json(score->second()) : nlohmann::ordered_json();
  line["eval_loss"] = score ? nlohmann::ordered_json(score->loss()) : nlohmann::ordered_json();
  add_privacy(summary, line);
  line["demonstration"] = demonstration_;
  count(line);
  lines_.push_back(std::move(line));
}

// Of the device that has spent most. Null where there is no figure: without noise, and in a round that was not published; with a noise
// cohort it has another name.
void RunRecord::add_privacy(const coordinator::RoundSummary& summary, nlohmann::ordered_json& line) {
  const bool has_figure = privacy_.has_noise() && summary.published;
  if (has_figure && (spent_.participations != summary.most_participations || spent_.epsilon_rdp != summary.epsilon))
    spent_ = {.participations = summary.most_participations, .epsilon_rdp = summary.epsilon, .epsilon_pld = reported_epsilon(privacy_, summary.most_participations, summary.epsilon)};
  const nlohmann::ordered_json epsilon = has_figure ? nlohmann::ordered_json(spent_.epsilon()) : nlohmann::ordered_json();
  line["most_participations"] = has_figure ? nlohmann::ordered_json(summary.most_participations) : nlohmann::ordered_json();
  line["epsilon"] = privacy_.noise_cohort == 0 ? epsilon : nlohmann::ordered_json();
  if (privacy_.noise_cohort != 0) line["simulated_epsilon"] = epsilon;
}

void RunRecord::count(const nlohmann::ordered_json& line) {
  ++(line.at("published").get<bool>() ? published_ : aborted_);
  updates_ += line.at("updates").get<std::uint64_t>();
  bytes_up_ += line.at("bytes_up").get<std::uint64_t>();
  bytes_down_ += line.at("bytes_down").get<std::uint64_t>();
}

Status RunRecord::restore(std::string_view jsonl) {
  try {
    while (!jsonl.empty()) {
      const std::size_t end = std::min(jsonl.find('\n'), jsonl.size());
      auto line = nlohmann::ordered_json::parse(jsonl.substr(0, end));
      jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
      count(line);
      lines_.push_back(std::move(line));
    }
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::malformed, "the metrics of the checkpoint are not those of a run", "remove it, and begin the run anew without --resume");
  }
  return {};
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
