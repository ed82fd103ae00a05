#include "tests/rounds/oracle.h"

#include <algorithm>
#include <cmath>

#include "client/update_pipeline.h"

namespace fedspend::testing {
namespace {

// Bit by bit, least significant first, and centred: nothing of common/numeric.
std::vector<std::int64_t> unpacked(ByteSpan bytes, std::size_t count, unsigned bits) {
  std::vector<std::int64_t> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (unsigned b = 0; b < bits; ++b) {
      const std::size_t at = i * bits + b;
      if ((bytes[at / 8] >> (at % 8)) & 1) values[i] |= std::int64_t{1} << b;
    }
    if (values[i] >= std::int64_t{1} << (bits - 1)) values[i] -= std::int64_t{1} << bits;
  }
  return values;
}

}  // namespace

Oracle::Oracle(Plan plan, PlanHash plan_hash, std::vector<float> initial) : plan_(std::move(plan)), plan_hash_(plan_hash) {
  const std::size_t n = initial.size();
  moments_[0] = {std::vector<double>(n), std::vector<double>(n), std::vector<double>(n, plan_.server.tau * plan_.server.tau)};
  states_[0] = {};
  models_.emplace(0, std::move(initial));
}

void Oracle::on_assignment(const ClientId& client, const Envelope& envelope, const Assignment& assignment, const Frames& frames) {
  if (assignment.round.value != durable_round() + 1) violated("an assignment of round " + std::to_string(assignment.round.value) + " while round " + std::to_string(durable_round()) + " is stored");
  if (assignment.model_hash != model_hash_of(durable_weights())) violated("an assignment of a model that is not stored");
  if (frames.bulk && hash_of_weights(*frames.bulk) != assignment.model_hash) violated("an assignment whose weights are not its model");
  if (assignment.plan_hash != plan_hash_) violated("an assignment of another plan");
  if (assignment.cohort < plan_.min_reports() || assignment.cohort > plan_.devices_asked()) violated("a cohort that the plan does not allow");
  if (session_ != envelope.session) {
    if (!sessions_.insert(envelope.session).second) violated("a session that was there before");
    session_ = envelope.session;
    asked_.clear();
    accepted_.clear();
  }
  asked_.insert(client);
  if (asked_.size() > assignment.cohort) violated("more devices asked than the session says");
}

void Oracle::on_accepted(const ClientId& client, const IdentityPublicKey& identity, const Frames& frames) {
  const Result<Envelope> envelope = open_envelope(frames.control);
  if (!envelope || envelope->type != MessageType::update) return violated("accepted what is no update");
  if (!verify_envelope(*envelope, identity) || envelope->sender != client) return violated("accepted an update that its device did not sign");
  if (envelope->session != session_) return violated("accepted an update of another session");
  if (!asked_.contains(client)) return violated("accepted an update of a device that was not asked");
  const Result<Message> message = decode_body(envelope->type, envelope->body);
  if (!message) return violated("accepted an update that does not decode");
  const auto& update = std::get<Update>(*message);
  const std::size_t count = plan_.model.parameter_count;
  const unsigned bits = plan_.aggregation.bits;
  if (update.count != count || update.bits != bits || frames.bulk_bytes().size() != (count * bits + 7) / 8 || hash_of_update(frames.bulk_bytes()) != update.bulk_hash)
    return violated("accepted an update of the wrong form");
  if (!accepted_.emplace(client, unpacked(frames.bulk_bytes(), count, bits)).second) violated("accepted two updates of one device in a round");
}

void Oracle::on_secure_session(const SessionId& session) {
  if (session_.is_zero()) return violated("a roster without an assignment");
  if (session == secure_session_) return;
  if (!secure_session_.is_zero()) violated("two rosters for one assignment");
  if (!sessions_.insert(session).second) violated("a session that was there before");
  secure_session_ = session;
}

void Oracle::on_shares_delivered(const ClientId& client, const SessionId& session, std::size_t count) { delivered_[{session, client}] = count; }

