#pragma once
// What a Device holds; internal to device*.cpp. `vault_mutex` is held by whoever touches the vault or what lies on it.

#include <atomic>
#include <memory>
#include <mutex>
#include <stop_token>

#include "client/content_cache.h"
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
enum class Setting : std::uint64_t { identity_seed = 1, identity_public = 2, curve_secret = 3, certificate = 4, pacing = 5, retention = 6 };

// Of run_once() and wipe(), of which one goes at a time.
enum class Activity : std::uint8_t { none, running, cancelling, wiping };

// The signer lives as long as the device; each run's session borrows it.
class BorrowedSigner final : public IdentitySigner {
 public:
  explicit BorrowedSigner(IdentitySigner& signer) : signer_(signer) {}
  const IdentityPublicKey& public_key() const override { return signer_.public_key(); }
  Result<Signature> sign(ByteSpan message) override { return signer_.sign(message); }

 private:
  IdentitySigner& signer_;
};

struct Device::State {
  DeviceOptions options;
  DeviceHost& host;
  RandomSource& random;
  std::mutex vault_mutex;
  std::unique_ptr<VaultStore> vault;
  std::unique_ptr<VaultDeviceRecord> record;
  std::unique_ptr<TransactionStore> transactions;
  std::unique_ptr<Consents> consents;
  std::unique_ptr<TransparencyLog> log;
  std::unique_ptr<IdentitySigner> signer;
  std::optional<CurveKeyPair> curve;
  std::optional<Certificate> certificate;
  ClientId id;
  std::unique_ptr<ContentCache> cache;
  PlanHash held_plan;
  ModelHash held_model;
  RememberedCredentials credentials;
  SerialExecutor executor;
  std::atomic<Activity> activity = Activity::none;
  std::atomic<bool> is_closing = false;
  PendingWithdrawals withdrawing;
  DeviceClock clock;                 // of the run's thread
  std::mutex adapting_mutex;         // of the next line
  std::stop_source adapting;         // of the personal model that is being made
  std::optional<Millis> not_before;  // by the clock, of this process' last run

  State(DeviceOptions given, DeviceHost& given_host, RandomSource& given_random)
      : options(std::move(given)), host(given_host), random(given_random),
        credentials({.authority = options.authority_key, .population = options.population}),
        clock([this] { return host.monotonic(); }, options.own_clock ? options.own_clock : time_since_boot) {}

  Status open();
  Status open_identity();
  Status open_transport_key();
  Status open_retention();
  Status keep_retention(const StoreLimits& limits);
  Result<std::optional<Bytes>> setting(Setting which);
  Status keep_setting(Setting which, ByteSpan content);
  static VaultRow setting_row(Setting which, ByteSpan content);
  Status check_enrolment();
  bool consents_to(std::string_view purpose) const { return !withdrawing.covers(purpose) && consents->is_given(purpose); }
  bool consents_to_something() const;
  // What may not be kept any longer: rows beyond the retention, personal models without consent. What a full disk holds up is done later.
  void tidy();
  bool is_cancelled() const { return activity.load() == Activity::cancelling || is_closing.load(); }

  // Pacing: how long to wait still, and what the next wait is.
  Result<Millis> time_to_wait();
  Status keep_wait(Millis wait);
  Result<RunReport> run();

  void stop_adapting();
};

}  // namespace fedspend::client
