#include "simulations/secagg/secure_round.h"

#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/remembered_credentials.h"
#include "common/crypto/random.h"
#include "common/protocol/certificate.h"
#include "common/protocol/codec.h"
#include "common/secagg/aggregator.h"
#include "common/secagg/masks.h"
#include "common/secagg/participant.h"

namespace fedspend::simulations {
namespace {

constexpr std::string_view kPopulation = "secure-round";
constexpr std::uint64_t kNow_s = 1'750'000'000;
constexpr std::size_t kClientsAtOnce = 64;  // whose masked inputs are in memory at the same time

double wall_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double thread_ms() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

// Adds the processor time of this thread while it lives.
class Stopwatch {
 public:
  explicit Stopwatch(double& total) : total_(total), began_(thread_ms()) {}
  ~Stopwatch() { total_ += thread_ms() - began_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& total_;
  double began_;
};

struct Client {
  IdentityKey identity;
  ClientId id;
  Bytes certificate;
  SeededRandom random;
  std::unique_ptr<client::RememberedCredentials> credentials;  // its own; null: the shared ones
  std::unique_ptr<Participant> participant = {};
  bool drops_out = false;
  double work_ms = 0;
  double quorum_ms = 0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
};

struct Round {
  const SecureRoundOptions& options;
  Executor& executor;
  SessionTerms terms;
  IdentityPublicKey authority;
  client::RememberedCredentials shared;
  std::vector<Client> clients;
  RosterBeacon beacon;
  Aggregator aggregator;
  SecureRoundCosts costs;
  RingVector expected;