void Oracle::on_masked(const ClientId& client, const SessionId& session, std::vector<float> update, const Frames& frames) {
  const Result<Bytes> packed = client::pack_update(plan_, update);
  if (!packed) return violated("masked what cannot be packed");
  std::vector<std::int64_t> values = unpacked(*packed, plan_.model.parameter_count, plan_.aggregation.bits);
  const std::vector<std::int64_t> sent = unpacked(frames.bulk_bytes(), plan_.model.parameter_count, plan_.aggregation.bits);
  std::size_t equal = 0;
  for (std::size_t i = 0; i < values.size(); ++i) equal += values[i] == sent[i] ? 1U : 0U;
  if (equal >= 2) violated("an input that left without its masks");  // of 13 values of 21 bits two agree once in 10^10
  const auto [entry, is_new] = handed_in_.emplace(std::pair{session, client}, values);
  if (!is_new && entry->second != values) violated("two inputs of one device in a session");
  if (is_new) ++masked_inputs_[client];
}

void Oracle::on_unmask_accepted(const ClientId& client, const IdentityPublicKey& identity, const Frames& frames) {
  const Result<Envelope> envelope = open_envelope(frames.control);
  if (!envelope || envelope->type != MessageType::unmask) return violated("accepted what unmasks nothing");
  if (!verify_envelope(*envelope, identity) || envelope->sender != client) return violated("accepted shares that their holder did not sign");
  if (envelope->session != secure_session_) return violated("accepted shares of another session");
  if (!handed_in_.contains({secure_session_, client})) return violated("accepted shares of a device without an input");
  const Result<Message> message = decode_body(envelope->type, envelope->body);
  if (!message) return violated("accepted shares that do not decode");
  // In these worlds everybody seals right shares: all that were delivered open.
  if (std::get<Unmask>(*message).shares.size() != 32 * delivered_[{secure_session_, client}]) violated("a device that does not reveal every share that it holds");
}

void Oracle::on_charges(const ClientId& client, std::uint32_t charged) {
  if (charged < masked_inputs_[client]) violated("a device that is charged for " + std::to_string(charged) + " of its " + std::to_string(masked_inputs_[client]) + " participations");
  if (charged < contributed_[client]) violated("a device that is charged for fewer sums than it is in");
}

// Of a secure round the contributors say which of the hidden inputs the sum is of.
void Oracle::take_contributors(const std::vector<ClientId>& contributors) {
  if (secure_session_.is_zero()) violated("published without a session");
  for (const ClientId& client : contributors) {
    if (!asked_.contains(client)) violated("a contributor that was not asked");
    const auto handed_in = handed_in_.find({secure_session_, client});
    if (handed_in == handed_in_.end()) {
      violated("a contributor whose input never left it");
      continue;
    }
    if (!accepted_.emplace(client, handed_in->second).second) violated("the contributors are not each once");
    ++contributed_[client];
    const bool is_zero = std::ranges::all_of(handed_in->second, [](std::int64_t value) { return value == 0; });
    if (!is_zero && !published_updates_.emplace(client, handed_in->second).second) violated("an update that is in two published sums");
  }
}

// The optimizers of Reddi et al. 2021, algorithm 2, written down once more and in double throughout.
std::pair<std::vector<double>, Oracle::Moments> Oracle::expected_round() const {
  const ServerSpec& server = plan_.server;
  const std::int64_t largest = (std::int64_t{1} << (plan_.aggregation.bits - 1)) - 1;
  const double scale = static_cast<double>(largest / plan_.devices_asked()) / plan_.aggregation.clip_norm_l2;
  std::vector<double> model(durable_weights().begin(), durable_weights().end());
  Moments moments = moments_.rbegin()->second;
  for (std::size_t i = 0; i < model.size(); ++i) {
    std::int64_t sum = 0;
    for (const auto& [client, values] : accepted_) sum += values[i];
    // A sum mod 2^b: a device that sends more than its part (rogues do) can wrap it, which open aggregation does not stop.
    const std::int64_t modulus = std::int64_t{1} << plan_.aggregation.bits;
    sum = ((sum % modulus) + modulus) % modulus;
    if (sum > largest) sum -= modulus;
    const double mean = static_cast<double>(sum) / (scale * static_cast<double>(accepted_.size()));
    const double square = mean * mean;
    moments.momentum[i] = server.momentum * moments.momentum[i] + mean;
    moments.first[i] = server.beta1 * moments.first[i] + (1 - server.beta1) * mean;
    double& v = moments.second[i];
    if (server.optimizer == "fedadam") v = server.beta2 * v + (1 - server.beta2) * square;
    if (server.optimizer == "fedyogi") v -= (1 - server.beta2) * square * (v > square ? 1 : v < square ? -1 : 0);
    if (server.optimizer == "fedadagrad") v += square;
    const bool adaptive = server.tau != 0;
    model[i] += server.learning_rate * (adaptive ? moments.first[i] / (std::sqrt(v) + server.tau) : moments.momentum[i]);
  }
  return {model, moments};
}

