#pragma once
// What a Device holds; internal to device*.cpp. `vault_mutex` is held by whoever touches the vault or what lies on it. No function of the host is
// called while a lock is held: it may take its time, or come back into the device.

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>

#include "client/file_cache.h"
#include "client/device.h"
#include "client/device_clock.h"
#include "client/pending_withdrawals.h"
#include "client/remembered_credentials.h"
#include "client/session.h"
#include "client/vault_device_record.h"
#include "client/vault_store.h"
#include "common/protocol/certificate.h"

namespace fedspend::client {

// Rows of Shelf::setting. Never renumber.
enum class Setting : std::uint64_t { identity_seed = 1, identity_public = 2, curve_secret = 3, certificate = 4, pacing = 5, retention = 6, false_alarms = 7 };

// Of run_once() and wipe(), of which one goes at a time.
enum class Activity : std::uint8_t { none, running, cancelling, wiping };

// What goes on for one purpose without the vault's lock, and is to end when that purpose, or the device, does. Thread-safe.
class Stops {
 public:
  // Of what begins now: all that is stopped later.
  std::stop_token begin() {
    const std::lock_guard lock(mutex_);
    return source_.get_token();
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    source_.request_stop();
    source_ = std::stop_source();
  }

 private:
  std::mutex mutex_;
  std::stop_source source_;
};

struct Device::State {
  DeviceOptions options;
  DeviceHost& host;
  RandomSource& random;
  std::mutex vault_mutex;
  std::unique_ptr<VaultStore> vault;       // null: wiped, or being wiped
  std::unique_ptr<VaultStore> unwiped;     // of wipe() alone: what is left on the disk when one failed
  std::unique_ptr<VaultDeviceRecord> record;
  std::unique_ptr<TransactionStore> transactions;
  std::shared_ptr<Consents> consents;      // shared with a prediction that is being made
  std::unique_ptr<TransparencyLog> log;
  std::shared_ptr<IdentitySigner> signer;  // shared with who signs at the moment
  std::optional<CurveKeyPair> curve;
  std::optional<Certificate> certificate;
  ClientId id;
  std::unique_ptr<FileCache> cache;
  PlanHash held_plan;
  ModelHash held_model;
  std::optional<double> false_alarms_per_month;        // that the customer chose
  std::shared_ptr<RememberedCredentials> credentials;  // with the other handles of this process
  SerialExecutor executor;
  std::atomic<Activity> activity = Activity::none;
  std::atomic<bool> is_closing = false;
  PendingWithdrawals withdrawing;
  DeviceClock clock;                 // of the run's thread
  Stops predicting, adapting, evaluating;
  std::mutex link_mutex;             // of the next line
  DeviceLink* run_link = nullptr;    // of the run under way
  std::optional<Millis> not_before;  // by the clock, of this process' last run

  State(DeviceOptions given, DeviceHost& given_host, RandomSource& given_random)
      : options(std::move(given)), host(given_host), random(given_random),
        credentials(shared_credentials(options.authority_key, options.population)),
        clock([this] { return host.monotonic(); }, options.own_clock ? options.own_clock : time_since_boot) {}

  Status open();
  Status open_identity();
  Status open_transport_key();
  Status open_retention();
  Status keep_retention(const StoreLimits& limits);
  Status open_false_alarms();
  Result<std::optional<Bytes>> setting(Setting which);
  Status keep_setting(Setting which, ByteSpan content);
  static VaultRow setting_row(Setting which, ByteSpan content);
  Status check_enrolment(std::int64_t now_s);
  bool consents_to(std::string_view purpose) const { return !withdrawing.covers(purpose) && consents->is_given(purpose); }
  bool consents_to_something() const;
  // What may not be kept any longer: rows beyond the retention, personal models without consent. What a full disk holds up is done later: these
  // are the words of it, for warn() without the lock.
  using Warnings = std::vector<std::string>;
  Warnings tidy(std::int64_t now_s);
  void warn(const Warnings& warnings) {
    for (const std::string& words : warnings) host.log(true, words);
  }
  bool is_cancelled() const { return activity.load() == Activity::cancelling || is_closing.load(); }

  // Pacing: how long to wait still, and what the next wait is. With the vault's lock.
  struct Moment {
    Millis at{};               // by the device's clock
    std::int64_t now_s = 0;    // by the wall's
  };
  Moment moment() { return {clock.now(), host.unix_time_s()}; }  // without it
  Result<Millis> time_to_wait(const Moment& moment);
  Status keep_wait(Millis wait, const Moment& moment);
  Result<RunReport> run();

  void speak_of(std::vector<std::string> added);
  void speak_of_rows(InsightKind kind, std::span<const std::string> added);
  void speak_of_offers(std::span<const std::string> added);
  void log_no_insight(const Error& error);
  void stop_insights(std::string_view purpose);
  void stop_all_insights();
  // A run that waits looks at once at what has changed. Thread-safe.
  void wake_run();
};

}  // namespace fedspend::client
