#include "client/session.h"

#include <algorithm>
#include <utility>

#include "client/update_pipeline.h"
#include "common/check.h"
#include "common/overloaded.h"
#include "common/protocol/model_file.h"
#include "common/secagg/session_privacy.h"

namespace fedspend::client {
namespace {

Effects ignored(std::string why) { return {Ignored{std::move(why)}}; }

Leaving again(Leaving leaving) {
  leaving.is_again = true;
  return leaving;
}

}  // namespace

Session::Session(SessionOptions options, IdentityKey identity, SessionServices services)
    : Session(std::move(options), std::make_unique<KeySigner>(std::move(identity)), std::move(services)) {}

Session::Session(SessionOptions options, std::unique_ptr<IdentitySigner> identity, SessionServices services)
    : options_(std::move(options)), identity_(std::move(identity)), id_(client_id_of(identity_->public_key())), services_(std::move(services)),
      held_plan_(options_.held_plan), held_model_(options_.held_model), phase_(Idle{}) {}

std::string_view Session::phase() const {
  return std::visit(Overloaded{[](const Idle&) { return std::string_view("idle"); }, [](const CheckedIn&) { return std::string_view("checked-in"); },
                               [](const Training&) { return std::string_view("training"); }, [](const Aggregating&) { return std::string_view("aggregating"); },
                               [](const Reporting&) { return std::string_view("reporting"); }},
                    phase_);
}

Effects Session::start(Millis now) {
  return idle_until(now + random_within(options_.first_check_in_spread), {});
}

Effects Session::step(const Event& event, Millis now) {
  if (!std::holds_alternative<Cancel>(event) && must_withdraw()) return withdraw(plan_in_hand(), now);
  const SharedPlan plan = plan_in_hand();
  Effects effects = dispatch(event, now);
  // What comes of the event took its time (a masked input has many values): asked again.
  const auto is_sent = [](const Effect& effect) { return std::holds_alternative<Send>(effect); };
  if (std::ranges::any_of(effects, is_sent) && !(plan != nullptr ? consents_to(plan->purpose) : consents_to_something())) return withdraw(plan, now);
  return effects;
}

Effects Session::dispatch(const Event& event, Millis now) {
  return std::visit(Overloaded{[&](const Wake&) { return on_wake(now); }, [&](const FramesReceived& e) { return on_frames(e.frames, now); },
                               [&](const TrainingFinished& e) { return on_training(e, now); }, [&](const ConnectionLost&) { return on_connection_lost(now); },
                               [&](const ConnectionRestored&) { return on_connection_restored(now); },
                               [&](const Cancel&) { return on_cancel(now); }},
                    event);
}

Effects Session::on_wake(Millis now) {
  if (const auto* idle = std::get_if<Idle>(&phase_)) return now < idle->check_in_at ? Effects{WakeAt{idle->check_in_at}} : check_in(now);
  if (const auto* waiting = std::get_if<CheckedIn>(&phase_)) {
    if (now < waiting->give_up_at) return {WakeAt{waiting->give_up_at}};
    return idle_until(now + jittered(options_.transient_backoff), {});
  }
  if (const auto* training = std::get_if<Training>(&phase_)) {
    if (now < training->deadline) return {WakeAt{training->deadline}};
    return idle_until(now + jittered(options_.transient_backoff), {StopTraining{}});
  }
  if (auto* aggregating = std::get_if<Aggregating>(&phase_)) {
    if (now < aggregating->retry_at) return {WakeAt{aggregating->retry_at}};
    if (now >= aggregating->deadline) return idle_until(now + jittered(options_.transient_backoff), {});
    aggregating->retry_at = std::min(now + retry_interval(*aggregating), std::max(aggregating->deadline, now + Millis(1)));
    return {Send{aggregating->last, again(leaving(aggregating->last_type))}, WakeAt{aggregating->retry_at}};
  }
  auto& reporting = std::get<Reporting>(phase_);
  if (now < reporting.retry_at) return {WakeAt{reporting.retry_at}};
  if (now >= reporting.deadline) return idle_until(now + jittered(options_.transient_backoff), {});
  reporting.retry_at = std::min(now + options_.reply_timeout, std::max(reporting.deadline, now + Millis(1)));
  return {Send{reporting.update, again(leaving(MessageType::update))}, WakeAt{reporting.retry_at}};
}

Effects Session::check_in(Millis now) {
  if (!consents_to_something()) return idle_until(now + jittered(options_.permanent_backoff), {});
  if (const auto plan = services_.cache.find_plan(held_plan_); plan && is_at_cap(plan->plan->task, participation_limits(options_.policy, *plan->plan).of_task.max_participations))
    return spent({MessageType::check_in, plan->plan, plan->hash, {}}, now);
  CheckIn message;
  message.population = options_.population;
  message.software = options_.software;
  // Only what is still held is claimed: a cache forgets.
  if (services_.cache.find_plan(held_plan_)) message.have_plan = held_plan_;
  if (services_.cache.find_model(held_model_)) message.have_model = held_model_;
  Result<Bytes> sealed = seal_from_device(message, SessionId{}, id_, *identity_);
  if (!sealed) return unsigned_message(sealed.error(), now);
  phase_ = CheckedIn{now + options_.hold_timeout};
  return {Send{Frames{std::move(*sealed), nullptr}, Leaving{.type = MessageType::check_in, .plan = {}, .plan_hash = {}, .round = {}}}, WakeAt{now + options_.hold_timeout}};
}

bool Session::consents_to(std::string_view purpose) const { return !services_.consents || services_.consents(purpose); }

bool Session::consents_to_something() const {
  return !services_.consents || std::ranges::any_of(options_.policy.purposes, services_.consents);
}

SharedPlan Session::plan_in_hand() const {
  return std::visit(Overloaded{[](const auto& at) { return at.plan; }, [](const Idle&) { return SharedPlan(); }, [](const CheckedIn&) { return SharedPlan(); }}, phase_);
}

Leaving Session::leaving(MessageType type) const {
  return std::visit(Overloaded{[&](const auto& at) { return Leaving{type, at.plan, at.plan_hash, at.round}; },
                               [&](const Idle&) { return Leaving{type, {}, {}, {}}; }, [&](const CheckedIn&) { return Leaving{type, {}, {}, {}}; }},
                    phase_);
}

bool Session::must_withdraw() const {
  if (std::holds_alternative<Idle>(phase_)) return false;
  const SharedPlan plan = plan_in_hand();
  return plan == nullptr ? !consents_to_something() : !consents_to(plan->purpose);
}

Effects Session::withdraw(const SharedPlan& plan, Millis now) {
  Effects effects;
  if (std::holds_alternative<Training>(phase_)) effects.emplace_back(StopTraining{});
  effects.emplace_back(Withdrawn{plan == nullptr ? std::string() : plan->purpose});
  return idle_until(now + jittered(options_.transient_backoff), std::move(effects));
}

Effects Session::on_cancel(Millis now) {
  Effects effects;
  if (std::holds_alternative<Training>(phase_)) effects.emplace_back(StopTraining{});
  effects.emplace_back(Cancelled{});
  return idle_until(now + jittered(options_.transient_backoff), std::move(effects));
}

// Not even a Decline can leave: that, too, must be signed.
Effects Session::unsigned_message(const Error& error, Millis now) {
  return idle_until(now + jittered(options_.transient_backoff), {Refused{DeclineReason::cancelled, "this device's key does not sign: " + error.message, leaving(MessageType::decline)}});
}

Effects Session::on_connection_lost(Millis now) {
  if (std::holds_alternative<Idle>(phase_)) return {};
  Effects effects;
  if (std::holds_alternative<Training>(phase_)) effects.emplace_back(StopTraining{});
  return idle_until(now + jittered(options_.transient_backoff), std::move(effects));
}

Effects Session::on_connection_restored(Millis now) {
  if (std::holds_alternative<CheckedIn>(phase_)) return idle_until(now + random_within(options_.reconnect_spread), {});
  if (const auto* aggregating = std::get_if<Aggregating>(&phase_)) return {Send{aggregating->last, again(leaving(aggregating->last_type))}};
  if (const auto* reporting = std::get_if<Reporting>(&phase_)) return {Send{reporting->update, again(leaving(MessageType::update))}};
  return {};
}

Effects Session::on_frames(const Frames& frames, Millis now) {
  const Result<Envelope> envelope = open_envelope(frames.control);
  if (!envelope) return ignored("an envelope that does not decode: " + envelope.error().message);
  if (is_from_device(envelope->type)) return ignored("a message that a coordinator does not send");
  if (!has_bulk_frame(envelope->type) && !frames.bulk_bytes().empty()) return ignored("a bulk frame with a message that has none");
  const Result<Message> message = decode_body(envelope->type, envelope->body);
  if (!message) return ignored("a message that does not decode: " + message.error().message);
  if (const auto* assignment = std::get_if<Assignment>(&*message)) return on_assignment(*envelope, *assignment, frames, now);
  if (const auto* come_back = std::get_if<ComeBack>(&*message)) return on_come_back(*come_back, now);
  if (const auto* reply = std::get_if<UpdateReply>(&*message)) return on_update_reply(*envelope, *reply, now);
  return on_aggregation(*envelope, *message, frames, now);
}

Effects Session::on_assignment(const Envelope& envelope, const Assignment& assignment, const Frames& frames, Millis now) {
  if (!std::holds_alternative<CheckedIn>(phase_)) return ignored("an assignment that was not waited for");
  const SessionId session = session_id(assignment.task, assignment.round, assignment.model_hash, assignment.plan_hash, assignment.cohort, assignment.attempt);
  if (session != envelope.session) return ignored("an assignment whose session id is not that of its contents");
  if (assignment.version < kProtocolVersionMin || assignment.version > kProtocolVersionMax) return ignored("an assignment of another protocol version");

  const bool is_spent = is_at_cap(assignment.task, options_.policy.max_participations);
  SharedPlan seen;  // once it is accepted
  const auto refuse = [&](DeclineReason reason, std::string why) {
    Leaving of{MessageType::decline, seen, assignment.plan_hash, assignment.round};
    return is_spent ? spent(std::move(of), now) : decline(session, reason, std::move(why), std::move(of), now);
  };
  auto plan = accept_plan(assignment);
  if (!plan) return refuse(plan.error().reason, plan.error().why);
  seen = plan->plan;
  std::optional<SessionTerms> secure;
  if (plan->plan->aggregation.mode == Aggregation::secure) {
    Result<SessionTerms> terms = make_session_terms(*plan->plan, assignment.round, session, assignment.cohort, assignment.clip_norm_l2);
    if (!terms) return refuse(DeclineReason::policy, terms.error().message);
    secure = std::move(*terms);
  }
  auto model = accept_model(assignment, *plan->plan, frames);
  if (!model) return refuse(model.error().reason, model.error().why);

  services_.cache.keep(*plan);
  services_.cache.keep(*model);
  held_plan_ = plan->hash;
  held_model_ = model->hash;
  // Never longer than the plan says: the assignment itself is not signed.
  const Millis deadline = now + Millis(std::min(assignment.deadline_ms, plan->plan->federation.round_deadline_ms));
  const Leaving of{MessageType::decline, plan->plan, plan->hash, assignment.round};
  if (is_spent) return spent(of, now);
  const Status may = services_.record.check_participation(assignment.task, assignment.round, *plan->cost, participation_limits(options_.policy, *plan->plan));
  if (!may) return keep_silent(may.error(), of, now);
  phase_ = Training{session, assignment.round, plan->plan, plan->hash, plan->cost, deadline, std::move(secure)};
  return {StartTraining{session, assignment.round, plan->plan, plan->hash, model->weights, assignment.attempt, model->hash}, WakeAt{deadline}};
}

tl::expected<HeldPlan, Session::Rejection> Session::accept_plan(const Assignment& assignment) const {
  const auto reject = [](DeclineReason reason, std::string why) { return tl::unexpected<Rejection>(Rejection{reason, std::move(why)}); };
  HeldPlan held;
  if (assignment.plan.empty()) {
    // Only the plan that this device said it holds: one that another session put into a shared cache was checked against that
    // session's release key, not against this one's.
    auto found = assignment.plan_hash == held_plan_ ? services_.cache.find_plan(held_plan_) : std::nullopt;
    if (!found) return reject(DeclineReason::plan_signature, "the coordinator left out a plan that this device does not hold");
    held = std::move(*found);
  } else {
    held.signed_plan = SignedPlan{assignment.plan, assignment.plan_signature};
    Result<Plan> plan = open_plan(held.signed_plan, options_.release_key);
    if (!plan) return reject(DeclineReason::plan_signature, plan.error().message);
    held.hash = hash_of_plan(held.signed_plan.bytes);
    held.plan = std::make_shared<const Plan>(std::move(*plan));
  }
  if (held.hash != assignment.plan_hash) return reject(DeclineReason::plan_signature, "the plan is not the one that the assignment names");
  const Plan& plan = *held.plan;
  if (plan.last_day) {
    if (Status current = check_last_day(plan, services_.unix_time_s()); !current) return reject(DeclineReason::policy, current.error().message);
  }
  if (Status allowed = check_plan(options_.policy, plan, options_.population); !allowed) return reject(DeclineReason::policy, allowed.error().message);
  if (!consents_to(plan.purpose)) return reject(DeclineReason::policy, "the customer has not consented to the plan's purpose \"" + plan.purpose + "\"");
  // Fail closed: what this build cannot do is never replaced by something weaker.
  if (plan.model.is_torchscript() && !options_.trains_torchscript)
    return reject(DeclineReason::policy, "the plan's model is a TorchScript file, which only the simulator trains");
  if (plan.task != assignment.task) return reject(DeclineReason::plan_signature, "the assignment is for another task than its plan");
  if (assignment.round.value < 1 || assignment.round.value > plan.federation.rounds)
    return reject(DeclineReason::policy, "the assignment's round is not one that the plan has");
  if (assignment.cohort < plan.min_reports() || assignment.cohort > plan.devices_asked())
    return reject(DeclineReason::policy, "the assignment's cohort is not one that the plan allows");
  if (Status of_plan = check_round_clip_norm(plan, assignment.clip_norm_l2); !of_plan) return reject(DeclineReason::policy, of_plan.error().message);
  if (Status allowed = check_clip_norm(options_.policy, assignment.clip_norm_l2); !allowed) return reject(DeclineReason::policy, allowed.error().message);
  // Last: every roster of the plan is looked at.
  if (held.cost == nullptr) {
    Result<PrivacyCost> cost = dearest_device_cost(plan);
    if (!cost) return reject(DeclineReason::policy, cost.error().message);
    held.cost = std::make_shared<const PrivacyCost>(std::move(*cost));
  }
  if (Status allowed = check_spending(options_.policy, plan, *held.cost); !allowed) return reject(DeclineReason::policy, allowed.error().message);
  return held;
}

tl::expected<HeldModel, Session::Rejection> Session::accept_model(const Assignment& assignment, const Plan& plan, const Frames& frames) const {
  const auto reject = [](std::string why) { return tl::unexpected<Rejection>(Rejection{DeclineReason::model_mismatch, std::move(why)}); };
  const ByteSpan bytes = frames.bulk_bytes();
  if (auto found = services_.cache.find_model(assignment.model_hash)) {
    if (found->weights->size() != plan.model.parameter_count) return reject("the model does not have the plan's number of parameters");
    return *found;
  }
  if (bytes.size() != 4 * plan.model.parameter_count) return reject("the weights do not have the plan's number of parameters");
  if (hash_of_weights(bytes) != assignment.model_hash) return reject("the weights are not the model that the assignment names");
  Result<std::vector<float>> weights = weights_from_bytes(bytes, plan.model.parameter_count);
  if (!weights) return reject(weights.error().message);
  return HeldModel{std::make_shared<const std::vector<float>>(std::move(*weights)), assignment.model_hash};
}

Effects Session::decline(const SessionId& session, DeclineReason reason, std::string why, Millis now) {
  return decline(session, reason, std::move(why), leaving(MessageType::decline), now);
}

Effects Session::decline(const SessionId& session, DeclineReason reason, std::string why, Leaving of, Millis now) {
  const bool passing = reason == DeclineReason::training_failed || reason == DeclineReason::cancelled || reason == DeclineReason::model_mismatch ||
                       reason == DeclineReason::record || reason == DeclineReason::secure_aggregation;
  Effects effects;
  // One that cannot be signed is not sent; the refusal stands.
  if (Result<Bytes> sealed = seal_from_device(Decline{reason}, session, id_, *identity_)) effects.emplace_back(Send{Frames{std::move(*sealed), nullptr}, of});
  effects.emplace_back(Refused{reason, std::move(why), std::move(of)});
  return idle_until(now + jittered(passing ? options_.transient_backoff : options_.permanent_backoff), std::move(effects));
}

Effects Session::on_training(const TrainingFinished& finished, Millis now) {
  const auto* training = std::get_if<Training>(&phase_);
  if (training == nullptr || training->session != finished.session) return ignored("a training of a session that is over");
  if (const auto* reason = std::get_if<DeclineReason>(&finished.outcome)) return decline(finished.session, *reason, "no update was trained", now);

  std::vector<float> update = std::get<std::vector<float>>(finished.outcome);
  if (training->secure) return advertise(*training, update, now);
  Result<Bytes> packed = pack_update(*training->plan, update);
  if (!packed) return decline(finished.session, DeclineReason::training_failed, packed.error().message, now);
  Update message;
  message.bulk_hash = hash_of_update(*packed);
  message.count = static_cast<std::uint32_t>(update.size());
  message.bits = static_cast<std::uint8_t>(training->plan->aggregation.bits);
  Result<Bytes> sealed = seal_from_device(message, training->session, id_, *identity_);
  if (!sealed) return unsigned_message(sealed.error(), now);
  const ParticipationLimits limits = participation_limits(options_.policy, *training->plan);
  // conflict: the reply to this session's update was lost, and it is given again; in the sum it is once.
  const Status charged = services_.record.charge_participation(training->plan->task, training->round, training->session, *training->cost, limits);
  if (!charged && charged.error().code == ErrorCode::refused) return keep_silent(charged.error(), leaving(MessageType::update), now);
  if (!charged && charged.error().code != ErrorCode::conflict) return forbidden(training->session, charged.error(), now);

  // What was charged for was one update.
  if (const Status recorded = services_.record.record_open_update(training->session, message.bulk_hash); !recorded) return forbidden(training->session, recorded.error(), now);
  Reporting reporting{training->session, training->round, training->plan, training->plan_hash, {}, training->deadline, std::min(now + options_.reply_timeout, training->deadline)};
  reporting.update = Frames{std::move(*sealed), std::make_shared<const Bytes>(std::move(*packed))};
  const Frames frames = reporting.update;
  const Millis retry_at = reporting.retry_at;
  phase_ = std::move(reporting);
  return {Send{frames, leaving(MessageType::update)}, WakeAt{retry_at}};
}

Effects Session::on_come_back(const ComeBack& come_back, Millis now) {
  if (!std::holds_alternative<CheckedIn>(phase_)) return ignored("a reply that was not waited for");
  switch (come_back.reason) {
    case ComeBackReason::not_selected:
    case ComeBackReason::busy: return idle_until(now + jittered(retry_after(come_back.retry_after_ms)), {});
    case ComeBackReason::finished: return idle_until(now + jittered(std::max(retry_after(come_back.retry_after_ms), options_.permanent_backoff)), {Ended{}});
    case ComeBackReason::not_enrolled:
    case ComeBackReason::wrong_population:
    case ComeBackReason::version:
    case ComeBackReason::malformed: break;
  }
  return idle_until(now + jittered(std::max(retry_after(come_back.retry_after_ms), options_.permanent_backoff)), {TurnedAway{come_back.reason}});
}

Effects Session::on_update_reply(const Envelope& envelope, const UpdateReply& reply, Millis now) {
  RoundId round;
  std::uint64_t bytes_sent = 0;
  if (const auto* reporting = std::get_if<Reporting>(&phase_); reporting != nullptr && reporting->session == envelope.session) {
    round = reporting->round;
    bytes_sent = reporting->update.size();
  } else if (const auto* at = std::get_if<Aggregating>(&phase_); at != nullptr && !envelope.session.is_zero() && (at->assignment == envelope.session || at->participant->session() == envelope.session)) {
    round = at->round;
    bytes_sent = at->bytes_sent;
  } else {
    return ignored("a reply to an update of another session");
  }
  Effects effects;
  effects.emplace_back(Reported{round, reply.status, bytes_sent});
  return idle_until(now + jittered(retry_after(reply.retry_after_ms)), std::move(effects));
}

Effects Session::idle_until(Millis time, Effects effects) {
  phase_ = Idle{time};
  effects.emplace_back(WakeAt{time});
  return effects;
}

Millis Session::retry_after(std::uint32_t asked_ms) const { return std::clamp(Millis(asked_ms), options_.shortest_retry, options_.longest_retry); }

Millis Session::jittered(Millis duration) {
  const Millis fifth = duration / 5;
  return duration - fifth + random_within(2 * fifth);
}

Millis Session::random_within(Millis longest) {
  return Millis(static_cast<std::int64_t>(services_.random.below(static_cast<std::uint64_t>(std::max<std::int64_t>(longest.count(), 0)) + 1)));
}

}  // namespace fedspend::client
