#include "simulations/federation/federation.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "client/local_training.h"
#include "common/check.h"
#include "common/crypto/hash.h"
#include "simulations/federation/recorded_chooser.h"
#include "simulations/parallel.h"

namespace fedspend::simulations {
namespace {

constexpr unsigned kMaxAbortedInARow = 5;

std::array<std::uint8_t, 32> key_of(std::string_view label, std::uint64_t seed, std::string_view name) {
  return Hasher(label).u64(seed).field(name).finish();
}

struct Device {
  std::size_t client = 0;  // index into the clients
  SeededRandom random;
  client::Session session;
  CurvePublicKey transport_key;
  PeerId peer;

  Device(std::size_t index, const SeededRandom& seeded, client::SessionOptions options, IdentityKey identity, client::ContentCache& cache, CurvePublicKey transport)
      : client(index), random(seeded), session(std::move(options), std::move(identity), random, cache), transport_key(transport), peer{std::to_string(index)} {}
};

// What was recorded must be possible under the plan: its devices would refuse another cohort, round for round.
Status check_recorded(const Plan& plan, const std::vector<RecordedRound>& recorded) {
  if (recorded.size() < plan.federation.rounds)
    return fail(ErrorCode::invalid_argument, "cohort log: it has " + std::to_string(recorded.size()) + " rounds, the plan " + std::to_string(plan.federation.rounds),
                "run as many rounds as were recorded (--rounds)");
  for (const RecordedRound& round : recorded) {
    if (round.contributors.size() >= plan.min_reports() && round.contributors.size() <= plan.devices_asked()) continue;
    return fail(ErrorCode::invalid_argument, "cohort log: round " + std::to_string(round.round) + " has " + std::to_string(round.contributors.size()) +
                                                 " contributors, the plan " + std::to_string(plan.min_reports()) + " to " + std::to_string(plan.devices_asked()),
                "give the plan that the federation ran on");
  }
  return {};
}

}  // namespace

struct Federation::State {
  std::span<const FederatedClient> clients;
  FederationOptions options;
  client::MemoryCache cache;
  std::vector<std::unique_ptr<Device>> devices;
  std::unordered_map<std::string, std::size_t> device_of_peer;
  SeededRandom random;
  std::unique_ptr<coordinator::CohortChooser> chooser;
  std::unique_ptr<coordinator::RoundMachine> machine;
  std::vector<std::unique_ptr<models::Trainer>> trainers;  // one per worker

  // The simulated world: messages in flight (in order), alarms by time, trainings to run.
  struct ToCoordinator {
    std::size_t device;
    Frames frames;
  };
  struct ToDevice {
    std::size_t device;
    Frames frames;
  };
  Millis now{0};
  std::deque<std::variant<ToCoordinator, ToDevice>> in_flight;
  std::set<std::pair<Millis, std::size_t>> device_alarms;
  std::vector<Millis> device_alarm;
  std::optional<Millis> machine_alarm;
  std::vector<std::pair<std::size_t, client::StartTraining>> trainings;
  const std::function<bool(const SimulatedRound&)>* on_round = nullptr;
  bool stopped = false;
  bool finished = false;
  unsigned aborted_in_a_row = 0;

  State(std::uint64_t seed) : random(Hasher("sim-coordinator").u64(seed).finish()) {}

