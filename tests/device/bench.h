#pragma once
// A device as an app has it (client/device.h), on a real vault in a folder, with a host, a clock and a coordinator that a test bends. Time
// passes only while the device waits. The coordinator answers in the device's own thread, inside send(): eight sessions and a real
// aggregator (tests/client/secure_bench.h), of which the device under test is number 0.

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "client/device.h"
#include "client/vault_store.h"
#include "tests/client/parsed_json.h"
#include "tests/client/secure_bench.h"
#include "tests/client/temporary_folder.h"

namespace fedspend::client {

inline constexpr std::int64_t kEngineNow_s = static_cast<std::int64_t>(testing::kCertifiedAt_s) + 1'000;

// All is well, until a test says otherwise.
class BentHost final : public DeviceHost {
 public:
  std::atomic<std::int64_t> now_ms{1'000'000};
  std::atomic<std::int64_t> wall_s{kEngineNow_s};
  std::function<void()> on_conditions = {};
  std::function<void(const char* function)> on_any = {};  // of all that the engine calls of its host
  void called(const char* function) {
    if (on_any) on_any(function);
  }
  std::function<void(DevicePhase)> on_phase = {};
  Conditions now{.idle = true, .charging = true, .unmetered = true, .battery_level = 1.0, .free_storage_bytes = 1'000'000'000, .thermals_ok = true};
  std::vector<DevicePhase> phases;
  std::vector<std::string> warnings;
  int conditions_asked = 0;

  Conditions conditions() override {
    called("conditions");
    ++conditions_asked;
    if (on_conditions) on_conditions();
    return now;
  }
  Millis monotonic() override {
    called("monotonic");
    return Millis(now_ms.load());
  }
  std::int64_t unix_time_s() override {
    called("unix_time_s");
    return wall_s;
  }
  void log(bool is_warning, std::string_view text) override {
    called("log");
    if (is_warning) warnings.emplace_back(text);
  }
  void phase(DevicePhase phase) override {
    called("phase");
    phases.push_back(phase);
    if (on_phase) on_phase(phase);
  }
  void pass(Millis time) {
    now_ms += time.count();
    wall_s = kEngineNow_s + (now_ms - 1'000'000) / 1'000;
  }
};

// What the device says to the coordinator of the test, and what that has for it.
struct Wire {
  std::function<void(const Frames&)> on_send = {};
  std::function<void()> on_turn = {};  // whenever the device waits or looks for a message
  std::deque<Frames> for_device;
  std::vector<Frames> said;
  Status takes = {};                     // what send() gives
  Status state = {};                     // what check() gives
  std::function<std::optional<Frames>()> endless = {};
  std::uint64_t connections = 1;
  std::function<void()> on_sleep = {};   // if there is one, wait() sleeps until it is woken, and calls this before
  int overslept = 0;                     // waits that nobody woke

  void tell(const Message& message, const SessionId& session, std::shared_ptr<const Bytes> bulk = nullptr) { for_device.push_back(Frames{seal_from_coordinator(message, session), std::move(bulk)}); }
  std::vector<MessageType> types() const {
    std::vector<MessageType> types;
    for (const Frames& frames : said) types.push_back(type_of_frames(frames));
    return types;
  }
  std::uint64_t bytes() const {
    std::uint64_t bytes = 0;
    for (const Frames& frames : said) bytes += frames.size();
    return bytes;
  }
};

class WireLink final : public DeviceLink {
 public:
  WireLink(Wire& wire, BentHost& host, bool& time_stands_still) : wire_(wire), host_(host), time_stands_still_(time_stands_still) {}
  Status send(const Frames& frames) override {
    FEDSPEND_TRY(wire_.takes);
    wire_.said.push_back(frames);
    if (wire_.on_send) wire_.on_send(frames);
    return {};
  }
  Result<std::optional<Frames>> receive() override {
    if (wire_.on_turn) wire_.on_turn();
    if (wire_.endless) return wire_.endless();
    if (wire_.for_device.empty()) return std::optional<Frames>();
    Frames frames = std::move(wire_.for_device.front());
    wire_.for_device.pop_front();
    return std::optional(std::move(frames));
  }
  Status wait(Millis timeout) override {
    if (wire_.on_turn) wire_.on_turn();
    if (wire_.on_sleep && wire_.for_device.empty()) {
      wire_.on_sleep();
      if (!woken_.try_acquire_for(std::chrono::seconds(30))) ++wire_.overslept;
      return {};
    }
    if (woken_.try_acquire() || !wire_.for_device.empty() || time_stands_still_) return {};
    // A training needs real time, and little of this one.
    if (speaks_soon_) std::this_thread::sleep_for(std::chrono::microseconds(200));
    host_.pass(std::max(speaks_soon_ ? std::min(timeout, Millis(5)) : timeout, Millis(1)));
    return {};
  }
  void wake() noexcept override { woken_.release(); }
  void speaks_soon(bool soon) override { speaks_soon_ = soon; }
  Status check(Millis) override { return wire_.state; }
  std::uint64_t connections() const override { return wire_.connections; }

