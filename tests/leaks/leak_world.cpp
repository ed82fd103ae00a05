#include "tests/leaks/leak_world.h"

#include <unistd.h>

#include <atomic>
#include <deque>

#include "client/local_training.h"
#include "client/remembered_credentials.h"
#include "client/session.h"
#include "client/update_pipeline.h"
#include "common/crypto/scalar.h"
#include "common/program/runtime.h"
#include "common/transport/channel.h"
#include "coordinator/daemon.h"
#include "models/next_category/next_category.h"
#include "models/transactions/transaction_csv.h"
#include "tests/common/program/capture.h"
#include "tests/rounds/sample.h"

namespace fedspend::testing {
namespace {

constexpr std::size_t kDevices = 8;
const std::vector<std::string> kCategories = {"FOOD", "FUEL", "RENT"};

// Notes every draw that is long enough for a secret.
class NotingRandom final : public RandomSource {
 public:
  explicit NotingRandom(std::uint64_t number) : random_(Hasher("test-leak").u64(number).finish()) {}
  void fill(MutableByteSpan out) override {
    random_.fill(out);
    if (out.size() >= 32) drawn.emplace_back(out.begin(), out.end());
  }
  std::vector<Bytes> drawn;

 private:
  SeededRandom random_;
};

class ReplayedRandom final : public RandomSource {
 public:
  explicit ReplayedRandom(const Bytes& bytes) : bytes_(bytes) {}
  void fill(MutableByteSpan out) override {
    FEDSPEND_CHECK(out.size() == bytes_.size(), "the same draw again");
    std::ranges::copy(bytes_, out.begin());
  }

 private:
  const Bytes& bytes_;
};

// 80 purchases that nobody else makes.
std::string canary_csv(std::size_t device, LeakDetector& detector) {
  std::string csv = std::string(models::kTransactionCsvHeader) + "\n";
  for (std::size_t i = 0; i < 80; ++i) {
    const std::string merchant = "CANARY MERCHANT " + std::to_string(7'310'000 + 1'000 * device + i) + " ACCT DK50004004401" + std::to_string(16'243 + i);
    models::Transaction transaction{.time_s = 1'600'000'000 + static_cast<std::int64_t>(86'400 * i + 777 * device),
                                    .amount_minor = static_cast<std::int64_t>(4'821'377 + 1'000'003 * device + 7'919 * i),
                                    .category = kCategories[(i * (device + 1)) % 3],
                                    .merchant = merchant,
                                    .currency = "GBP"};
    models::append_transaction_csv(transaction, csv);
    detector.forbid("a merchant's name", as_bytes(merchant));
    detector.forbid("an account", as_bytes(merchant).last(18));
    const std::string major = std::to_string(transaction.amount_minor / 100), minor = std::to_string(100 + transaction.amount_minor % 100).substr(1);
    const std::string amount = major + "." + minor;
    detector.forbid("an amount", as_bytes(amount));
    std::array<std::uint8_t, 8> bytes{};
    store_u64(bytes, static_cast<std::uint64_t>(transaction.amount_minor));
    detector.forbid("an amount as an integer", bytes);
    store_u64(bytes, models::merchant_hash(merchant));
    detector.forbid("a merchant's hash", bytes);
  }
  detector.forbid("a canary", as_bytes("CANARY MERCHANT"));
  return csv;
}

Bytes floats_to_bytes(const std::vector<float>& values) { return weights_to_bytes(values); }

Plan leak_plan(bool secure) {
  Plan plan = secure ? secure_plan() : sample_plan();
  plan.federation.rounds = 1;
  plan.federation.cohort = kDevices;
  plan.federation.min_cohort = 5;
  plan.federation.over_selection = 1;
  plan.aggregation.bits = 24;
  plan.model = models::default_next_category(kCategories);
  plan.training = models::default_next_category_training();
  return plan;
}

struct LeakDevice {
  NotingRandom random;
  client::MemoryCache cache;
  std::unique_ptr<client::MemoryDeviceRecord> record;
  std::unique_ptr<client::RememberedCredentials> credentials;
  SerialExecutor executor;
  std::unique_ptr<client::Session> session;
  CurvePublicKey transport;
  std::vector<models::HistoryRow> rows;