  Status drive();
  Status deliver(const std::variant<ToCoordinator, ToDevice>& message);
  void train_all();
  Status wake_next();
  void set_alarm(std::size_t device, Millis time);
  void take(std::size_t device, client::Effects effects);
  Status take(coordinator::Effects effects);
  Status report(const coordinator::RoundSummary& summary, const ModelHash& hash, std::shared_ptr<const std::vector<float>> weights);
};

Federation::Federation(std::unique_ptr<State> state) : state_(std::move(state)) {}
Federation::~Federation() = default;
const Plan& Federation::plan() const { return state_->machine->plan(); }
std::size_t Federation::eligible_clients() const { return state_->devices.size(); }
std::shared_ptr<const std::vector<float>> Federation::weights() const { return state_->machine->weights(); }

Result<std::unique_ptr<Federation>> Federation::create(std::span<const FederatedClient> clients, std::string_view plan_toml, std::vector<float> initial_weights,
                                                       FederationOptions options) {
  FEDSPEND_CHECK(options.threads >= 1, "at least one thread");
  SeededRandom release_random(Hasher("sim-release").u64(options.seed).finish());
  const IdentityKey release_key = IdentityKey::generate(release_random);
  const ByteSpan plan_bytes = as_bytes(plan_toml);
  const SignedPlan signed_plan = sign_plan(Bytes(plan_bytes.begin(), plan_bytes.end()), release_key);
  FEDSPEND_ASSIGN(const Plan plan, open_plan(signed_plan, release_key.public_key()));

  auto state = std::make_unique<State>(options.seed);
  state->clients = clients;
  std::vector<coordinator::EnrolledDevice> enrolled;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (!client::is_eligible(plan, clients[i].rows.size())) continue;
    SeededRandom keys(key_of("sim-keys", options.seed, clients[i].label));
    IdentityKey identity = IdentityKey::generate(keys);
    const CurveKeyPair curve = CurveKeyPair::generate(keys);
    enrolled.push_back({client_id_of(identity.public_key()), identity.public_key(), curve.public_key, clients[i].label});
    client::SessionOptions session;
    session.population = plan.population;
    session.software = "fedspend-sim";
    session.release_key = release_key.public_key();
    session.policy = options.policy;
    state->devices.push_back(std::make_unique<Device>(i, SeededRandom(key_of("sim-session", options.seed, clients[i].label)), std::move(session), std::move(identity),
                                                      state->cache, curve.public_key));
    state->device_of_peer.emplace(state->devices.back()->peer.value, state->devices.size() - 1);
  }
  FEDSPEND_ASSIGN(coordinator::EnrolmentList list, coordinator::EnrolmentList::create(std::move(enrolled)));
  if (options.recorded.empty()) {
    state->chooser = std::make_unique<coordinator::UniformChooser>(state->random);
  } else {
    FEDSPEND_TRY(check_recorded(plan, options.recorded));
    FEDSPEND_ASSIGN(state->chooser, make_recorded_chooser(options.recorded, list));
  }
  for (unsigned i = 0; i < options.threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model));
    state->trainers.push_back(std::move(trainer));
  }
  FEDSPEND_ASSIGN(state->machine, coordinator::RoundMachine::create(signed_plan, release_key.public_key(), {.rounds_done = 0, .weights = std::move(initial_weights), .optimizer_state = {}}, std::move(list), {},
                                                                    *state->chooser, state->random));
  state->options = std::move(options);
  state->device_alarm.assign(state->devices.size(), Millis::max());
  return std::unique_ptr<Federation>(new Federation(std::move(state)));
}

Status Federation::run(const std::function<bool(const SimulatedRound&)>& on_round) {
  state_->on_round = &on_round;
  FEDSPEND_TRY(state_->take(state_->machine->start(state_->now)));
  for (std::size_t i = 0; i < state_->devices.size(); ++i) state_->take(i, state_->devices[i]->session.start(state_->now));
  return state_->drive();
}

Status Federation::State::drive() {
  while (!finished && !stopped) {
    if (!in_flight.empty()) {
      const auto message = std::move(in_flight.front());
      in_flight.pop_front();
      FEDSPEND_TRY(deliver(message));
    } else if (!trainings.empty()) {
      train_all();
    } else {
      FEDSPEND_TRY(wake_next());
    }
  }
  return {};
}

Status Federation::State::deliver(const std::variant<ToCoordinator, ToDevice>& message) {
  if (const auto* up = std::get_if<ToCoordinator>(&message)) {
    const Device& device = *devices[up->device];
    return take(machine->step(coordinator::MessageReceived{device.peer, device.transport_key, up->frames}, now));
  }
  const auto& down = std::get<ToDevice>(message);
  take(down.device, devices[down.device]->session.step(client::FramesReceived{down.frames}, now));
  return {};
}

