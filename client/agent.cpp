#include "client/agent.h"

#include <algorithm>
#include <set>
#include <utility>

#include "client/file_cache.h"
#include "client/remembered_credentials.h"
#include "client/session.h"
#include "client/training_pool.h"
#include "client/vault_device_record.h"
#include "client/vault_store.h"
#include "common/program/program.h"
#include "common/program/runtime.h"
#include "common/transport/zmq_channel.h"

namespace fedspend::client {
namespace {

constexpr Millis kLongestWait{200};       // so that a signal is seen
constexpr Millis kWaitWhileTraining{5};   // so that a finished training is seen
constexpr Millis kConnectionCheck{1'000};

// What a client keeps on disk. The order is that of their borrowing.
struct ClientStore {
  std::unique_ptr<FileSeedProtector> protector;
  std::unique_ptr<VaultStore> vault;
  std::unique_ptr<DeviceRecord> record;
};

Result<ClientStore> open_store(const std::filesystem::path& folder, RandomSource& random) {
  std::error_code ignored;
  // To begin anew beside it would forget what it holds.
  if (std::filesystem::exists(std::filesystem::symlink_status(folder / "record.db", ignored)))
    return fail(ErrorCode::refused, (folder / "record.db").string() + " is an earlier program's record of this client, which this one does not read",
                "give this client new keys and a new enrolment, then remove the file");
  ClientStore store;
  store.protector = std::make_unique<FileSeedProtector>(folder / kStoreKeyFile, random);
  FEDSPEND_ASSIGN(store.vault, VaultStore::open(folder / kVaultFile, *store.protector, random));
  FEDSPEND_ASSIGN(store.record, VaultDeviceRecord::open(*store.vault, random));
  return store;
}

}  // namespace

struct Agent::State {
  AgentOptions options;
  const Clock& clock;
  FileCache cache;
  ZmqContext context;
  std::vector<Profile> profiles;
  RememberedCredentials credentials;  // of all clients: what one has verified, the others need not
  ThreadExecutor executor;
  std::vector<ClientStore> stores;
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<std::unique_ptr<ZmqDeviceChannel>> channels;
  std::vector<ZmqDeviceChannel*> waiting_on;
  std::vector<Millis> alarm;
  std::set<std::pair<Millis, std::size_t>> alarms;
  std::vector<bool> ended;
  std::vector<bool> not_accepted;
  std::vector<std::uint64_t> connections;
  std::size_t ended_count = 0;  // told that the federation is finished, or refused for good
  bool ever_connected = false;
  Millis next_check{};
  AgentSummary summary;
  TrainingPool pool;  // last: it stops before what its jobs read goes

  State(AgentOptions given, const Clock& given_clock)
      : options(std::move(given)), clock(given_clock), cache(options.cache, options.release_key),
        credentials({.authority = options.authority_key, .population = options.population, .remembers_signatures = true}), executor(options.threads), pool(options.threads) {}

