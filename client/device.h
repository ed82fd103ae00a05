#pragma once
// The engine behind the C ABI: one customer's device. It owns the vault with what the device keeps, and carries out the effects of one
// session a run. What only the host knows comes through DeviceHost. Everything fails closed: without consent, conditions, an
// enrolment or a working vault nothing is sent.
//
// Threads: every function may be called from any thread. run_once() and personalise() block their caller; the others wait at most for a step of the
// session that is under way (a masked input of 100,000 values: a fraction of a second). A withdrawal counts from the moment it is called, and
// once it has returned nothing is handed to the connection any more that it concerns. cancel() never waits. The host's functions are called from
// the thread that called the device, but in a round make_trainer and examples, which are called from the training thread. No lock is held
// meanwhile: they may call the device again, and the signer is called from two threads where two need it.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>


#include "client/conditions.h"
#include "client/consent.h"
#include "client/content_cache.h"
#include "client/device_link.h"
#include "client/insights.h"
#include "client/json_text.h"
#include "client/personalisation.h"
#include "client/policy.h"
#include "client/transaction_store.h"
#include "client/transparency.h"
#include "client/vault_key.h"
#include "common/crypto/hash.h"
#include "common/crypto/identity_signer.h"
#include "common/random_source.h"
#include "common/result.h"
#include "models/trainer.h"

namespace fedspend::client {

enum class DevicePhase : std::uint8_t { idle, checked_in, training, aggregating, reporting };

class DeviceHost {
 public:
  virtual ~DeviceHost() = default;
  virtual Conditions conditions() = 0;                       // asked before check-in, each training and each message, and once a second
  // At least 0, never goes back: a run that sees it do so ends (failed). One that stands still is helped out by the system's time since boot.
  virtual Millis monotonic() = 0;
  virtual std::int64_t unix_time_s() = 0;
  virtual void log(bool is_warning, std::string_view text) = 0;  // no secret, no spending value
  virtual void phase(DevicePhase phase) = 0;
  // What is to be said about transactions that were just ingested (Device::ingest), in the order of time; only where it is wanted. From the thread that
  // ingests, under no lock.
  virtual bool wants_insights() { return false; }
  virtual void insight(const Insight& insight, const Plan& plan) { static_cast<void>(insight), static_cast<void>(plan); }
};

struct ExampleRequest {
  std::stop_token stop;    // asked between rows: the run has ended
  std::int64_t now_s = 0;  // by the wall clock, when it was asked for
};

struct DeviceOptions {
  std::filesystem::path persistent;     // folder, there already: the vault. Not to be backed up or copied to another device
  std::filesystem::path cache;          // folder, may be empty (nothing is kept) or emptied at any time: plan and model
  std::string population;
  IdentityPublicKey release_key;        // pinned
  IdentityPublicKey authority_key;      // pinned
  DevicePolicy policy;
  ConditionRules rules;
  StoreLimits limits;
  Millis transient_backoff{900'000};
  Millis permanent_backoff{14'400'000};
  std::unique_ptr<SeedProtector> protector = {};   // of the vault's seed; required
  std::unique_ptr<IdentitySigner> signer = {};     // null: a key is made and kept in the vault
  ConnectDevice connect = {};                      // required for run_once
  // The host's own in place of the lean trainers, and of the ingested transactions (oldest first, each by the rules of check_transaction).
  std::function<Result<std::unique_ptr<models::Trainer>>(const ModelSpec&)> make_trainer = {};
  std::function<Result<std::vector<models::Transaction>>(const ExampleRequest&)> examples = {};
  // Names where this device connects and what it accepts: a pause that an earlier process was asked for counts for the same alone. With
  // forgets_pause it does not count at all.
  Hash256 configuration{};
  bool forgets_pause = false;
  std::function<Millis()> own_clock = {};          // of tests, in place of the system's time since boot
};

// Values are in the C ABI: never renumber.
enum class RunOutcome : std::uint8_t {
  contributed = 1,     // the coordinator has it
  not_accepted = 2,    // it was late, or not needed any more
  not_selected = 3,    // come back later
  refused = 4,         // this device refused what it was asked, or could not do it
  no_consent = 5,      // nothing is consented to: nothing was sent
  not_enrolled = 6,    // no certificate that holds: nothing was sent
  conditions = 7,      // they do not hold, or no longer
  too_early = 8,       // nothing was sent
  withdrawn = 9,       // the customer withdrew in the middle
  cancelled = 10,
  unreachable = 11,    // no connection, or no answer
  not_accepted_here = 12,  // the coordinator does not take this device's keys
  finished = 13,       // the coordinator says that the federation is finished
  failed = 14,         // the vault, the key, the clock, the training or the transport: see the words
  turned_away = 15,    // the coordinator does not take this device: not enrolled there, of another population or version. See the words
};
std::string_view to_string(RunOutcome outcome) noexcept;

struct RunReport {
  RunOutcome outcome{};
  std::string words;          // why, for a log
  Millis come_back_in{};      // when to run again, by the coordinator or by the back-off; kept across restarts
  std::uint64_t bytes_sent = 0;
};

struct InsightRequest {
  InsightKind kind{};
  std::string transaction_id = {};  // of the kinds that are about one; empty: the newest
  InsightOptions options = {};
};

// With the plan that its model is of: its categories are what the numbers mean.
struct Prediction {
  Insight insight;
  SharedPlan plan;
};

// How the held model does on this customer's newest rows, which it was never trained on here; of `personal` too, where one was made.
struct Evaluation {
  models::EvaluationResult shared;
  bool has_personal = false;
  models::EvaluationResult personal;
};

class Device {
 public:
  // `host` and `random` outlive the device. conflict: the folder is in use. refused: the policy pins another release key, or the signer's key is
  // not the one that the vault was made with. The vault's errors as they are.
  static Result<std::unique_ptr<Device>> create(DeviceOptions options, DeviceHost& host, RandomSource& random);
  ~Device();

