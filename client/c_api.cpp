// The C ABI (client/include/fedspend/client.h) on the engine (client/device.h).

#include <algorithm>
#include <chrono>
#include <cmath>

#include "client/c_api_support.h"
#include "client/file_cache.h"
#include "client/vault_store.h"
#include "common/crypto/hash.h"
#include "common/protocol/plain_text.h"
#include "models/kernels.h"
#ifdef FEDSPEND_HAS_ZEROMQ
#include "client/zmq_link.h"
#endif

using namespace fedspend;
using namespace fedspend::client;
using namespace fedspend::client::c_api;

namespace {

constexpr std::uint32_t kKnownFlags = 255;

template <class Key>
Key key_of(const std::uint8_t (&bytes)[32]) {
  Key key;
  std::copy_n(bytes, 32, key.bytes.begin());
  return key;
}

bool is_zero(const std::uint8_t (&bytes)[32]) {
  return std::all_of(std::begin(bytes), std::end(bytes), [](std::uint8_t byte) { return byte == 0; });
}

ConditionRules rules_of(std::uint32_t flags) {
  ConditionRules rules;
  rules.require_idle = (flags & FEDSPEND_WITHOUT_IDLE) == 0;
  rules.require_charging = (flags & FEDSPEND_WITHOUT_CHARGING) == 0;
  rules.require_unmetered = (flags & FEDSPEND_WITHOUT_UNMETERED) == 0;
  rules.require_thermals_ok = (flags & FEDSPEND_WITHOUT_THERMALS) == 0;
  if ((flags & FEDSPEND_WITHOUT_BATTERY) != 0) rules.min_battery_level = 0;
  if ((flags & FEDSPEND_WITHOUT_STORAGE) != 0) rules.min_free_storage_bytes = 0;
  return rules;
}

Result<ConnectDevice> connection_of(const fedspend_options& given, const CHost& host) {
  if (given.coordinator == nullptr) {
    HostLinkOptions options;
    if (given.connect_timeout_ms != 0) options.connect_timeout = Millis(given.connect_timeout_ms);
    HostTransport transport = host.transport(options.limits);
    if (!transport.exchange) return ConnectDevice();
    return ConnectDevice([options, transport](const LinkDevice& device) { return connect_host(options, transport, device); });
  }
#ifdef FEDSPEND_HAS_ZEROMQ
  if (is_zero(given.coordinator_key)) return fail(ErrorCode::invalid_argument, "coordinator_key is zero");
  FEDSPEND_ASSIGN(const std::string coordinator, text_of(given.coordinator, "coordinator"));
  ZmqLinkOptions options{coordinator, key_of<CurvePublicKey>(given.coordinator_key)};
  if (given.connect_timeout_ms != 0) options.connect_timeout = Millis(given.connect_timeout_ms);
  FEDSPEND_TRY(check_zmq_link(options));
  return ConnectDevice([options](const LinkDevice& device) { return connect_zmq(options, device.curve); });
#else
  return fail(ErrorCode::invalid_argument, "this library was built without the built-in connection: leave `coordinator` NULL");
#endif
}

// What an operator mends when a run came to nothing: a pause that was begun before is over then.
Hash256 configuration_of(const fedspend_options& given) {
  Hasher hasher("device-configuration");
  for (const char* text : {given.coordinator, given.policy_toml}) hasher.field(as_bytes(text == nullptr ? std::string_view() : std::string_view(text)));
  hasher.field(given.coordinator_key).field(given.release_key).field(given.authority_key);
  return hasher.finish();
}

Result<DeviceOptions> options_of(const fedspend_options& given, const fedspend_host& host_given, const CHost& host, RandomSource& random) {
  if ((given.flags & ~kKnownFlags) != 0 || given.reserved != 0 || given.reserved_2 != 0 || host_given.reserved != 0) return fail(ErrorCode::invalid_argument, "flags or reserved fields that this library does not know");
  if ((host_given.wrap == nullptr) != (host_given.unwrap == nullptr)) return fail(ErrorCode::invalid_argument, "wrap and unwrap go together");
  if ((host_given.sign != nullptr) == is_zero(given.identity_key)) return fail(ErrorCode::invalid_argument, "sign and identity_key go together");
  DeviceOptions options;
  FEDSPEND_ASSIGN(options.persistent, text_of(given.persistent_dir, "persistent_dir"));
  FEDSPEND_ASSIGN(options.cache, text_of(given.cache_dir, "cache_dir", true));
  FEDSPEND_ASSIGN(options.population, text_of(given.population, "population"));
  if (options.persistent.empty() || options.population.empty() || options.population.size() > kMaxTextBytes || !is_plain_text(options.population)) return fail(ErrorCode::invalid_argument, "persistent_dir or population is empty, too long or not plain text");
  if (given.policy_toml != nullptr) {
    FEDSPEND_ASSIGN(const std::string policy, text_of(given.policy_toml, "policy_toml"));
    FEDSPEND_ASSIGN(options.policy, parse_policy(policy));
  }
  options.configuration = configuration_of(given);
  options.forgets_pause = (given.flags & FEDSPEND_FORGET_PAUSE) != 0;
  options.release_key = key_of<IdentityPublicKey>(given.release_key);
  options.authority_key = key_of<IdentityPublicKey>(given.authority_key);
  options.rules = rules_of(given.flags);
  if (given.retention_days > kMaxRetentionDays) return fail(ErrorCode::invalid_argument, "retention_days is above 36,500");
  if (given.retention_days != 0) options.limits.retention_days = given.retention_days;
  if (given.max_transactions != 0) options.limits.max_transactions = given.max_transactions;
  if (given.transient_backoff_ms != 0) options.transient_backoff = Millis(given.transient_backoff_ms);
  if (given.permanent_backoff_ms != 0) options.permanent_backoff = Millis(given.permanent_backoff_ms);
  options.protector = host.protector();
  if (options.protector == nullptr && (given.flags & FEDSPEND_KEY_IN_FILE) != 0) options.protector = std::make_unique<FileSeedProtector>(options.persistent / kStoreKeyFile, random);
  options.signer = host.signer(key_of<IdentityPublicKey>(given.identity_key));
  options.examples = host.examples();
  options.make_trainer = host.trainer();
  FEDSPEND_ASSIGN(options.connect, connection_of(given, host));
  return options;
}

fedspend_status create(const fedspend_options* options, const fedspend_host* host, fedspend_device** device) {
  if (device == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "device is NULL");
  const Result<fedspend_options> known = known_part(options, "options");
  if (!known) return failed(known.error());
  const Result<fedspend_host> functions = known_part(host, "host");
  if (!functions) return failed(functions.error());
  initialize_crypto();
  auto made = std::make_unique<fedspend_device>(*functions);
  Result<DeviceOptions> engine_options = options_of(*known, *functions, made->host, made->random);
  if (!engine_options) return failed(engine_options.error());
  Result<std::unique_ptr<Device>> engine = Device::create(std::move(*engine_options), made->host, made->random);
  if (!engine) return failed(engine.error());
  made->engine = std::move(*engine);
  DeviceUse::begin(made.get());
  *device = made.release();
  return FEDSPEND_OK;
}

fedspend_status wipe_directory(const fedspend_options* options, const fedspend_host* host) {
  const auto known_given = known_part(options, "options");
  if (!known_given) return failed(known_given.error());
  const auto& known = *known_given;
  const auto functions_given = known_part(host, "host");
  if (!functions_given) return failed(functions_given.error());
  const auto& functions = *functions_given;
  const auto folder_given = text_of(known.persistent_dir, "persistent_dir");
  if (!folder_given) return failed(folder_given.error());
  const auto& folder = *folder_given;
  const auto cache_given = text_of(known.cache_dir, "cache_dir", true);
  if (!cache_given) return failed(cache_given.error());
  const auto& cache = *cache_given;
  if (folder.empty()) return failed(FEDSPEND_INVALID_ARGUMENT, "persistent_dir is empty");
  initialize_crypto();
  SystemRandom random;
  const CHost callbacks(functions);
  std::unique_ptr<SeedProtector> protector = callbacks.protector();
  if (protector == nullptr && (known.flags & FEDSPEND_KEY_IN_FILE) != 0) protector = std::make_unique<FileSeedProtector>(std::filesystem::path(folder) / kStoreKeyFile, random);
  if (protector == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "no key: give wrap and unwrap, or FEDSPEND_KEY_IN_FILE");
  const Status wiped = VaultStore::wipe(std::filesystem::path(folder) / kVaultFile, *protector);
  if (wiped && !cache.empty()) forget_cache(cache);
  return done(wiped);
}

fedspend_status ingest(Device& engine, const fedspend_transaction* transactions, std::size_t count, fedspend_ingest_report* report) {
  if (transactions == nullptr && count != 0) return failed(FEDSPEND_INVALID_ARGUMENT, "transactions is NULL");
  if (report != nullptr) {
    if (const Status room = check_out(report, "report"); !room) return failed(room.error());
  }
  std::vector<IngestedTransaction> taken;
  // An array's stride is its elements' own size.
  const auto* at = reinterpret_cast<const unsigned char*>(transactions);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* element = reinterpret_cast<const fedspend_transaction*>(at);
    const Result<fedspend_transaction> known = known_part(element, "transaction");
    if (!known) return failed(known.error());
    if (known->struct_size != transactions->struct_size) return failed(FEDSPEND_INVALID_ARGUMENT, "transactions of different struct_size");
    at += known->struct_size;
    Result<std::string> id = text_of(known->id, "id");
    if (!id) return failed(id.error());
    Result<models::Transaction> transaction = transaction_of(*known);
    if (!transaction) return failed(FEDSPEND_INVALID_ARGUMENT, "transaction " + std::to_string(i) + ": " + transaction.error().message);
    taken.push_back({std::move(*id), std::move(*transaction)});
  }
  const Result<IngestReport> ingested = engine.ingest(taken);
  if (!ingested) return failed(ingested.error());
  if (report != nullptr) {
    report->added = ingested->added;
    report->replaced = ingested->replaced;
    report->unchanged = ingested->unchanged;
    report->too_old = ingested->too_old;
    report->pushed_out = ingested->pushed_out;
  }
  return FEDSPEND_OK;
}

