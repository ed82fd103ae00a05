#include "coordinator/daemon.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "common/program/files.h"
#include "common/program/program.h"
#include "common/program/runtime.h"
#include "common/protocol/model_file.h"
#include "coordinator/cohort_log.h"

namespace fedspend::coordinator {
namespace {

constexpr Millis kLongestWait{200};  // so that a signal is seen
constexpr Millis kSumWait{10};       // while a sum is computed, so that it is not long in the worker's hands
constexpr std::size_t kMessagesPerTurn = 256;

}  // namespace

Daemon::Daemon(RoundMachine& machine, Store& store, ServerChannel& channel, const Clock& clock, DaemonOptions options,
               std::function<void(const RoundSummary&)> on_round)
    : machine_(machine), store_(store), channel_(channel), clock_(clock), options_(std::move(options)), on_round_(std::move(on_round)),
      signature_executor_(options_.threads), own_unmasking_executor_(options_.threads),
      sum_worker_(options_.unmasking_executor != nullptr ? *options_.unmasking_executor : own_unmasking_executor_) {}

Result<DaemonSummary> Daemon::run(const std::atomic<bool>& stop) {
  Result<DaemonSummary> ended = serve(stop);
  sum_worker_.stop();
  return ended;
}

Result<DaemonSummary> Daemon::serve(const std::atomic<bool>& stop) {
  for (const std::string_view name : {std::string_view("model.fsm"), kDpStatementText, kDpStatementJson}) program::remove_partials_of(options_.out / name);
  program::remove_partials_of(options_.out / "cohorts.jsonl");
  FEDSPEND_TRY(rewrite_cohort_log(options_.out, store_, machine_.plan(), machine_.enrolment()));
  FEDSPEND_TRY(export_model());
  FEDSPEND_TRY(carry_out(machine_.start(clock_.now())));
  while (!stop.load()) {
    if (std::optional<SumComputed> computed = sum_worker_.take()) FEDSPEND_TRY(carry_out(machine_.step(std::move(*computed), clock_.now())));
    Millis now = clock_.now();
    if (summary_.finished && options_.exit_when_finished && now >= finished_at_ + options_.linger) break;
    const Millis wait = std::clamp(wake_at_ - now, Millis(0), sum_worker_.is_busy() ? kSumWait : kLongestWait);
    FEDSPEND_ASSIGN(std::vector<Incoming> incoming, channel_.receive(wait, kMessagesPerTurn));
    now = clock_.now();
    std::vector<MessageReceived> messages;
    for (Incoming& message : incoming) messages.push_back({std::move(message.peer), message.transport_key, std::move(message.frames)});
    machine_.check_signatures(messages, signature_executor_);
    for (const MessageReceived& message : messages) FEDSPEND_TRY(carry_out(machine_.step(message, now)));
    if (now >= wake_at_) {
      wake_at_ = Millis::max();
      FEDSPEND_TRY(carry_out(machine_.step(Wake{}, now)));
    }
  }
  return summary_;
}

Status Daemon::carry_out(Effects effects) {
  std::deque<Effect> pending(std::make_move_iterator(effects.begin()), std::make_move_iterator(effects.end()));
  while (!pending.empty()) {
    const Effect effect = std::move(pending.front());
    pending.pop_front();
    if (const auto* send = std::get_if<Send>(&effect)) {
      // A device that is gone is the round's affair (it will not answer), not an error of the daemon.
      if (const Status sent = channel_.send(send->peer, send->frames); !sent) {
        const bool gone = sent.error().code == ErrorCode::unavailable;
        program::log(gone ? program::LogLevel::debug : program::LogLevel::warning, "not_sent", {{"reason", sent.error().message}});
      }
    } else if (const auto* wake = std::get_if<WakeAt>(&effect)) {
      wake_at_ = std::min(wake_at_, wake->time);
    } else if (const auto* publish = std::get_if<Publish>(&effect)) {
      Effects more;
      FEDSPEND_TRY(carry_out(*publish, more));
      pending.insert(pending.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    } else if (const auto* charge = std::get_if<ChargePrivacy>(&effect)) {
      FEDSPEND_TRY(store_.save_charge(charge->charge));
    } else if (const auto* compute = std::get_if<ComputeSum>(&effect)) {
      sum_worker_.begin(*compute);
    } else if (const auto* aborted = std::get_if<RoundAborted>(&effect)) {
      FEDSPEND_TRY(note_aborted(aborted->summary));
    } else if (const auto* dropped = std::get_if<Dropped>(&effect)) {
      ++summary_.messages_dropped;
      program::log(program::LogLevel::debug, "message_dropped", {{"reason", std::string(to_string(dropped->reason))}});
    } else if (std::holds_alternative<Finished>(effect)) {
      summary_.finished = true;
      finished_at_ = clock_.now();
    }
  }
  return {};
}

Status Daemon::carry_out(const Publish& publish, Effects& more) {
  FEDSPEND_TRY(store_.save_published(publish));
  more = machine_.step(ModelStored{publish.summary.round}, clock_.now());
  FEDSPEND_TRY(export_model());
  FEDSPEND_TRY(append_cohort_log(options_.out, publish.summary, publish.hash, machine_.plan(), machine_.enrolment()));
  failed_in_a_row_ = 0;
  ++summary_.rounds_published;
  program::log(program::LogLevel::debug, "round_published",
               {{"round", std::to_string(publish.summary.round.value)}, {"updates", std::to_string(publish.summary.contributors.size())},
                {"selection_ms", std::to_string(publish.summary.selection_time.count())}, {"collection_ms", std::to_string(publish.summary.collection_time.count())},
                {"bytes_up", std::to_string(publish.summary.bytes_up)}, {"bytes_down", std::to_string(publish.summary.bytes_down)}});
  note(publish.summary);
  return {};
}

Status Daemon::note_aborted(const RoundSummary& summary) {
  FEDSPEND_TRY(store_.save_aborted(summary));
  if (statement_->sums_charged != machine_.ledger().charges()) FEDSPEND_TRY(export_model());  // a sum was charged and gave no model
  ++summary_.rounds_aborted;
  ++failed_in_a_row_;
  program::log(program::LogLevel::warning, "round_aborted",
               {{"round", std::to_string(summary.round.value)}, {"attempt", std::to_string(summary.attempt)}, {"reason", summary.why_aborted}});
  note(summary);
  if (options_.max_failed_rounds != 0 && failed_in_a_row_ >= options_.max_failed_rounds)
    return fail(ErrorCode::timeout, "round " + std::to_string(summary.round.value) + " was aborted " + std::to_string(failed_in_a_row_) + " times: " + summary.why_aborted,
                "see that enough enrolled devices run and that their policies allow the plan, or raise --max-failed-rounds");
  return {};
}

void Daemon::note(const RoundSummary& summary) {
  summary_.bytes_up += summary.bytes_up;
  summary_.bytes_down += summary.bytes_down;
  if (on_round_) on_round_(summary);
}

// The statement takes its place before the model: one that says too much of the model beside it may lie there after a crash, never one
// that says too little.
Status Daemon::export_model() {
  if (!statement_) {
    FEDSPEND_ASSIGN(statement_, make_dp_statement(machine_.plan(), machine_.plan_hash(), std::string(program::version())));
  }
  statement_->bring_up_to(machine_.rounds_done(), machine_.ledger());
  const std::string text = to_text(*statement_), json = to_json(*statement_).dump(2) + "\n";
  ModelFile file;
  file.model_name = machine_.plan().model.name;
  file.plan_hash = machine_.plan_hash();
  file.round = machine_.rounds_done();
  file.demonstration = machine_.plan().is_demonstration();
  file.weights = *machine_.weights();
  const Bytes model = encode_model_file(file);
  const program::FileToWrite files[] = {{options_.out / kDpStatementText, as_bytes(text)}, {options_.out / kDpStatementJson, as_bytes(json)}, {options_.out / "model.fsm", model}};
  return program::write_files_together(files);
}

}  // namespace fedspend::coordinator