  void take(std::size_t client, Effects effects);
  void end(std::size_t client);
  void set_alarm(std::size_t client, Millis time);
  Status receive(Millis timeout);
  void wake_due();
  void collect_trainings();
  Status check_connections();
  void note_refused(std::size_t client, const std::string& why);
};

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::create(std::vector<Profile> profiles, AgentOptions options, const Clock& clock, RandomSource& random) {
  FEDSPEND_TRY(check_release_key(options.policy, options.release_key));
  FEDSPEND_TRY(program::require_descriptors(profiles.size() * 7 + 64));
  auto state = std::make_unique<State>(std::move(options), clock);
  state->profiles = std::move(profiles);
  const std::size_t count = state->profiles.size();
  state->alarm.assign(count, Millis::max());
  state->ended.assign(count, false);
  state->not_accepted.assign(count, false);
  state->connections.assign(count, 0);
  state->summary.clients = count;
  for (Profile& profile : state->profiles) {
    // Before the store, which is files: with an address that is none, nothing is written.
    ZmqDeviceOptions connection;
    connection.address = state->options.coordinator;
    connection.server_key = state->options.coordinator_key;
    connection.connect_timeout = state->options.connect_timeout;
    FEDSPEND_ASSIGN(auto channel, ZmqDeviceChannel::connect(state->context, std::move(connection), profile.curve));
    SessionOptions session;
    session.population = state->options.population;
    session.software = "fedspend-device " + std::string(program::version());
    session.release_key = state->options.release_key;
    session.policy = state->options.policy;
    session.transient_backoff = state->options.transient_backoff;
    session.permanent_backoff = state->options.permanent_backoff;
    session.held_plan = state->cache.plan_on_disk();
    session.held_model = state->cache.model_on_disk();
    FEDSPEND_ASSIGN(ClientStore store, open_store(profile.folder, random));
    state->stores.push_back(std::move(store));
    state->sessions.push_back(std::make_unique<Session>(std::move(session), std::move(profile.identity),
                                                        SessionServices{.random = random,
                                                                        .cache = state->cache,
                                                                        .record = *state->stores.back().record,
                                                                        .credentials = state->credentials,
                                                                        .executor = state->executor,
                                                                        .unix_time_s = program::unix_time_s}));
    state->waiting_on.push_back(channel.get());
    state->channels.push_back(std::move(channel));
  }
  return std::unique_ptr<Agent>(new Agent(std::move(state)));
}

Result<AgentSummary> Agent::run(const std::atomic<bool>& stop) {
  State& state = *state_;
  const Millis begun = state.clock.now();
  state.next_check = begun + kConnectionCheck;
  for (std::size_t i = 0; i < state.sessions.size(); ++i) state.take(i, state.sessions[i]->start(begun));
  while (!stop.load()) {
    if (state.options.exit_when_finished && state.ended_count == state.sessions.size()) break;
    const Millis now = state.clock.now();
    const Millis next = state.alarms.empty() ? now + kLongestWait : state.alarms.begin()->first;
    const Millis longest = state.pool.busy() ? kWaitWhileTraining : kLongestWait;
    FEDSPEND_TRY(state.receive(std::clamp(next - now, Millis(0), longest)));
    state.collect_trainings();
    state.wake_due();
    FEDSPEND_TRY(state.check_connections());
  }
  state.summary.finished = state.ended_count == state.sessions.size() && state.summary.clients_refused == 0;
  return state.summary;
}

Status Agent::State::receive(Millis timeout) {
  FEDSPEND_ASSIGN(const std::vector<std::size_t> ready, ZmqDeviceChannel::wait_any(waiting_on, timeout));
  for (const std::size_t client : ready) {
    for (;;) {
      FEDSPEND_ASSIGN(std::optional<Frames> frames, channels[client]->receive());
      if (!frames) break;
      take(client, sessions[client]->step(FramesReceived{std::move(*frames)}, clock.now()));
    }
  }
  return {};
}

void Agent::State::collect_trainings() {
  for (TrainingPool::Finished& finished : pool.take_finished()) {
    ++summary.trainings;
    if (finished.result.diverged) program::log(program::LogLevel::warning, "training_diverged", {{"client", profiles[finished.client].folder.filename().string()}});
    take(finished.client, sessions[finished.client]->step(finished.result, clock.now()));
  }
}

void Agent::State::wake_due() {
  const Millis now = clock.now();
  while (!alarms.empty() && alarms.begin()->first <= now) {
    const std::size_t client = alarms.begin()->second;
    alarms.erase(alarms.begin());
    alarm[client] = Millis::max();
    take(client, sessions[client]->step(Wake{}, now));
  }
}

void Agent::State::set_alarm(std::size_t client, Millis time) {
  alarms.erase({alarm[client], client});
  alarm[client] = time;
  alarms.emplace(time, client);
}

void Agent::State::take(std::size_t client, Effects effects) {
  for (Effect& effect : effects) {
    if (auto* send = std::get_if<Send>(&effect)) {
      // Not sent: the session's own time-out decides what is next.
      if (channels[client]->send(send->frames)) summary.bytes_sent += send->frames.size();
    } else if (auto* start = std::get_if<StartTraining>(&effect)) {
      pool.submit(client, std::move(*start), profiles[client].transactions);
    } else if (std::holds_alternative<StopTraining>(effect)) {
      pool.stop(client);
    } else if (const auto* wake = std::get_if<WakeAt>(&effect)) {
      set_alarm(client, wake->time);
    } else if (const auto* reported = std::get_if<Reported>(&effect)) {
      ++(reported->status == UpdateStatus::accepted ? summary.updates_accepted : summary.updates_not_accepted);
    } else if (const auto* refused = std::get_if<Refused>(&effect)) {
      if (refused->of.type == MessageType::check_in) continue;  // silent at its cap
      ++summary.assignments_refused;
      summary.last_refusal = refused->why;
      program::log(program::LogLevel::info, "assignment_refused", {{"client", profiles[client].folder.filename().string()}, {"reason", refused->why}});
    } else if (const auto* turned_away = std::get_if<TurnedAway>(&effect)) {
      program::log(program::LogLevel::warning, "turned_away", {{"client", profiles[client].folder.filename().string()}, {"reason", std::string(to_string(turned_away->reason))}});
    } else if (const auto* ignored = std::get_if<Ignored>(&effect)) {
      program::log(program::LogLevel::debug, "message_ignored", {{"reason", ignored->why}});
    } else if (std::holds_alternative<Ended>(effect)) {
      end(client);
    }
  }
}

void Agent::State::end(std::size_t client) {
  if (!ended[client]) ++ended_count;
  ended[client] = true;
}

// A connection that is lost is tried again without end, and the session hears of the new one: what it was doing may go on.
Status Agent::State::check_connections() {
  const Millis now = clock.now();
  if (now < next_check) return {};
  next_check = now + kConnectionCheck;
  Status first_failure;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    Status state = channels[i]->check(now);
    const std::uint64_t before = std::exchange(connections[i], channels[i]->connections());
    ever_connected = ever_connected || connections[i] != 0;
    if (is_connection_restored(before, connections[i])) take(i, sessions[i]->step(ConnectionRestored{}, now));
    if (state) continue;
    ++failed;
    if (channels[i]->state() == ConnectionState::refused && !not_accepted[i]) note_refused(i, state.error().message);
    if (first_failure) first_failure = std::move(state);
  }
  // A coordinator that was there may come back; one that never was is said, so that a wrong address or key is seen.
  if (failed == channels.size() && (!ever_connected || summary.clients_refused == channels.size())) return first_failure;
  return {};
}

// One client that is not enrolled does not stop the others of its process, but it is said.
void Agent::State::note_refused(std::size_t client, const std::string& why) {
  not_accepted[client] = true;
  ++summary.clients_refused;
  end(client);
  if (channels.size() > 1) program::log(program::LogLevel::warning, "client_refused", {{"client", profiles[client].folder.filename().string()}, {"reason", why}});
}

}  // namespace fedspend::client