  explicit LeakDevice(std::size_t number) : random(number) {}
};

class TickingClock final : public Clock {
 public:
  Millis now() const override { return now_ += Millis(1); }

 private:
  mutable Millis now_{1'000};
};

// Carries what the daemon and the sessions send each other, at once.
class KeepingChannel final : public ServerChannel {
 public:
  KeepingChannel(std::vector<std::unique_ptr<LeakDevice>>& devices, const Plan& plan, LeakOutcome& outcome, const Clock& clock)
      : devices_(devices), plan_(plan), outcome_(outcome), clock_(clock), trainer_(models::make_trainer(plan.model).value()) {
    for (std::size_t i = 0; i < devices_.size(); ++i) {
      take(i, devices_[i]->session->start(clock_.now()));
      take(i, devices_[i]->session->step(client::Wake{}, clock_.now() + Millis(1)));
    }
  }
  Result<std::vector<Incoming>> receive(Millis, std::size_t) override {
    while (!down_.empty()) {
      const auto [device, frames] = std::move(down_.front());
      down_.pop_front();
      take(device, devices_[device]->session->step(client::FramesReceived{frames}, clock_.now()));
    }
    return std::exchange(up_, {});
  }
  Status send(const PeerId& peer, const Frames& frames) override {
    keep(outcome_.frames_down, frames);
    down_.emplace_back(std::stoul(peer.value), frames);
    return {};
  }

 private:
  static void keep(std::vector<Bytes>& all, const Frames& frames) {
    all.push_back(frames.control);
    if (frames.bulk) all.push_back(*frames.bulk);
  }
  void take(std::size_t device, const client::Effects& effects) {
    for (const client::Effect& effect : effects) {
      if (const auto* send = std::get_if<client::Send>(&effect)) {
        keep(outcome_.frames, send->frames);
        up_.push_back({PeerId{std::to_string(device)}, devices_[device]->transport, send->frames});
      } else if (const auto* start = std::get_if<client::StartTraining>(&effect)) {
        const client::TrainingFinished finished = client::train_locally(*trainer_, *start, devices_[device]->rows);
        if (const auto* update = std::get_if<std::vector<float>>(&finished.outcome)) note_update(*update);
        take(device, devices_[device]->session->step(finished, clock_.now()));
      }
    }
  }
  // In every form that it has on its way.
  void note_update(std::vector<float> update) {
    outcome_.detector.forbid_windows("an update as floats", floats_to_bytes(update));
    const RingVector ring = client::encode_update(plan_, update).value();
    outcome_.detector.forbid_windows("a clipped update as floats", floats_to_bytes(update));
    outcome_.detector.forbid_windows("an update, packed", ring.pack());
    Bytes integers;
    for (const std::uint32_t value : ring.values()) {
      std::array<std::uint8_t, 4> bytes{};
      store_u32(bytes, value);
      integers.insert(integers.end(), bytes.begin(), bytes.end());
    }
    outcome_.detector.forbid_windows("an update as integers", integers);
  }

  std::vector<std::unique_ptr<LeakDevice>>& devices_;
  const Plan& plan_;
  LeakOutcome& outcome_;
  const Clock& clock_;
  std::unique_ptr<models::Trainer> trainer_;
  std::vector<Incoming> up_;
  std::deque<std::pair<std::size_t, Frames>> down_;
};

void note_secrets(const NotingRandom& random, LeakDetector& detector) {
  for (const Bytes& drawn : random.drawn) {
    detector.forbid("what a device drew for a secret", ByteSpan(drawn).first(32));
    if (drawn.size() != 64) continue;
    ReplayedRandom again(drawn);
    detector.forbid("a secret scalar (r, b or a coefficient)", SecretScalar::random(again).expose());
  }
}

void keep_files(const std::filesystem::path& folder, const std::string& when, LeakOutcome& outcome) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string text = test::content_of(entry.path());
    outcome.files.emplace_back(when + entry.path().filename().string(), Bytes(text.begin(), text.end()));
  }
}

}  // namespace