fedspend_status run_once(fedspend_device& device, fedspend_run_report* report) {
  if (const Status room = check_out(report, "report"); !room) return failed(room.error());
  const Result<RunReport> run = device.engine->run_once();
  if (!run) return failed(run.error());
  report->outcome = static_cast<std::int32_t>(run->outcome);
  report->come_back_in_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(run->come_back_in.count(), 0));
  report->bytes_sent = run->bytes_sent;
  put_words(run->words, report->words);
  return FEDSPEND_OK;
}

}  // namespace

extern "C" {

fedspend_status fedspend_device_create(const fedspend_options* options, const fedspend_host* host, fedspend_device** device) {
  return guarded([&] { return create(options, host, device); });
}

void fedspend_device_free(fedspend_device* device) {
  if (device != nullptr && DeviceUse::end(device)) delete device;
}

fedspend_status fedspend_device_id(fedspend_device* device, char* buffer, std::size_t capacity, std::size_t* needed) {
  return with_device(device, [&](Device& engine) { return give_text(engine.id().hex(), buffer, capacity, needed); });
}

fedspend_status fedspend_enrolment_request(fedspend_device* device, const char* token, const char* label, char* buffer, std::size_t capacity, std::size_t* needed) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    if (token == nullptr || !is_utf8(token)) return failed(FEDSPEND_INVALID_ARGUMENT, "token is NULL, or not UTF-8");
    const Result<std::string> shown = text_of(label, "label", true);
    if (!shown) return failed(shown.error());
    const std::size_t room = buffer == nullptr || capacity == 0 ? 0 : capacity - 1;
    return give(engine.enrolment_request(token, *shown, room), buffer, capacity, needed);  // the token is not copied: it is a secret
  });
}