  // Enrolment, in two steps that the host carries: the text for the authority, and its answer (lines of certificates, of which the
  // device's own is taken). `label`: check_device_label. A text of more than `room_bytes` is not handed on by a caller who only wanted its size: it is not noted.
  Result<std::string> enrolment_request(std::string_view token, std::string label, std::size_t room_bytes = SIZE_MAX);
  Status install_certificate(std::string_view text);
  bool is_enrolled();

  // Then DeviceHost::insight, where it is wanted, of those that are new (of many the newest kMostSpoken): a category for those without one, an alert of
  // those that are unusual; and once a suggestion, where they made another one the first. Without consent or a model nothing is said; nothing of it can
  // fail the ingestion.
  static constexpr std::size_t kMostSpoken = 16;
  Result<IngestReport> ingest(std::span<const IngestedTransaction> transactions);
  // The customer's own word for a transaction's category (TransactionStore::correct): the next insight knows it, and so does the next training.
  Status correct_category(std::string_view id, std::string_view category);

  // Of one purpose (1 to kMaxRetentionDays; 0: the options' default again), kept across restarts. Rows that no purpose may use any more are erased.
  Status set_retention(std::string_view purpose, std::uint32_t days);

  // How many false alarms a month the customer will bear (above 0, at most kMostAlarmsPerMonth; 0: kAlarmsPerMonth again), where a request of the kind
  // unusual does not say, and in ingest(). Kept across restarts.
  Status set_false_alarms(double per_month);

  Status give_consent(std::string_view purpose, const ConsentNotice& notice);
  Status withdraw_consent(std::string_view purpose);
  Status withdraw_all_consent();
  bool has_consent(std::string_view purpose);
  Result<Json> consents(std::string_view controller, std::string_view pii_principal);

  // One round at most. conflict: a run is under way, or the device is being closed. not_found: wiped. A function of the host that throws ends the
  // run, and what it threw comes out here.
  Result<RunReport> run_once();
  // Ends the run that is under way before its next message; without one it does nothing: the next run does not hear of it. A run is under way
  // from the first instruction of run_once() on. From any thread, also from a callback.
  void cancel();
  // Ends the run that is under way, and none begins any more. Does not wait.
  void close();

  Result<std::string> history_words();
  Result<Json> history();
  // What this device has spent, of each task and in all, at the policy's delta.
  Result<std::string> statement_words();
  Result<Json> statement();

  // The shared model of a plan, as an app brings it: the plan with its signature, and the model file that the coordinator publishes
  // (common/protocol/model_file.h). That of the next round takes its place. unauthorized: another key's signature. refused: another population's.
  // malformed: no plan, or a file that is damaged or of another plan.
  Status install_model(const SignedPlan& plan, ByteSpan model_file);
  // All of them of the model that this device holds, of a round or installed. not_found: none. refused: no consent to kPurposePersonalInsights (and, for offers, kPurposeOfferSuggestions), or
  // for evaluate() to kPurposeEvaluation; or, of all of them, that was withdrawn meanwhile, and then nothing is kept, also where it was given
  // again. conflict: the device is being closed; of personalise() also a newer shared model that came meanwhile. Nothing of it leaves the device.
  // personalise() takes as long as a training; it and evaluate() end with cancel() (refused).
  // Of each kind of model this device holds the newest. `model`: plan.model.name; empty: that of the last round, or installed last.
  Result<Prediction> insight(const InsightRequest& request);
  Result<models::PersonalFit> personalise(std::string_view model = {});
  Result<Evaluation> evaluate(std::string_view model = {});

  // Everything that this device keeps is gone for good, the consents and the enrolment too. conflict: a run is under way. Afterwards, on any other
  // error too, the object answers not_found to everything; make a new one. Such an error says what is left on the disk: call it again.
  Status wipe();

  const ClientId& id() const;

  struct State;  // device_state.h

 private:
  explicit Device(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fedspend::client