 private:
  Wire& wire_;
  BentHost& host_;
  bool& time_stands_still_;
  bool speaks_soon_ = false;
  std::counting_semaphore<> woken_{0};
};

// Gives the update that is asked for, when it may.
class BentTrainer final : public models::Trainer {
 public:
  struct Orders {
    std::vector<float> update = SecureBench::update_of(0);
    std::atomic<bool> throws = false;
    std::atomic<bool> waits_for_stop = false;
    std::atomic<std::size_t> rows = 0;   // that it was last given
    std::atomic<int> trained = 0;
    bool fresh = false;                  // another update each time
  };
  explicit BentTrainer(Orders& orders) : orders_(orders) {}
  std::size_t parameter_count() const override { return testing::kParameters; }
  const std::vector<models::LayoutEntry>& layout() const override { return layout_; }
  void initialize(std::span<float>, std::uint64_t) const override {}
  Result<models::TrainingResult> train(std::span<const float>, std::span<const models::HistoryRow> history, const models::TrainingOptions& options, std::span<float> update) override {
    orders_.rows = history.size();
    const int number = ++orders_.trained;
    if (orders_.throws) throw std::runtime_error("a host's trainer");
    while (orders_.waits_for_stop && !options.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::microseconds(100));
    if (options.stop.stop_requested()) return fail(ErrorCode::refused, "stopped");
    std::ranges::copy(orders_.update, update.begin());
    if (orders_.fresh) update[0] += 0.001F * static_cast<float>(number);
    return models::TrainingResult{};
  }
  Result<models::EvaluationResult> evaluate(std::span<const float>, std::span<const models::HistoryRow>, std::size_t, models::Counting) override { return models::EvaluationResult{}; }
  std::size_t output_count() const override { return 2; }
  Status predict(std::span<const float>, std::span<const models::HistoryRow>, std::span<float>) override { return {}; }