fedspend_status fedspend_install_certificate(fedspend_device* device, const char* certificates) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    const Result<std::string> text = text_of(certificates, "certificates");
    return text ? done(engine.install_certificate(*text)) : failed(text.error());
  });
}

fedspend_status fedspend_is_enrolled(fedspend_device* device, std::uint8_t* enrolled) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    if (enrolled == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "enrolled is NULL");
    *enrolled = engine.is_enrolled() ? 1 : 0;
    return FEDSPEND_OK;
  });
}

fedspend_status fedspend_correct_category(fedspend_device* device, const char* transaction_id, const char* category) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    const Result<std::string> id = text_of(transaction_id, "transaction_id"), word = text_of(category, "category");
    if (!id || !word) return failed(id ? word.error() : id.error());
    return done(engine.correct_category(*id, *word));
  });
}

fedspend_status fedspend_ingest(fedspend_device* device, const fedspend_transaction* transactions, std::size_t count, fedspend_ingest_report* report) {
  return with_device(device, [&](Device& engine) { return ingest(engine, transactions, count, report); });
}

fedspend_status fedspend_consent_give(fedspend_device* device, const char* purpose, const char* notice_version, const char* language, const char* method) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    const Result<std::string> name = text_of(purpose, "purpose");
    if (!name) return failed(name.error());
    ConsentNotice notice;
    const Status taken = [&]() -> Status {
      FEDSPEND_ASSIGN(notice.version, text_of(notice_version, "notice_version"));
      FEDSPEND_ASSIGN(notice.language, text_of(language, "language", true));
      FEDSPEND_ASSIGN(notice.method, text_of(method, "method", true));
      return {};
    }();
    return taken ? done(engine.give_consent(*name, notice)) : failed(taken.error());
  });
}