  Round(const SecureRoundOptions& given, Executor& given_executor, const SessionTerms& given_terms, const IdentityPublicKey& given_authority)
      : options(given), executor(given_executor), terms(given_terms), authority(given_authority),
        shared({.authority = given_authority, .population = std::string(kPopulation), .remembers_signatures = true}), aggregator(given_terms, beacon),
        expected(given_terms.length, given_terms.bits) {}
};

SeededRandom stream(std::string_view label, std::uint64_t seed, std::uint64_t index) { return SeededRandom(Hasher(label).u64(seed).u64(index).finish()); }

RingVector vector_of(const Round& round, std::size_t client) {
  SeededRandom random = stream("secure-round-vector", round.options.seed, client);
  RingVector vector(round.terms.length, round.terms.bits);
  const std::span<std::uint32_t> values = vector.mutable_values();
  random.fill(MutableByteSpan(reinterpret_cast<std::uint8_t*>(values.data()), values.size_bytes()));
  const auto low_bits = static_cast<std::uint32_t>((std::uint64_t{1} << round.options.value_bits) - 1);
  for (std::uint32_t& value : values) value &= low_bits;
  return vector;
}

void make_clients(Round& round, const IdentityKey& authority) {
  const SecureRoundOptions& options = round.options;
  std::vector<std::unique_ptr<Client>> made(options.clients);
  round.executor.for_each(options.clients, [&](std::size_t i) {
    SeededRandom keys = stream("secure-round-identity", options.seed, i);
    IdentityKey identity = IdentityKey::generate(keys);
    const ClientId id = client_id_of(identity.public_key());
    Bytes certificate = encode_certificate(issue_certificate(authority, kPopulation, identity.public_key(), i + 1, kNow_s - 1'000, kNow_s + 1'000'000));
    made[i] = std::make_unique<Client>(Client{.identity = std::move(identity), .id = id, .certificate = std::move(certificate),
                                              .random = stream("secure-round-client", options.seed, i), .credentials = nullptr});
  });
  for (auto& client : made) round.clients.push_back(std::move(*client));
  // The dropped are drawn; a survivor that checks in full is one of the others.
  SeededRandom random = stream("secure-round-dropouts", options.seed, 0);
  std::vector<std::size_t> order(options.clients);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  round.costs.dropped = static_cast<std::uint32_t>(std::uint64_t{options.clients} * options.dropout_ppm / 1'000'000);
  for (std::size_t i = 0; i < round.costs.dropped; ++i) round.clients[order[i]].drops_out = true;
  const std::size_t last = std::min<std::size_t>(order.size(), round.costs.dropped + std::max(options.full_quorum_checks, 1U));
  for (std::size_t i = round.costs.dropped; i < last; ++i)
    round.clients[order[i]].credentials = std::make_unique<client::RememberedCredentials>(client::CredentialsOptions{.authority = round.authority, .population = std::string(kPopulation)});
}

// A frame as the coordinator has it before the aggregator sees it; nothing here is expected to fail.
struct Received {
  Envelope envelope;  // borrows from the frames
  bool is_signed = false;
};
// The signatures of what has arrived, on all threads, as the daemon checks them (RoundMachine::check_signatures).
Result<std::vector<Received>> check_signatures(const std::vector<const Client*>& senders, const std::vector<Frames>& frames, Executor& executor) {
  std::vector<Received> received(frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    FEDSPEND_ASSIGN(received[i].envelope, open_envelope(frames[i].control));
  }
  executor.for_each(frames.size(), [&](std::size_t i) { received[i].is_signed = verify_envelope(received[i].envelope, senders[i]->identity.public_key()); });
  return received;
}

Frames sent(Client& client, const Message& message, const SessionId& session, std::shared_ptr<const Bytes> bulk = nullptr) {
  Frames frames{seal_from_device(message, session, client.id, client.identity), std::move(bulk)};
  client.bytes_up += frames.size();
  return frames;
}

// What a client is sent in this phase, as it arrives.
template <class T>
Result<T> delivered(const Round& round, Client& client, Frames& frames) {
  std::optional<Outgoing> outgoing = round.aggregator.message_for(client.id);
  if (!outgoing) return fail(ErrorCode::internal, "a client that is waited for is sent nothing");
  frames = Frames{seal_from_coordinator(outgoing->message, round.aggregator.session()), outgoing->bulk};
  client.bytes_down += frames.size();
  FEDSPEND_ASSIGN(const Envelope envelope, open_envelope(frames.control));
  FEDSPEND_ASSIGN(Message message, decode_body(envelope.type, envelope.body));
  return std::get<T>(std::move(message));
}

Status accepted(Verdict verdict) {
  if (verdict == Verdict::accepted) return {};
  return fail(ErrorCode::internal, "an honest client's message was taken for " + std::string(to_string(verdict)));
}

using Answer = std::function<Result<Frames>(Client& client, std::size_t index)>;
using Take = std::function<Verdict(const Client& client, const Envelope& envelope, const Message& message, const Frames& frames)>;

// All clients `who` at work in parallel, some at a time; the server takes their messages in order. Adds the server's time to `server_ms`.
Status exchange(Round& round, const std::function<bool(const Client&)>& who, const Answer& answer, const Take& take, double& server_ms) {
  std::vector<std::size_t> at_work;
  for (std::size_t i = 0; i < round.clients.size(); ++i) {
    if (who(round.clients[i])) at_work.push_back(i);
  }
  for (std::size_t first = 0; first < at_work.size(); first += kClientsAtOnce) {
    const std::size_t count = std::min(kClientsAtOnce, at_work.size() - first);
    std::vector<Result<Frames>> answers(count);
    round.executor.for_each(count, [&](std::size_t i) { answers[i] = answer(round.clients[at_work[first + i]], at_work[first + i]); });
    std::vector<Frames> frames(count);
    std::vector<const Client*> senders(count);
    for (std::size_t i = 0; i < count; ++i) {
      FEDSPEND_ASSIGN(frames[i], std::move(answers[i]));
      senders[i] = &round.clients[at_work[first + i]];
    }
    const double began = wall_ms();
    // Those who sign when the quorum is there: the daemon does not look at their signatures (RoundMachine::signs_late).
    if (round.aggregator.phase() == "signing" && round.aggregator.is_complete()) continue;
    FEDSPEND_ASSIGN(const std::vector<Received> received, check_signatures(senders, frames, round.executor));
    for (std::size_t i = 0; i < count; ++i) {
      const Envelope& envelope = received[i].envelope;
      if (!received[i].is_signed) return fail(ErrorCode::internal, "a signature of this round did not verify");
      FEDSPEND_ASSIGN(const Message message, decode_body(envelope.type, envelope.body));
      FEDSPEND_TRY(accepted(take(*senders[i], envelope, message, frames[i])));
    }
    server_ms += wall_ms() - began;
  }
  return {};
}

Status advance(Round& round, double& server_ms) {
  const double began = wall_ms();
  FEDSPEND_TRY(round.aggregator.advance());
  server_ms += wall_ms() - began;
  return {};
}

bool everybody(const Client&) { return true; }
bool survives(const Client& client) { return !client.drops_out; }

Status share_keys(Round& round) {
  double& server_ms = round.costs.server_arrival_ms;
  FEDSPEND_TRY(exchange(
      round, everybody,
      [&](Client& client, std::size_t) -> Result<Frames> {
        const Stopwatch watch(client.work_ms);
        client.participant = std::make_unique<Participant>(round.terms, client.identity.public_key(), client.random, client.credentials ? static_cast<Credentials&>(*client.credentials) : round.shared);
        return sent(client, client.participant->advertise_keys(), round.terms.assignment);
      },
      [&](const Client& client, const Envelope& envelope, const Message& message, const Frames&) {
        return round.aggregator.on_advertise_keys(client.identity.public_key(), client.certificate, std::get<AdvertiseKeys>(message), envelope.signature);
      },
      server_ms));
  FEDSPEND_TRY(advance(round, server_ms));
  return exchange(
      round, everybody,
      [&](Client& client, std::size_t) -> Result<Frames> {
        Frames frames;
        FEDSPEND_ASSIGN(const RosterView roster, delivered<RosterView>(round, client, frames));
        const Stopwatch watch(client.work_ms);
        FEDSPEND_ASSIGN(const ShareKeys shares, client.participant->on_roster(roster, round.aggregator.session(), kNow_s));
        return sent(client, shares, client.participant->session());
      },
      [&](const Client& client, const Envelope&, const Message& message, const Frames&) { return round.aggregator.on_share_keys(client.id, std::get<ShareKeys>(message)); },
      server_ms);
}

Status mask_inputs(Round& round) {
  double& server_ms = round.costs.server_arrival_ms;
  FEDSPEND_TRY(advance(round, server_ms));
  return exchange(
      round, survives,
      [&](Client& client, std::size_t index) -> Result<Frames> {
        Frames frames;
        FEDSPEND_ASSIGN(const DeliverShares shares, delivered<DeliverShares>(round, client, frames));
        RingVector update = vector_of(round, index);
        const Stopwatch watch(client.work_ms);
        FEDSPEND_TRY(client.participant->on_shares(shares));
        FEDSPEND_ASSIGN(const MaskedVector masked, client.participant->mask(std::move(update)));
        return sent(client, masked.message, client.participant->session(), masked.packed);
      },
      [&](const Client& client, const Envelope&, const Message& message, const Frames& frames) {
        return round.aggregator.on_masked_input(client.id, std::get<MaskedInput>(message), frames.bulk_bytes());
      },
      server_ms);
}

Status unmask(Round& round) {
  double& server_ms = round.costs.server_ms;
  FEDSPEND_TRY(advance(round, server_ms));
  FEDSPEND_TRY(exchange(
      round, survives,
      [&](Client& client, std::size_t) -> Result<Frames> {
        Frames frames;
        FEDSPEND_ASSIGN(const Survivors survivors, delivered<Survivors>(round, client, frames));
        const Stopwatch watch(client.work_ms);
        FEDSPEND_ASSIGN(const SignSurvivors signature, client.participant->on_survivors(survivors));
        return sent(client, signature, client.participant->session());
      },
      [&](const Client& client, const Envelope& envelope, const Message& message, const Frames&) {
        return round.aggregator.on_sign_survivors(client.id, std::get<SignSurvivors>(message), envelope.signature);
      },
      server_ms));
  FEDSPEND_TRY(advance(round, server_ms));
  return exchange(
      round, survives,
      [&](Client& client, std::size_t) -> Result<Frames> {
        Frames frames;
        FEDSPEND_ASSIGN(const Quorum quorum, delivered<Quorum>(round, client, frames));
        SerialExecutor serial;
        std::optional<Result<Unmask>> unmask;
        {
          const Stopwatch watch(client.quorum_ms);
          unmask = client.participant->on_quorum(quorum, frames.bulk_bytes(), kNow_s, serial);
        }
        if (!*unmask) return fail(unmask->error());
        const Stopwatch watch(client.work_ms);
        return sent(client, **unmask, client.participant->session());
      },
      [&](const Client& client, const Envelope&, const Message& message, const Frames&) { return round.aggregator.on_unmask(client.id, std::get<Unmask>(message)); },
      server_ms);
}

// libsodium's stream alone: as many words as the masks have, block by block into one small buffer for each part.
double mask_floor(std::uint64_t masks, std::uint64_t length, Executor& executor) {
  const std::vector<WordRange> ranges = split_words_for(length, executor.width());
  const MaskKey key{};
  const double began = wall_ms();
  executor.for_each(ranges.size(), [&](std::size_t part) {
    std::vector<std::uint32_t> words(2048);
    for (std::size_t first = 0; first < ranges[part].count; first += words.size()) {
      const std::size_t count = std::min(words.size(), ranges[part].count - first);
      for (std::uint64_t mask = 0; mask < masks; ++mask) mask_words(key, 0, ranges[part].first + first, std::span(words).first(count));
    }
  });
  return wall_ms() - began;
}

Status finish(Round& round) {
  SecureRoundCosts& costs = round.costs;
  FEDSPEND_TRY(advance(round, costs.server_ms));
  const double began = wall_ms();
  const std::unique_ptr<Unmasking> unmasking = round.aggregator.take_unmasking();
  costs.masks = unmasking->mask_count();
  const auto unmasked = unmasking->run(round.executor);
  costs.server_unmasking_ms = wall_ms() - began;
  costs.server_ms += costs.server_unmasking_ms;
  if (!unmasked) return fail(ErrorCode::internal, unmasked.error().why);
  for (std::size_t i = 0; i < round.clients.size(); ++i) {
    if (survives(round.clients[i])) round.expected.add(vector_of(round, i));
  }
  if (!std::ranges::equal(unmasked->sum.values(), round.expected.values())) return fail(ErrorCode::internal, "the sum is not that of the survivors' vectors");
  return {};
}

void sum_up(Round& round) {
  SecureRoundCosts& costs = round.costs;
  double checked = 0;
  for (const Client& client : round.clients) {
    if (client.drops_out) continue;
    costs.client_ms += client.work_ms;
    costs.bytes_up_per_client += static_cast<double>(client.bytes_up);
    costs.bytes_down_per_client += static_cast<double>(client.bytes_down);
    ++costs.survivors;
    if (!client.credentials) continue;
    costs.quorum_check_ms += client.quorum_ms;
    ++checked;
  }
  const double survivors = costs.survivors;
  costs.client_ms /= survivors;
  costs.bytes_up_per_client /= survivors;
  costs.bytes_down_per_client /= survivors;
  costs.quorum_check_ms /= std::max(checked, 1.0);
  costs.expansion = costs.bytes_up_per_client / (static_cast<double>(round.options.dimension) * round.options.value_bits / 8);
  costs.mask_floor_ms = mask_floor(costs.masks, round.terms.length, round.executor);
  SerialExecutor serial;
  costs.client_mask_floor_ms = mask_floor(costs.degree + 1, round.terms.length, serial);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  costs.peak_memory_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

Result<SecureRoundCosts> run_secure_round(const SecureRoundOptions& options, Executor& executor) {
  const unsigned ring_bits = options.value_bits + static_cast<unsigned>(std::bit_width(std::max(options.clients, 1U) - 1));
  if (options.value_bits < 1 || ring_bits > 32)
    return fail(ErrorCode::invalid_argument, std::to_string(options.value_bits) + " bits for each of " + std::to_string(options.clients) + " clients need more than the ring's 32",
                "take fewer bits or fewer clients");
  SessionTerms terms;
  terms.cohort = options.clients;
  terms.length = options.dimension;
  terms.bits = ring_bits;
  terms.clip_norm_l2 = 1.0;
  terms.scale = 1.0;
  terms.min_clients = 1;
  terms.corrupt_ppm = options.corrupt_ppm;
  terms.dropout_ppm = options.tolerated_ppm;
  terms.threat = options.threat;
  terms.security_bits = options.security_bits;
  terms.failure_bits = 20;
  SeededRandom random = stream("secure-round", options.seed, 0);
  random.fill(terms.task.bytes);
  terms.round.value = 1;
  random.fill(terms.assignment.bytes);
  FEDSPEND_ASSIGN(const SessionParameters parameters, derive_parameters(terms, options.clients));
  const IdentityKey authority = IdentityKey::generate(random);
  Round round(options, executor, terms, authority.public_key());
  round.costs.degree = parameters.degree;
  round.costs.threshold = parameters.threshold;
  round.costs.quorum = parameters.quorum;
  round.costs.ring_bits = ring_bits;
  make_clients(round, authority);
  FEDSPEND_TRY(share_keys(round));
  FEDSPEND_TRY(mask_inputs(round));
  FEDSPEND_TRY(unmask(round));
  FEDSPEND_TRY(finish(round));
  sum_up(round);
  return round.costs;
}

}  // namespace fedspend::simulations