void Oracle::on_published(const coordinator::Publish& publish) {
  const coordinator::RoundSummary& summary = publish.summary;
  if (!summary.published || !summary.why_aborted.empty()) violated("a published round that says it is none");
  if (summary.round.value != durable_round() + 1) violated("round " + std::to_string(summary.round.value) + " published after round " + std::to_string(durable_round()));
  if (plan_.aggregation.mode == Aggregation::secure) take_contributors(summary.contributors);
  std::vector<ClientId> contributors;
  for (const auto& [client, values] : accepted_) contributors.push_back(client);
  if (summary.contributors != contributors) violated("the contributors are not exactly those whose updates were accepted, each once");
  if (summary.asked != std::vector<ClientId>(asked_.begin(), asked_.end())) violated("the summary's devices are not those that were asked");
  if (contributors.size() < plan_.min_reports()) violated("published a sum of " + std::to_string(contributors.size()) + " devices");
  if (publish.hash != model_hash_of(*publish.weights)) violated("a published model without its hash");
  if (!accepted_.empty()) {
    const auto [expected, moments] = expected_round();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (!(std::abs((*publish.weights)[i] - expected[i]) <= 2e-6 * std::max(1.0, std::abs(expected[i])))) {
        violated("published weight " + std::to_string(i) + " is not what the optimizer makes of the old one and the mean of the contributors");
        break;
      }
    }
    moments_[summary.round.value] = moments;
  }
  contributions_ += contributors.size();
  forget_session();
}

void Oracle::on_aborted(const coordinator::RoundSummary& summary) {
  if (summary.published || summary.why_aborted.empty()) violated("an abort without a reason");
  if (!summary.contributors.empty()) violated("an aborted round with contributors");
  if (summary.round.value != durable_round() + 1) violated("an abort of a round that is not the next");
  if (summary.attempt == 0) violated("an abort without an attempt");
  forget_session();
}

void Oracle::on_durable(const coordinator::Publish& publish) {
  if (publish.summary.round.value != durable_round() + 1) violated("rounds do not increase by one");
  models_.emplace(publish.summary.round.value, *publish.weights);
  states_.emplace(publish.summary.round.value, *publish.optimizer_state);
}

void Oracle::on_coordinator_began(const coordinator::RoundMachine& machine) {
  forget_unstored();
  if (durable_round() > 0 && *machine.optimizer_state() != durable_state()) violated("a coordinator that does not go on with the stored state of its optimizer");
  if (machine.rounds_done() != durable_round() || *machine.weights() != durable_weights()) violated("a coordinator that does not go on from the last stored model");
}

void Oracle::on_training(RoundId round, const PlanHash& plan_hash, const std::vector<float>& weights) {
  const auto model = round.value == 0 ? models_.end() : models_.find(round.value - 1);
  if (plan_hash != plan_hash_) violated("a device trains by another plan");
  if (model == models_.end() || model->second != weights) violated("a device trains on a model that was not published for its round");
}

void Oracle::forget_unstored() {
  moments_.erase(moments_.upper_bound(durable_round()), moments_.end());
  forget_session();
}

void Oracle::forget_session() {
  session_ = {};
  secure_session_ = {};
  asked_.clear();
  accepted_.clear();
}

}  // namespace fedspend::testing