fedspend_status fedspend_consent_withdraw(fedspend_device* device, const char* purpose) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    const Result<std::string> name = text_of(purpose, "purpose");
    return name ? done(engine.withdraw_consent(*name)) : failed(name.error());
  });
}

fedspend_status fedspend_consent_withdraw_all(fedspend_device* device) {
  return with_device(device, [&](Device& engine) { return done(engine.withdraw_all_consent()); });
}

fedspend_status fedspend_consent_is_given(fedspend_device* device, const char* purpose, std::uint8_t* given) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    const Result<std::string> name = text_of(purpose, "purpose");
    if (!name) return failed(name.error());
    if (given == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "given is NULL");
    *given = engine.has_consent(*name) ? 1 : 0;
    return FEDSPEND_OK;
  });
}

fedspend_status fedspend_consent_records(fedspend_device* device, const char* controller, const char* principal, char* buffer, std::size_t capacity, std::size_t* needed) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    const Result<std::string> by = text_of(controller, "controller"), of = text_of(principal, "principal");
    if (!by || !of) return failed((by ? of : by).error());
    return give(engine.consents(*by, *of), buffer, capacity, needed);
  });
}

fedspend_status fedspend_set_retention(fedspend_device* device, const char* purpose, std::uint32_t days) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    const Result<std::string> named = text_of(purpose, "purpose");
    return named ? done(engine.set_retention(*named, days)) : failed(named.error());
  });
}

fedspend_status fedspend_set_false_alarms(fedspend_device* device, double per_month) {
  return with_device(device, [&](Device& engine) { return done(engine.set_false_alarms(per_month)); });
}

fedspend_status fedspend_run_once(fedspend_device* device, fedspend_run_report* report) {
  return with_device(device, [&](Device&) { return run_once(*device, report); });
}

fedspend_status fedspend_pin_instruction_set(const char* name) {
  return guarded([&]() -> fedspend_status {
    const Result<std::string> wanted = text_of(name, "name");
    return wanted ? done(models::pin_isa(*wanted)) : failed(wanted.error());
  });
}

fedspend_status fedspend_check_policy(const char* policy_toml, std::uint8_t* is_demonstration) {
  return guarded([&]() -> fedspend_status {
    const Result<std::string> text = text_of(policy_toml, "policy_toml");
    if (!text) return failed(text.error());
    const Result<DevicePolicy> policy = parse_policy(*text);
    if (!policy) return failed(policy.error());
    if (is_demonstration != nullptr) *is_demonstration = policy->allow_open_aggregation || policy->allow_no_privacy ? 1 : 0;
    return FEDSPEND_OK;
  });
}

fedspend_status fedspend_cancel(fedspend_device* device) {
  return with_device(device, [](Device& engine) -> fedspend_status {
    engine.cancel();
    return FEDSPEND_OK;
  });
}

fedspend_status fedspend_history(fedspend_device* device, std::int32_t format, char* buffer, std::size_t capacity, std::size_t* needed) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    if (format == FEDSPEND_FORMAT_TEXT) return give(engine.history_words(), buffer, capacity, needed);
    if (format == FEDSPEND_FORMAT_JSON) return give(engine.history(), buffer, capacity, needed);
    return failed(FEDSPEND_INVALID_ARGUMENT, "no such format");
  });
}

fedspend_status fedspend_statement(fedspend_device* device, std::int32_t format, char* buffer, std::size_t capacity, std::size_t* needed) {
  return with_device(device, [&](Device& engine) -> fedspend_status {
    if (format == FEDSPEND_FORMAT_TEXT) return give(engine.statement_words(), buffer, capacity, needed);
    if (format == FEDSPEND_FORMAT_JSON) return give(engine.statement(), buffer, capacity, needed);
    return failed(FEDSPEND_INVALID_ARGUMENT, "no such format");
  });
}

fedspend_status fedspend_wipe_directory(const fedspend_options* options, const fedspend_host* host) {
  return guarded([&] { return wipe_directory(options, host); });
}

fedspend_status fedspend_wipe(fedspend_device* device) {
  return with_device(device, [](Device& engine) { return done(engine.wipe()); });
}
}