LeakOutcome run_leak_world(const LeakOptions& options) {
  LeakOutcome outcome;
  const Plan plan = leak_plan(options.secure);
  const SignedPlan signed_bytes = signed_plan(plan);
  std::vector<std::unique_ptr<LeakDevice>> devices;
  std::vector<coordinator::EnrolledDevice> enrolled;
  const models::Vocabulary vocabulary(kCategories);
  for (std::size_t i = 0; i < kDevices; ++i) {
    devices.push_back(std::make_unique<LeakDevice>(i));
    LeakDevice& device = *devices.back();
    IdentityKey identity = IdentityKey::generate(device.random);  // its seed is noted with the rest
    device.transport = CurveKeyPair::generate(device.random).public_key;
    const IdentityPublicKey key = identity.public_key();
    enrolled.push_back({client_id_of(key), key, device.transport, certificate_of(key, i + 1), "device " + std::to_string(i)});
    const std::string csv = canary_csv(i, outcome.detector);
    const auto rows = models::parse_transaction_csv(as_bytes(csv)).value();
    for (const models::Transaction& row : rows) device.rows.push_back(models::to_history_row(row, vocabulary));
    device.record = std::make_unique<client::MemoryDeviceRecord>(device.random);
    device.credentials = std::make_unique<client::RememberedCredentials>(client::CredentialsOptions{.authority = authority_key().public_key(), .population = "cards"});
    client::SessionOptions session;
    session.population = "cards";
    session.software = options.software;
    session.release_key = release_key().public_key();
    session.policy = {.purposes = {"next_category"}, .min_cohort = 2, .max_clip_norm_l2 = 1.0, .min_noise_multiplier = 1e-9, .max_epsilon = 1e12, .delta = 0.1, .allow_central_privacy = true, .allow_open_aggregation = !options.secure, .allow_no_privacy = true};
    device.session = std::make_unique<client::Session>(std::move(session), std::move(identity),
                                                       client::SessionServices{.random = device.random,
                                                                               .cache = device.cache,
                                                                               .record = *device.record,
                                                                               .credentials = *device.credentials,
                                                                               .executor = device.executor,
                                                                               .unix_time_s = [] { return kCertifiedAt_s; }});
  }
  const test::TemporaryFolder folder;
  const TickingClock clock;
  SeededRandom machine_random(99);
  coordinator::UniformChooser chooser(machine_random);
  std::vector<float> initial(plan.model.parameter_count);
  models::make_trainer(plan.model).value()->initialize(initial, 1);
  {
    const test::Redirection log(STDERR_FILENO, folder / "log");
    FEDSPEND_CHECK(program::set_log_level("debug").has_value(), "a level");
    auto machine = coordinator::RoundMachine::create(signed_bytes, release_key().public_key(), {.rounds_done = 0, .weights = initial, .optimizer_state = {}},
                                                     coordinator::EnrolmentList::create(std::move(enrolled)).value(), {}, chooser, machine_random)
                       .value();
    auto store = coordinator::Store::open(folder / "coordinator.sqlite", hash_of_plan(signed_bytes.bytes)).value();
    KeepingChannel channel(devices, plan, outcome, clock);
    const std::atomic<bool> stop{false};
    coordinator::Daemon daemon(*machine, *store, channel, clock, {.out = folder.path(), .max_failed_rounds = 1, .threads = 1, .exit_when_finished = true, .linger = Millis(0)},
                               [&](const coordinator::RoundSummary& summary) { outcome.published = summary.published && summary.contributors.size() == kDevices; });
    const auto ran = daemon.run(stop);
    FEDSPEND_CHECK(ran.has_value(), "a round that comes to its end");
    keep_files(folder.path(), "while it ran: ", outcome);
    static_cast<void>(program::set_log_level("info"));
  }
  keep_files(folder.path(), "afterwards: ", outcome);
  for (const auto& device : devices) note_secrets(device->random, outcome.detector);
  return outcome;
}

}  // namespace fedspend::testing