void Federation::State::train_all() {
  const auto batch = std::exchange(trainings, {});
  std::vector<client::Effects> effects(batch.size());
  for_each_index(batch.size(), options.threads, [&](std::size_t i, unsigned worker) {
    Device& device = *devices[batch[i].first];
    const client::TrainingFinished trained = client::train_locally(*trainers[worker], batch[i].second, clients[device.client].rows);
    effects[i] = device.session.step(trained, now);  // clipping, rounding, packing and signing are the device's work
  });
  for (std::size_t i = 0; i < batch.size(); ++i) take(batch[i].first, std::move(effects[i]));
}

Status Federation::State::wake_next() {
  const Millis device_time = device_alarms.empty() ? Millis::max() : device_alarms.begin()->first;
  const Millis machine_time = machine_alarm.value_or(Millis::max());
  if (device_time == Millis::max() && machine_time == Millis::max()) return fail(ErrorCode::internal, "the simulated federation has nothing left to do");
  now = std::max(now, std::min(device_time, machine_time));
  // All devices of this instant before the coordinator: it then sees all who come at the same time.
  if (device_time <= machine_time) {
    while (!device_alarms.empty() && device_alarms.begin()->first <= now) {
      const std::size_t device = device_alarms.begin()->second;
      device_alarms.erase(device_alarms.begin());
      device_alarm[device] = Millis::max();
      take(device, devices[device]->session.step(client::Wake{}, now));
    }
    return {};
  }
  machine_alarm.reset();
  return take(machine->step(coordinator::Wake{}, now));
}

void Federation::State::set_alarm(std::size_t device, Millis time) {
  device_alarms.erase({device_alarm[device], device});
  device_alarm[device] = time;
  device_alarms.emplace(time, device);
}

void Federation::State::take(std::size_t device, client::Effects effects) {
  for (client::Effect& effect : effects) {
    if (auto* send = std::get_if<client::Send>(&effect)) {
      in_flight.push_back(ToCoordinator{device, std::move(send->frames)});
    } else if (auto* start = std::get_if<client::StartTraining>(&effect)) {
      trainings.emplace_back(device, std::move(*start));
    } else if (const auto* wake = std::get_if<client::WakeAt>(&effect)) {
      set_alarm(device, wake->time);  // the newest replaces: a session has one thing to wait for
    }
  }
}

Status Federation::State::take(coordinator::Effects effects) {
  for (coordinator::Effect& effect : effects) {
    if (auto* send = std::get_if<coordinator::Send>(&effect)) {
      in_flight.push_back(ToDevice{device_of_peer.at(send->peer.value), std::move(send->frames)});
    } else if (const auto* wake = std::get_if<coordinator::WakeAt>(&effect)) {
      machine_alarm = std::min(machine_alarm.value_or(Millis::max()), wake->time);
    } else if (auto* publish = std::get_if<coordinator::Publish>(&effect)) {
      aborted_in_a_row = 0;
      FEDSPEND_TRY(report(publish->summary, publish->hash, publish->weights));
      if (stopped) return {};
      FEDSPEND_TRY(take(machine->step(coordinator::ModelStored{publish->summary.round}, now)));
    } else if (const auto* aborted = std::get_if<coordinator::RoundAborted>(&effect)) {
      FEDSPEND_TRY(report(aborted->summary, ModelHash{}, machine->weights()));
      if (++aborted_in_a_row >= kMaxAbortedInARow)
        return fail(ErrorCode::timeout, "round " + std::to_string(aborted->summary.round.value) + " was aborted " + std::to_string(aborted_in_a_row) +
                                            " times in a row: " + aborted->summary.why_aborted,
                    "lower federation.cohort or min_cohort, or take a population with more eligible clients (" + std::to_string(devices.size()) + " here)");
    } else if (std::holds_alternative<coordinator::Finished>(effect)) {
      finished = true;
    }
  }
  return {};
}

Status Federation::State::report(const coordinator::RoundSummary& summary, const ModelHash& hash, std::shared_ptr<const std::vector<float>> weights) {
  if (!(*on_round)(SimulatedRound{summary, hash, std::move(weights), now})) stopped = true;
  return {};
}

}  // namespace fedspend::simulations