 private:
  Orders& orders_;
  std::vector<models::LayoutEntry> layout_;
};

inline std::vector<IngestedTransaction> purchases(int count, std::int64_t newest_s = kEngineNow_s - 100) {
  std::vector<IngestedTransaction> rows;
  for (int i = 0; i < count; ++i)
    rows.push_back({.id = std::to_string(i), .transaction = {.time_s = newest_s - (count - i) * 3'600, .amount_minor = 100 + i, .category = i % 2 == 0 ? "FOOD" : "FUEL", .merchant = {}, .currency = {}}});
  return rows;
}

// The host's key store.
class BentProtector final : public SeedProtector {
 public:
  BentProtector(std::filesystem::path path, RandomSource& random, BentHost& host, const Status& destroys) : file_(std::move(path), random), host_(host), destroys_(destroys) {}
  Result<Bytes> wrap(const SecretBytes<32>& seed) override {
    host_.called("wrap");
    return file_.wrap(seed);
  }
  Result<SecretBytes<32>> unwrap(ByteSpan wrapped) override {
    host_.called("unwrap");
    return file_.unwrap(wrapped);
  }
  Status destroy() override {
    host_.called("destroy");
    FEDSPEND_TRY(destroys_);
    return file_.destroy();
  }

 private:
  FileSeedProtector file_;
  BentHost& host_;
  const Status& destroys_;
};

struct EngineBench {
  SystemRandom random;
  TemporaryFolder folder;
  BentHost host;
  Wire wire;
  BentTrainer::Orders orders;
  bool time_stands_still = false;
  std::function<Millis()> own_clock = [] { return Millis(0); };
  std::function<Result<std::vector<models::Transaction>>(const ExampleRequest&)> examples = {};
  DevicePolicy policy = session_options().policy;
  StoreLimits limits = {};
  Status destroys = {};  // what the host says when its key is to be destroyed
  Hash256 configuration{};
  bool forgets_pause = false;
  std::unique_ptr<Device> device;

  EngineBench() { policy.purposes = {"next_category", "other"}; }

  Result<std::unique_ptr<Device>> try_open() {
    DeviceOptions options;
    options.persistent = folder.path();
    options.population = "cards";
    options.release_key = testing::release_key().public_key();
    options.authority_key = testing::authority_key().public_key();
    options.policy = policy;
    options.limits = limits;
    options.protector = std::make_unique<BentProtector>(folder.path() / kStoreKeyFile, random, host, destroys);
    options.signer = std::make_unique<ForeignSigner>(testing::device_keys(1).identity.public_key(), [this](ByteSpan message) -> Result<Signature> {
      host.called("sign");
      return testing::device_keys(1).identity.sign(message);
    });
    options.connect = [this](const LinkDevice&) -> Result<std::unique_ptr<DeviceLink>> { return std::make_unique<WireLink>(wire, host, time_stands_still); };
    options.make_trainer = [this](const ModelSpec&) -> Result<std::unique_ptr<models::Trainer>> { return std::make_unique<BentTrainer>(orders); };
    options.examples = examples;
    options.own_clock = own_clock;
    options.configuration = configuration;
    options.forgets_pause = forgets_pause;
    return Device::create(std::move(options), host, random);
  }
  Device& open() {
    device.reset();
    auto opened = try_open();
    REQUIRE_MESSAGE(opened, opened.error().message);
    device = std::move(*opened);
    return *device;
  }
  // Enrolled, with rows and consent.
  Device& ready() {
    open();
    REQUIRE(device->install_certificate(certificate_line(testing::certificate_of(testing::device_keys(1).identity.public_key()))));
    REQUIRE(device->ingest(purchases(40)));
    REQUIRE(device->give_consent("next_category", {.version = "1"}));
    return *device;
  }
  RunReport run() {
    const auto report = device->run_once();
    REQUIRE_MESSAGE(report, report.error().message);
    return *report;
  }
  // As if the pause were over.
  void rest() { host.pass(std::chrono::hours(24 * 9)); }
  nlohmann::json entries() {
    const auto history = device->history();
    REQUIRE(history);
    return parsed(*history).at("entries");
  }
  // What was handed to the connection is in the history, to the byte and by the message.
  void check_history_is_whole() {
    std::uint64_t bytes = 0, messages = 0;
    for (const auto& entry : entries()) {
      bytes += entry["bytes"].get<std::uint64_t>();
      messages += entry["bytes"].get<std::uint64_t>() > 0 ? entry["messages"].get<std::uint64_t>() : 0;
    }
    CHECK(bytes == wire.bytes());
    CHECK(messages == wire.said.size());
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> kinds;
    for (const auto& entry : entries()) kinds.push_back(entry["kind"]);
    return kinds;
  }
};

// A whole round of secure aggregation, with the others of the cohort. `before`: called with each message's type before it is answered.
struct SecureCoordinator {
  explicit SecureCoordinator(EngineBench& bench) : bench_(bench) {
    bench.wire.on_send = [this](const Frames& frames) { answer(frames); };
  }
  SecureBench cohort;
  std::function<void(MessageType)> before = {};
  std::function<void(Message&, std::shared_ptr<const Bytes>&)> bend = {};  // each of the coordinator's messages, before it is sealed
  std::set<MessageType> unanswered;
  int times = 1;  // that each is sent
  UpdateStatus verdict = UpdateStatus::accepted;

  void answer(const Frames& frames) {
    const MessageType type = type_of_frames(frames);
    if (before) before(type);
    if (unanswered.contains(type) || frames.control == cohort.said[0].control) return;  // the same again: a real one has it already
    cohort.said[0] = frames;
    switch (type) {
      case MessageType::check_in: return tell(cohort.offer.assignment, cohort.offer.sid(), cohort.offer.bulk);
      case MessageType::advertise_keys: cohort.train_others(); return on_with_it();
      case MessageType::share_keys:
      case MessageType::masked_input:
      case MessageType::sign_survivors: return on_with_it();
      case MessageType::unmask: return tell(UpdateReply{verdict, 60'000}, cohort.aggregator->session());
      default: return;
    }
  }
  void on_with_it() {
    cohort.advance();
    cohort.tell_others();
    const Outgoing message = cohort.outgoing(0);
    tell(message.message, cohort.aggregator->session(), message.bulk);
  }
  void tell(Message message, const SessionId& session, std::shared_ptr<const Bytes> bulk = nullptr) {
    if (bend) bend(message, bulk);
    for (int i = 0; i < times; ++i) bench_.wire.tell(message, session, bulk);
  }
  // A new round, of a fresh cohort.
  void renew(std::uint8_t attempt) {
    cohort.offer.assignment.attempt.fill(attempt);
    cohort.aggregator = std::make_unique<Aggregator>(cohort.terms(), cohort.beacon);
    for (std::size_t i = 0; i < SecureBench::kDevices; ++i) cohort.devices[i] = std::make_unique<SessionBench>(SecureBench::pinning(), i + 1);
  }

 private:
  EngineBench& bench_;
};

// An open sum.
struct OpenCoordinator {
  explicit OpenCoordinator(EngineBench& bench) : bench_(bench) {
    bench.wire.on_send = [this](const Frames& frames) { answer(frames); };
  }
  Offer offer;
  std::uint8_t attempt = 1;

  void answer(const Frames& frames) {
    const MessageType type = type_of_frames(frames);
    if (type == MessageType::check_in) {
      offer.assignment.attempt.fill(attempt++);
      bench_.wire.tell(offer.assignment, offer.sid(), offer.bulk);
    } else if (type == MessageType::update) {
      bench_.wire.tell(UpdateReply{UpdateStatus::accepted, 60'000}, offer.sid());
    }
  }

 private:
  EngineBench& bench_;
};

}  // namespace fedspend::client
