#include "tests/rounds/world.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "client/remembered_credentials.h"
#include "common/check.h"
#include "common/numeric/quantizer.h"
#include "coordinator/cohort_selection.h"
#include "tests/rounds/network.h"
#include "tests/rounds/rogue.h"
#include "tests/rounds/sabotage.h"

namespace fedspend::testing {
namespace {

constexpr std::size_t kOperationsKept = 400;
constexpr std::uint64_t kMaxSteps = 300'000;
constexpr Millis kLongestStore{25'000};
constexpr Millis kToTheEnd{3'600'000};   // after heal_at, at most
constexpr Millis kAfterwards{120'000};   // what still comes after the end
constexpr Millis kSelectionTimeout{90'000};
constexpr Millis kLongestSum{3'000};
const std::set<std::string_view> kSecretPhases = {"advertising", "sharing", "masking", "signing", "revealing"};

enum class Temper { honest, slow, fickle, not_finite, huge, failing, rogue };

struct Device {
  explicit Device(DeviceKeys given) : keys(std::move(given)) {}

  DeviceKeys keys;
  Temper temper = Temper::honest;
  std::unique_ptr<client::MemoryCache> cache;
  std::unique_ptr<client::MemoryDeviceRecord> record;  // outlives the device's processes
  std::unique_ptr<SeededRandom> random;
  std::unique_ptr<client::Session> session;  // null: it is off
  unsigned generation = 0;
  Millis alarm = Millis::max();
  unsigned training = 0;                     // counts StartTraining
  std::vector<Frames> sent;                  // for rogues: what can be replayed
  SessionId last_session;
  std::vector<float> handed_in;              // to the session, for its next masked input
};

class World {
 public:
  explicit World(const WorldOptions& options)
      : options_(options), plan_(world_plan(options)), signed_plan_(signed_plan(plan_)), network_(options, Millis(plan_.federation.round_deadline_ms)),
        random_(Hasher("test-world").u64(options.seed).finish()), oracle_(plan_, hash_of_plan(signed_plan_.bytes), sample_weights()) {}

  WorldOutcome run();

 private:
  void at(Millis time, std::function<void()> what) { agenda_.emplace(std::pair{std::max(time, now_), sequence_++}, std::move(what)); }
  void after(std::uint64_t up_to_ms, std::function<void()> what) { at(now_ + below(up_to_ms), std::move(what)); }
  Millis below(std::uint64_t ms) { return Millis(static_cast<std::int64_t>(random_.below(std::max<std::uint64_t>(ms, 1)))); }
  bool faulty() const { return now_ < options_.heal_at; }
  void note(const std::string& what);
  void check_progress();

  void schedule_faults();
  void boot_coordinator();
  void kill_coordinator();
  void carry_out(coordinator::Effects effects, std::size_t from, const Frames* incoming);
  void coordinator_step(const coordinator::Event& event) { carry_out(machine_->step(event, now_), options_.devices, nullptr); }
  void set_coordinator_alarm(Millis time);
  void compute(const coordinator::ComputeSum& effect);
  void on_reply_accepted(std::size_t index, std::size_t from, const Frames* incoming);
  void check_charges();
  void publish(const coordinator::Publish& given);
  void deliver_up(std::size_t from, unsigned generation, const Delivery& delivery);
  void on_coordinator_send(const coordinator::Send& send, std::size_t from, const Frames* incoming);

  void boot_device(std::size_t index);
  void kill_device(std::size_t index);
  void carry_out(std::size_t index, client::Effects effects);
  void device_step(std::size_t index, const client::Event& event) { carry_out(index, devices_[index].session->step(event, now_)); }
  void up(std::size_t index, const Frames& frames);
  void train(std::size_t index, const client::StartTraining& start);
  std::variant<std::vector<float>, DeclineReason> trained(std::size_t index, const client::StartTraining& start);
  void misbehave(std::size_t index);

  WorldOptions options_;
  Plan plan_;
  SignedPlan signed_plan_;
  FaultyNetwork network_;
  SeededRandom random_;
  Oracle oracle_;
  std::map<std::pair<Millis, std::uint64_t>, std::function<void()>> agenda_;
  std::uint64_t sequence_ = 0;
  Millis now_{0};
  std::vector<Device> devices_;

  std::unique_ptr<SeededRandom> machine_random_;
  std::unique_ptr<coordinator::UniformChooser> chooser_;
  std::unique_ptr<coordinator::RoundMachine> machine_;  // null: it is off
  unsigned machine_generation_ = 0;
  Millis machine_alarm_ = Millis::max();
  SessionId open_session_;
  Millis collecting_until_{0};
  std::pair<std::string, SessionId> machine_phase_;  // and the session it is in
  Millis machine_phase_began_{0};
  Millis last_progress_{0};  // when a round last ended, or the coordinator began
  std::optional<coordinator::Publish> being_written_;
  std::uint64_t lost_model_ = 0;
  bool finished_ = false;
  client::RememberedCredentials credentials_{{.authority = authority_key().public_key(), .population = "cards", .remembers_signatures = true}};  // of all devices
  SerialExecutor executor_;
  std::deque<std::string> operations_;
  WorldOutcome outcome_;
};

void World::note(const std::string& what) {
  operations_.push_back(std::to_string(now_.count()) + " " + what);
  if (operations_.size() > kOperationsKept) operations_.pop_front();
}

WorldOutcome World::run() {
  constexpr std::array tempers{Temper::slow, Temper::fickle, Temper::not_finite, Temper::huge, Temper::failing, Temper::rogue};
  for (std::size_t i = 0; i < options_.devices; ++i) {
    devices_.emplace_back(device_keys(i));
    // Three in five are honest, so that rounds can succeed.
    if (options_.misbehaving_devices && i % 5 >= 3) devices_[i].temper = tempers[random_.below(tempers.size())];
  }
  for (std::size_t i = 0; i < options_.devices; ++i) boot_device(i);
  boot_coordinator();
  schedule_faults();
  while (oracle_.violations().empty() && !agenda_.empty()) {
    const auto next = agenda_.begin();
    now_ = next->first.first;
    const std::function<void()> what = std::move(next->second);
    agenda_.erase(next);
    check_progress();
    what();
    if (++outcome_.steps > kMaxSteps) oracle_.violated("no end after " + std::to_string(kMaxSteps) + " steps");
    if (finished_ && now_ > options_.heal_at + kAfterwards) break;
  }
  check_charges();
  outcome_.violations = oracle_.violations();
  outcome_.operations.assign(operations_.begin(), operations_.end());
  outcome_.contributions = oracle_.contributions();
  outcome_.ended_at = now_;
  return std::move(outcome_);
}

void World::check_progress() {
  if (finished_) return;
  const Millis phases = 4 * Millis(plan_.aggregation.phase_deadline_ms) + kLongestSum;
  const Millis longest = kSelectionTimeout + Millis(plan_.federation.round_deadline_ms) + phases + kLongestStore + Millis(1'000);
  const bool is_secret = machine_ && kSecretPhases.contains(machine_->phase());
  const Millis phase_limit = machine_ && machine_->phase() == "advertising" ? Millis(plan_.federation.round_deadline_ms) : Millis(plan_.aggregation.phase_deadline_ms);
  if (is_secret && now_ > machine_phase_began_ + phase_limit) oracle_.violated("a phase that goes on after its deadline: " + std::string(machine_->phase()));
  if (machine_ && machine_->phase() == "collecting" && now_ > collecting_until_) oracle_.violated("a round that goes on after its deadline");
  if (machine_ && now_ - last_progress_ > longest) oracle_.violated("no round has ended for " + std::to_string((now_ - last_progress_).count()) + " ms");
  if (now_ > options_.heal_at + kToTheEnd) oracle_.violated("the federation did not come to its end on a network that is whole");
}

void World::schedule_faults() {
  const auto heal_ms = static_cast<std::uint64_t>(options_.heal_at.count());
  for (unsigned i = 0; i < options_.device_kills; ++i) after(heal_ms, [this] { kill_device(random_.below(devices_.size())); });
  for (unsigned i = 0; i < options_.coordinator_kills; ++i) after(heal_ms, [this] { kill_coordinator(); });
  for (unsigned i = 0; i < options_.partitions; ++i) {
    after(heal_ms, [this] {
      std::set<std::size_t> isolated;
      for (std::size_t d = 0; d < devices_.size(); ++d)
        if (network_.chance(500)) isolated.insert(d);
      note("partition of " + std::to_string(isolated.size()) + " devices");
      network_.isolate(isolated);
      for (const std::size_t d : isolated)
        if (devices_[d].session && network_.chance(300)) device_step(d, client::ConnectionLost{});
      after(90'000, [this] { network_.isolate({}); });
    });
  }
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    if (devices_[d].temper != Temper::rogue) continue;
    for (int i = 0; i < 60; ++i) after(heal_ms + 120'000, [this, d] { misbehave(d); });
  }
}

// The coordinator

void World::boot_coordinator() {
  std::vector<coordinator::EnrolledDevice> enrolled;
  for (const Device& device : devices_) enrolled.push_back({device.keys.id, device.keys.identity.public_key(), device.keys.transport, certificate_of(device.keys.identity.public_key()), ""});
  ++machine_generation_;
  machine_random_ = std::make_unique<SeededRandom>(Hasher("test-machine").u64(options_.seed).u64(machine_generation_).finish());
  chooser_ = std::make_unique<coordinator::UniformChooser>(*machine_random_);
  coordinator::MachineOptions machine_options;
  machine_options.selection_timeout = kSelectionTimeout;
  machine_options.longest_hold = Millis(80'000);
  const bool loses = lost_model_ != 0;
  coordinator::Checkpoint checkpoint{loses ? 0 : oracle_.durable_round(), loses ? sample_weights() : oracle_.durable_weights(), loses ? std::vector<float>() : oracle_.durable_state()};
  if (options_.sabotage == Sabotage::forgets_state && checkpoint.rounds_done != 0) checkpoint.optimizer_state.assign(checkpoint.optimizer_state.size(), 0.0025F);
  const bool state_is_lost = checkpoint.optimizer_state != oracle_.durable_state();
  auto made = coordinator::RoundMachine::create(signed_plan_, release_key().public_key(), std::move(checkpoint), *coordinator::EnrolmentList::create(std::move(enrolled)),
                                                machine_options, *chooser_, *machine_random_);
  FEDSPEND_CHECK(made.has_value(), "a plan that the machine takes");
  machine_ = std::move(*made);
  machine_alarm_ = Millis::max();
  last_progress_ = now_;
  note("coordinator begins after round " + std::to_string(machine_->rounds_done()));
  // Of a state that was lost the oracle is to learn from the weights that come of it.
  if (state_is_lost && !loses) oracle_.forget_unstored();
  else oracle_.on_coordinator_began(*machine_);
  carry_out(machine_->start(now_), devices_.size(), nullptr);
}

void World::kill_coordinator() {
  if (!machine_) return;
  note("coordinator killed while " + std::string(machine_->phase()));
  machine_.reset();
  machine_alarm_ = Millis::max();
  ++machine_generation_;
  ++outcome_.restarts;
  finished_ = false;
  if (being_written_ && network_.chance(500)) oracle_.on_durable(*being_written_);  // the old model or the new one
  being_written_.reset();
  if (options_.sabotage == Sabotage::forgets_model) lost_model_ = oracle_.durable_round();
  for (std::size_t d = 0; d < devices_.size(); ++d)
    if (devices_[d].session && network_.chance(300)) device_step(d, client::ConnectionLost{});
  after(40'000, [this] { boot_coordinator(); });
}

void World::set_coordinator_alarm(Millis time) {
  if (time >= machine_alarm_) return;
  machine_alarm_ = time;
  if (options_.sabotage == Sabotage::loses_alarms && outcome_.aborted + outcome_.published >= 1) return;
  at(time, [this, generation = machine_generation_, time] {
    if (!machine_ || generation != machine_generation_ || machine_alarm_ != time) return;
    machine_alarm_ = Millis::max();
    coordinator_step(coordinator::Wake{});
  });
}

void World::carry_out(coordinator::Effects effects, std::size_t from, const Frames* incoming) {
  for (const coordinator::Effect& effect : effects) {
    if (const auto* send = std::get_if<coordinator::Send>(&effect)) {
      on_coordinator_send(*send, from, incoming);
    } else if (const auto* wake = std::get_if<coordinator::WakeAt>(&effect)) {
      set_coordinator_alarm(wake->time);
    } else if (const auto* given = std::get_if<coordinator::Publish>(&effect)) {
      publish(*given);
    } else if (const auto* aborted = std::get_if<coordinator::RoundAborted>(&effect)) {
      ++outcome_.aborted;
      last_progress_ = now_;
      note("aborted: " + aborted->summary.why_aborted);
      oracle_.on_aborted(aborted->summary);
    } else if (const auto* dropped = std::get_if<coordinator::Dropped>(&effect)) {
      note("dropped: " + std::string(to_string(dropped->reason)));
    } else if (const auto* sum = std::get_if<coordinator::ComputeSum>(&effect)) {
      compute(*sum);
    } else if (std::holds_alternative<coordinator::Finished>(effect)) {
      finished_ = true;
      note("finished");
    }
  }
  const std::pair phase(std::string(machine_->phase()), open_session_);
  if (phase != machine_phase_) {
    machine_phase_ = phase;
    machine_phase_began_ = now_;
  }
  const bool waits = machine_->phase() == "selecting" || machine_->phase() == "collecting" || kSecretPhases.contains(machine_->phase());
  if (waits && machine_alarm_ == Millis::max()) oracle_.violated("a coordinator that is " + std::string(machine_->phase()) + " and set no alarm");
}

void World::on_coordinator_send(const coordinator::Send& send, std::size_t from, const Frames* incoming) {
  const std::size_t dot = send.peer.value.find('.');
  const std::size_t index = std::stoul(send.peer.value);
  const auto generation = static_cast<unsigned>(std::stoul(send.peer.value.substr(dot + 1)));
  const Result<Envelope> envelope = open_envelope(send.frames.control);
  const Result<Message> message = envelope ? decode_body(envelope->type, envelope->body) : Result<Message>(fail(Error{}));
  if (!message) return oracle_.violated("the coordinator sent what does not decode");
  note("down " + std::to_string(index) + " " + std::string(to_string(envelope->type)));
  if (const auto* assignment = std::get_if<Assignment>(&*message)) {
    oracle_.on_assignment(devices_[index].keys.id, *envelope, *assignment, send.frames);
    if (open_session_ != envelope->session) collecting_until_ = now_ + Millis(assignment->deadline_ms);
    open_session_ = envelope->session;
  }
  if (std::holds_alternative<RosterView>(*message)) oracle_.on_secure_session(envelope->session);
  if (const auto* shares = std::get_if<DeliverShares>(&*message)) oracle_.on_shares_delivered(devices_[index].keys.id, envelope->session, shares->sealed.size() / kSealedShareBytes);
  if (const auto* reply = std::get_if<UpdateReply>(&*message); reply != nullptr && reply->status == UpdateStatus::accepted) on_reply_accepted(index, from, incoming);
  for (Delivery& delivery : network_.carry(send.frames, index, faulty())) {
    ++outcome_.messages;
    outcome_.corrupted += delivery.corrupted ? 1 : 0;
    at(now_ + delivery.delay, [this, index, generation, frames = std::move(delivery.frames)] {
      Device& device = devices_[index];
      if (!device.session || device.generation != generation) return;
      if (const Result<Envelope> opened = open_envelope(frames.control); opened && !opened->session.is_zero()) device.last_session = opened->session;
      device_step(index, client::FramesReceived{frames});
    });
  }
}

void World::on_reply_accepted(std::size_t index, std::size_t from, const Frames* incoming) {
  if (incoming == nullptr || from != index) return oracle_.violated("accepted without an update");
  const DeviceKeys& keys = devices_[index].keys;
  if (options_.secure) oracle_.on_unmask_accepted(keys.id, keys.identity.public_key(), *incoming);
  else oracle_.on_accepted(keys.id, keys.identity.public_key(), *incoming);
}

// The sum comes after a while; a coordinator that was killed meanwhile has none.
void World::compute(const coordinator::ComputeSum& effect) {
  after(static_cast<std::uint64_t>(kLongestSum.count()), [this, effect, generation = machine_generation_] {
    if (!machine_ || generation != machine_generation_) return;
    auto outcome = effect.unmasking->run(executor_);
    if (outcome) spoil(options_.sabotage, outcome->sum, random_);
    note(outcome ? "sum computed" : "no sum: " + outcome.error().why);
    coordinator_step(coordinator::SumComputed{effect.session, std::move(outcome)});
  });
}

void World::check_charges() {
  if (!options_.secure) return;
  for (const Device& device : devices_)
    if (device.record) oracle_.on_charges(device.keys.id, device.record->participations(plan_.task).value_or(0));
}

void World::publish(const coordinator::Publish& given) {
  coordinator::Publish seen = given;
  if (options_.sabotage == Sabotage::names_twice) seen.summary.contributors.push_back(seen.summary.contributors.back());
  if (options_.sabotage == Sabotage::adds_twice) {
    // As if one of n updates counted twice: the mean moves by about a part in n of what it was.
    std::vector<float> weights = *given.weights;
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += (weights[i] - oracle_.durable_weights()[i]) / static_cast<float>(seen.summary.contributors.size());
    seen.hash = model_hash_of(weights);
    seen.weights = std::make_shared<const std::vector<float>>(std::move(weights));
  }
  ++outcome_.published;
  last_progress_ = now_;
  note("publish round " + std::to_string(seen.summary.round.value) + " of " + std::to_string(seen.summary.contributors.size()));
  oracle_.on_published(seen);
  check_charges();
  being_written_ = given;
  const bool early = options_.sabotage == Sabotage::gives_out_early;
  const Millis written = now_ + below(1'500) + (early ? Millis(20'000) : Millis(0));
  at(written, [this, generation = machine_generation_] {
    if (generation != machine_generation_ || !being_written_) return;  // killed in the middle: kill_coordinator() says what is left
    oracle_.on_durable(*std::exchange(being_written_, std::nullopt));
  });
  at(early ? now_ : written + below(1'400), [this, round = given.summary.round, generation = machine_generation_] {
    if (!machine_ || generation != machine_generation_) return;
    last_progress_ = now_;
    coordinator_step(coordinator::ModelStored{round});
  });
}

void World::deliver_up(std::size_t from, unsigned generation, const Delivery& delivery) {
  if (!machine_) return;
  const auto state = [this] { return std::tuple(std::string(machine_->phase()), machine_->pool_size(), machine_->rounds_done(), machine_->weights()); };
  const auto before = state();
  const PeerId peer{std::to_string(from) + "." + std::to_string(generation)};
  coordinator::Effects effects = machine_->step(coordinator::MessageReceived{peer, devices_[from].keys.transport, delivery.frames}, now_);
  if (delivery.corrupted) {
    if (state() != before) oracle_.violated("a corrupted message changed the coordinator's state");
    for (const coordinator::Effect& effect : effects) {
      if (std::holds_alternative<coordinator::Publish>(effect) || std::holds_alternative<coordinator::RoundAborted>(effect))
        oracle_.violated("a corrupted message ended a round");
      if (const auto* send = std::get_if<coordinator::Send>(&effect)) {
        const Result<Envelope> envelope = open_envelope(send->frames.control);
        if (!envelope || envelope->type == MessageType::assignment) oracle_.violated("a corrupted message was answered with an assignment");
      }
    }
  }
  carry_out(std::move(effects), from, delivery.corrupted ? nullptr : &delivery.frames);
}

// The devices

void World::boot_device(std::size_t index) {
  Device& device = devices_[index];
  ++device.generation;
  const bool keeps_cache = device.cache != nullptr && network_.chance(500);
  if (!keeps_cache) device.cache = std::make_unique<client::MemoryCache>();
  if (!device.record || (options_.sabotage == Sabotage::forgets_charges && device.generation > 1)) {
    SeededRandom key(Hasher("test-record").u64(options_.seed).u64(index).finish());
    device.record = std::make_unique<client::MemoryDeviceRecord>(key);
  }
  device.random = std::make_unique<SeededRandom>(Hasher("test-session").u64(options_.seed).u64(index).u64(device.generation).finish());
  client::SessionOptions session;
  session.population = plan_.population;
  session.release_key = release_key().public_key();
  session.policy = {.purposes = {"next_category"}, .min_cohort = 2, .max_clip_norm_l2 = 1.0, .min_noise_multiplier = 1e-9, .max_epsilon = 1e12, .delta = 0.1, .allow_central_privacy = true, .allow_open_aggregation = true, .allow_no_privacy = true};
  session.reply_timeout = Millis(7'000);
  session.hold_timeout = Millis(100'000);
  session.transient_backoff = Millis(15'000);
  session.permanent_backoff = Millis(60'000);
  session.first_check_in_spread = Millis(10'000);
  session.held_plan = hash_of_plan(signed_plan_.bytes);
  session.held_model = model_hash_of(oracle_.durable_weights());
  device.session = std::make_unique<client::Session>(std::move(session), device_keys(index).identity,
                                                     client::SessionServices{.random = *device.random,
                                                                             .cache = *device.cache,
                                                                             .record = *device.record,
                                                                             .credentials = credentials_,
                                                                             .executor = executor_,
                                                                             .unix_time_s = [] { return kCertifiedAt_s; }});
  note("device " + std::to_string(index) + " begins");
  carry_out(index, device.session->start(now_));
}

void World::kill_device(std::size_t index) {
  Device& device = devices_[index];
  if (!device.session) return;
  note("device " + std::to_string(index) + " killed while " + std::string(device.session->phase()));
  device.session.reset();
  ++device.generation;
  device.alarm = Millis::max();
  after(60'000, [this, index] { boot_device(index); });
}

void World::carry_out(std::size_t index, client::Effects effects) {
  Device& device = devices_[index];
  for (const client::Effect& effect : effects) {
    if (const auto* send = std::get_if<client::Send>(&effect)) {
      up(index, send->frames);
    } else if (const auto* start = std::get_if<client::StartTraining>(&effect)) {
      train(index, *start);
    } else if (const auto* wake = std::get_if<client::WakeAt>(&effect)) {
      device.alarm = wake->time;
      at(wake->time, [this, index, generation = device.generation, time = wake->time] {
        Device& woken = devices_[index];
        if (!woken.session || woken.generation != generation || woken.alarm != time) return;
        woken.alarm = Millis::max();
        device_step(index, client::Wake{});
      });
    } else if (const auto* refused = std::get_if<client::Refused>(&effect)) {
      note("device " + std::to_string(index) + " refuses: " + refused->why);
    }
  }
  if (device.alarm == Millis::max()) oracle_.violated("a device that is " + std::string(device.session->phase()) + " and set no alarm");
}

void World::up(std::size_t index, const Frames& said) {
  Device& device = devices_[index];
  const Frames frames = sabotaged(options_.sabotage, said, device.keys, plan_, device.handed_in);
  if (device.sent.size() < 40) device.sent.push_back(frames);
  const Envelope envelope = open_envelope(frames.control).value();
  if (envelope.type == MessageType::masked_input) oracle_.on_masked(device.keys.id, envelope.session, device.handed_in, frames);
  for (Delivery& delivery : network_.carry(frames, index, faulty())) {
    ++outcome_.messages;
    outcome_.corrupted += delivery.corrupted ? 1 : 0;
    if (options_.sabotage == Sabotage::takes_corrupt && delivery.corrupted) delivery.frames = frames;
    at(now_ + delivery.delay, [this, index, generation = device.generation, delivery = std::move(delivery)] { deliver_up(index, generation, delivery); });
  }
}

void World::train(std::size_t index, const client::StartTraining& start) {
  Device& device = devices_[index];
  ++device.training;
  oracle_.on_training(start.round, start.plan_hash, *start.weights);
  const Millis takes = device.temper == Temper::slow ? below(60'000) : below(8'000);
  // It may have been stopped, or its session be over: then its end comes all the same, and must change nothing.
  at(now_ + takes, [this, index, start, generation = device.generation, outcome = trained(index, start)] {
    Device& trained = devices_[index];
    if (!trained.session || trained.generation != generation) return;
    const bool was_training = trained.session->phase() == "training";
    device_step(index, client::TrainingFinished{start.session, outcome});
    if (was_training && trained.session->phase() == "aggregating") trained.handed_in = std::get<std::vector<float>>(outcome);
  });
}

std::variant<std::vector<float>, DeclineReason> World::trained(std::size_t index, const client::StartTraining& start) {
  const Device& device = devices_[index];
  if (device.temper == Temper::failing && network_.chance(700)) return DeclineReason::training_failed;
  const std::uint64_t variation = device.temper == Temper::fickle ? device.training : 0;
  SeededRandom values(Hasher("test-update").u64(index).u64(start.round.value).u64(variation).field(options_.secure ? ByteSpan(start.attempt) : ByteSpan()).finish());
  std::vector<float> update(start.weights->size());
  for (float& value : update) value = (static_cast<float>(values.below(2'001)) - 1'000) / 4'000;
  if (device.temper == Temper::not_finite) update[values.below(update.size())] = std::numeric_limits<float>::quiet_NaN();
  if (device.temper == Temper::huge)
    for (float& value : update) value *= 1e30F;
  return update;
}

// Over its own connection.
void World::misbehave(std::size_t index) {
  Device& rogue = devices_[index];
  if (!rogue.session) return;
  note("rogue " + std::to_string(index));
  const Device& other = devices_[random_.below(devices_.size())];
  testing::misbehave({rogue.keys, rogue.sent, other.sent, rogue.last_session}, plan_, random_,
                     [&](Frames frames) { deliver_up(index, rogue.generation, Delivery{std::move(frames), {}, false}); });
}

}  // namespace

WorldOutcome run_world(const WorldOptions& options) { return World(options).run(); }

}  // namespace fedspend::testing
