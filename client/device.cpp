#include "client/device.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "client/device_state.h"
#include "client/file_cache.h"
#include "client/personalisation.h"
#include "client/row_codec.h"
#include "common/nearest_accepted.h"
#include "common/protocol/enrolment_request.h"
#include "common/protocol/plain_text.h"

namespace fedspend::client {
namespace {

constexpr std::uint8_t kRetentionForm = 1;
constexpr std::size_t kMaxRetentions = 64;
constexpr std::size_t kMaxCertificateTextBytes = std::size_t{1} << 20;

tl::unexpected<Error> wiped() { return fail(ErrorCode::not_found, "this device was wiped", "make a new one, and enrol it"); }

std::uint64_t certificate_time(std::int64_t now_s) { return static_cast<std::uint64_t>(std::max<std::int64_t>(now_s, 0)); }

}  // namespace

std::string_view to_string(RunOutcome outcome) noexcept {
  switch (outcome) {
    case RunOutcome::contributed: return "contributed";
    case RunOutcome::not_accepted: return "not-accepted";
    case RunOutcome::not_selected: return "not-selected";
    case RunOutcome::refused: return "refused";
    case RunOutcome::no_consent: return "no-consent";
    case RunOutcome::not_enrolled: return "not-enrolled";
    case RunOutcome::conditions: return "conditions";
    case RunOutcome::too_early: return "too-early";
    case RunOutcome::withdrawn: return "withdrawn";
    case RunOutcome::cancelled: return "cancelled";
    case RunOutcome::unreachable: return "unreachable";
    case RunOutcome::not_accepted_here: return "not-accepted-here";
    case RunOutcome::finished: return "finished";
    case RunOutcome::failed: return "failed";
    case RunOutcome::turned_away: return "turned-away";
  }
  return "unknown";
}

Device::Device(std::unique_ptr<State> state) : state_(std::move(state)) {}
Device::~Device() = default;
const ClientId& Device::id() const { return state_->id; }

Result<std::unique_ptr<Device>> Device::create(DeviceOptions options, DeviceHost& host, RandomSource& random) {
  if (options.protector == nullptr) return fail(ErrorCode::invalid_argument, "nobody keeps the key of the device's files", "give the host's wrap and unwrap, or allow a key in a file");
  FEDSPEND_TRY(check_release_key(options.policy, options.release_key));
  auto state = std::make_unique<State>(std::move(options), host, random);
  FEDSPEND_TRY(state->open());
  return std::unique_ptr<Device>(new Device(std::move(state)));
}

Status Device::State::open() {
  FEDSPEND_ASSIGN(vault, VaultStore::open(options.persistent / kVaultFile, *options.protector, random));
  FEDSPEND_ASSIGN(record, VaultDeviceRecord::open(*vault, random));
  FEDSPEND_TRY(open_retention());
  FEDSPEND_TRY(open_false_alarms());
  FEDSPEND_ASSIGN(transactions, TransactionStore::open(*vault, options.limits));
  FEDSPEND_ASSIGN(consents, Consents::open(*vault));
  FEDSPEND_ASSIGN(log, TransparencyLog::open(*vault));
  warn(tidy(host.unix_time_s()));
  FEDSPEND_TRY(open_identity());
  FEDSPEND_TRY(open_transport_key());
  FEDSPEND_ASSIGN(const std::optional<Bytes> kept, setting(Setting::certificate));
  if (kept) {
    FEDSPEND_ASSIGN(certificate, decode_certificate(signer->public_key(), *kept));
  }
  cache = std::make_unique<FileCache>(options.cache, options.release_key);
  held_plan = cache->plan_on_disk();
  held_model = cache->model_on_disk();
  return {};
}

Status Device::State::open_identity() {
  FEDSPEND_ASSIGN(const std::optional<Bytes> known, setting(Setting::identity_public));
  if (options.signer != nullptr) {
    signer = std::move(options.signer);
  } else {
    FEDSPEND_ASSIGN(std::optional<Bytes> kept, setting(Setting::identity_seed));
    if (known && !kept) return fail(ErrorCode::refused, "this device's identity is the host's key, which was not given");
    SecretBytes<32> seed;
    if (kept) {
      if (kept->size() != 32) return fail(ErrorCode::malformed, "the device's identity is damaged");
      std::ranges::copy(*kept, seed.expose_mutable().begin());
      ::fedspend::wipe(*kept);
    } else {
      random.fill(seed.expose_mutable());
      FEDSPEND_TRY(keep_setting(Setting::identity_seed, seed.expose()));
    }
    signer = std::make_unique<KeySigner>(IdentityKey::from_seed(seed));
  }
  const IdentityPublicKey& key = signer->public_key();
  if (known && !std::ranges::equal(*known, key.bytes)) return fail(ErrorCode::refused, "the host's key is not the one that this device was made with");
  if (!known) FEDSPEND_TRY(keep_setting(Setting::identity_public, key.bytes));
  id = client_id_of(key);
  return {};
}

Status Device::State::open_transport_key() {
  FEDSPEND_ASSIGN(std::optional<Bytes> kept, setting(Setting::curve_secret));
  if (!kept) {
    curve = CurveKeyPair::generate(random);
    return keep_setting(Setting::curve_secret, curve->secret_key.expose());
  }
  if (kept->size() != 32) return fail(ErrorCode::malformed, "the device's transport key is damaged");
  SecretBytes<32> secret;
  std::ranges::copy(*kept, secret.expose_mutable().begin());
  ::fedspend::wipe(*kept);
  curve = CurveKeyPair::from_secret(std::move(secret));
  return {};
}

Result<std::optional<Bytes>> Device::State::setting(Setting which) {
  std::optional<Bytes> found;
  const auto number = static_cast<std::uint64_t>(which);
  FEDSPEND_TRY(vault->read(Shelf::setting, number, [&](std::uint64_t at, ByteSpan content) {
    if (at == number) found = Bytes(content.begin(), content.end());
    return false;
  }));
  return found;
}

VaultRow Device::State::setting_row(Setting which, ByteSpan content) {
  return {Shelf::setting, static_cast<std::uint64_t>(which), Bytes(content.begin(), content.end())};
}

Status Device::State::keep_setting(Setting which, ByteSpan content) {
  const VaultRow row = setting_row(which, content);
  return vault->change({}, std::span(&row, 1));
}

// Form, then a purpose and its days again and again.
Status Device::State::open_retention() {
  // Without a policy it is not known what the rows are kept for: whatever purpose has a retention counts.
  if (!options.policy.purposes.empty()) {
    options.limits.purposes.insert(options.policy.purposes.begin(), options.policy.purposes.end());
    for (const std::string_view purpose : {kPurposeEvaluation, kPurposePersonalInsights, kPurposeOfferSuggestions}) options.limits.purposes.emplace(purpose);
  }
  FEDSPEND_ASSIGN(const std::optional<Bytes> kept, setting(Setting::retention));
  if (!kept) return {};
  RowReader row(*kept, kRetentionForm);
  for (std::uint64_t left = row.u64(); left > 0; --left) {
    const std::string purpose = row.text(kMaxPurposeBytes);
    const std::uint64_t days = row.u64();
    if (days < 1 || days > kMaxRetentionDays) return fail(ErrorCode::malformed, "the device's retention is damaged");
    options.limits.retention_days_of[purpose] = static_cast<std::uint32_t>(days);
  }
  if (!row.done()) return fail(ErrorCode::malformed, "the device's retention is damaged");
  return {};
}

Status Device::State::keep_retention(const StoreLimits& limits) {
  RowWriter row(kRetentionForm);
  row.u64(limits.retention_days_of.size());
  for (const auto& [purpose, days] : limits.retention_days_of) row.text(purpose).u64(days);
  return keep_setting(Setting::retention, row.take());
}

Device::State::Warnings Device::State::tidy(std::int64_t now_s) {
  Warnings warnings;
  if (const Status pruned = transactions->prune(now_s); !pruned) warnings.push_back("rows beyond their retention are still there: " + pruned.error().message);
  if (consents_to(kPurposePersonalInsights)) return warnings;
  const Result<ShelfSize> personal = vault->size_of(Shelf::personal);
  if (personal && personal->rows == 0) return warnings;
  const Status erased = personal ? Personalisation(*vault).erase_all() : Status(fail(personal.error()));
  if (!erased) warnings.push_back("personal models, which are not used any more, are still there: " + erased.error().message);
  return warnings;
}

Status Device::State::check_enrolment(std::int64_t now_s) {
  if (!certificate) return fail(ErrorCode::not_found, "this device is not enrolled");
  return verify_certificate(*certificate, options.authority_key, options.population, certificate_time(now_s));
}

bool Device::State::consents_to_something() const {
  return std::ranges::any_of(options.policy.purposes, [this](const std::string& purpose) { return consents_to(purpose); });
}

Result<std::string> Device::enrolment_request(std::string_view token, std::string label, std::size_t room_bytes) {
  FEDSPEND_ASSIGN(const EnrolmentToken parsed, EnrolmentToken::parse(token));
  FEDSPEND_TRY(check_device_label(label));
  const std::int64_t now_s = state_->host.unix_time_s();
  std::shared_ptr<IdentitySigner> signer;
  CurvePublicKey transport_key;
  {
    const std::lock_guard lock(state_->vault_mutex);
    if (state_->vault == nullptr) return wiped();
    signer = state_->signer;
    transport_key = state_->curve->public_key;
  }
  EnrolmentRequests requests;
  requests.population = state_->options.population;
  FEDSPEND_ASSIGN(EnrolmentRequest request, make_enrolment_request(requests.population, *signer, transport_key, parsed, std::move(label)));
  requests.requests.push_back(std::move(request));
  std::string text = requests.text();
  if (text.size() > room_bytes) return text;
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  FEDSPEND_TRY(state_->log->append({.time_s = now_s, .kind = HistoryKind::enrolment_requested, .bytes = text.size()}));
  return text;
}

Status Device::install_certificate(std::string_view text) {
  if (text.size() > kMaxCertificateTextBytes) return fail(ErrorCode::limit, "more than 1 MiB of certificates");
  const std::int64_t now_s = state_->host.unix_time_s();
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    if (line.empty()) continue;
    FEDSPEND_ASSIGN(const Certificate certificate, parse_certificate_line(line));
    if (certificate.identity != state_->signer->public_key()) continue;
    FEDSPEND_TRY(verify_certificate(certificate, state_->options.authority_key, state_->options.population, certificate_time(now_s)));
    const VaultRow row = State::setting_row(Setting::certificate, encode_certificate(certificate));
    FEDSPEND_TRY(state_->log->append({.time_s = now_s, .kind = HistoryKind::enrolled}, std::span(&row, 1)));
    state_->certificate = certificate;
    return {};
  }
  return fail(ErrorCode::not_found, "there is no certificate for this device in the text");
}

bool Device::is_enrolled() {
  const std::int64_t now_s = state_->host.unix_time_s();
  const std::lock_guard lock(state_->vault_mutex);
  return state_->vault != nullptr && state_->check_enrolment(now_s).has_value();
}

Result<IngestReport> Device::ingest(std::span<const IngestedTransaction> transactions) {
  const std::int64_t now_s = state_->host.unix_time_s();
  const bool speaks = state_->host.wants_insights();
  std::vector<std::string> added;
  IngestReport report;
  {
    const std::lock_guard lock(state_->vault_mutex);
    if (state_->vault == nullptr) return wiped();
    if (speaks) {
      for (const IngestedTransaction& each : transactions)
        if (!state_->transactions->find(each.id)) added.push_back(each.id);
    }
    FEDSPEND_ASSIGN(report, state_->transactions->ingest(transactions, now_s));
  }
  try {
    if (!added.empty()) state_->speak_of(std::move(added));
  } catch (const std::bad_alloc&) {  // the transactions are kept; nothing is said of them
  }
  return report;
}

Status Device::correct_category(std::string_view id, std::string_view category) {
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  return state_->transactions->correct(id, category);
}

Status Device::set_retention(std::string_view purpose, std::uint32_t days) {
  if (purpose.empty() || purpose.size() > kMaxPurposeBytes || !is_plain_text(purpose)) return fail(ErrorCode::invalid_argument, "this is no purpose", "1 to 64 bytes of plain text");
  if (days > kMaxRetentionDays) return fail(ErrorCode::invalid_argument, "a retention of " + std::to_string(days) + " days", "1 to 36,500 days, or 0 for the default");
  const std::int64_t now_s = state_->host.unix_time_s();
  State::Warnings warnings;
  {
    const std::lock_guard lock(state_->vault_mutex);
    if (state_->vault == nullptr) return wiped();
    StoreLimits limits = state_->options.limits;
    limits.retention_days_of.erase(std::string(purpose));
    if (days != 0) limits.retention_days_of.emplace(purpose, days);
    if (limits.retention_days_of.size() > kMaxRetentions) return fail(ErrorCode::limit, "more than 64 purposes have a retention of their own");
    FEDSPEND_TRY(state_->keep_retention(limits));
    state_->options.limits = limits;
    state_->transactions->set_limits(std::move(limits));
    warnings = state_->tidy(now_s);
  }
  state_->warn(warnings);
  return {};
}

Status Device::give_consent(std::string_view purpose, const ConsentNotice& notice) {
  const std::int64_t now_s = state_->host.unix_time_s();
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  return state_->consents->give(purpose, notice, now_s);
}

Status Device::withdraw_consent(std::string_view purpose) {
  const PendingWithdrawals::Scope withdrawing(state_->withdrawing, purpose);
  state_->wake_run();
  state_->stop_insights(purpose);
  const std::int64_t now_s = state_->host.unix_time_s();
  Status withdrawn;
  State::Warnings warnings;
  {
    const std::lock_guard lock(state_->vault_mutex);
    if (state_->vault == nullptr) return wiped();
    withdrawn = state_->consents->withdraw(purpose, now_s);
    warnings = state_->tidy(now_s);
  }
  state_->warn(warnings);
  return withdrawn;
}

Status Device::withdraw_all_consent() {
  const PendingWithdrawals::Scope withdrawing(state_->withdrawing, std::nullopt);
  state_->wake_run();
  state_->stop_all_insights();
  const std::int64_t now_s = state_->host.unix_time_s();
  Status withdrawn;
  State::Warnings warnings;
  {
    const std::lock_guard lock(state_->vault_mutex);
    if (state_->vault == nullptr) return wiped();
    withdrawn = state_->consents->withdraw_all(now_s);
    warnings = state_->tidy(now_s);
  }
  state_->warn(warnings);
  return withdrawn;
}

bool Device::has_consent(std::string_view purpose) {
  const std::lock_guard lock(state_->vault_mutex);
  return state_->vault != nullptr && state_->consents_to(purpose);
}

Result<Json> Device::consents(std::string_view controller, std::string_view pii_principal) {
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  return consent_records(*state_->consents, controller, pii_principal);
}

void Device::cancel() {
  Activity expected = Activity::running;
  state_->activity.compare_exchange_strong(expected, Activity::cancelling);
  state_->adapting.stop();
  state_->evaluating.stop();
  state_->wake_run();
}

void Device::close() {
  state_->is_closing = true;
  state_->stop_all_insights();
  state_->wake_run();
}

Result<std::string> Device::history_words() {
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  FEDSPEND_ASSIGN(const std::vector<HistoryEntry> entries, state_->log->entries());
  return history_text(entries, state_->options.policy.max_epsilon);
}

Result<Json> Device::history() {
  const std::lock_guard lock(state_->vault_mutex);
  if (state_->vault == nullptr) return wiped();
  FEDSPEND_ASSIGN(const std::vector<HistoryEntry> entries, state_->log->entries());
  return history_json(entries);
}

namespace {

struct Statement {
  PrivacyAccount in_all;
  std::vector<std::pair<TaskId, PrivacyAccount>> tasks;
};

Result<Statement> statement_of(Device::State& state) {
  const std::lock_guard lock(state.vault_mutex);
  if (state.vault == nullptr) return wiped();
  Statement statement;
  FEDSPEND_ASSIGN(statement.in_all, state.record->account_in_all());
  for (const TaskId& task : state.record->tasks()) {
    FEDSPEND_ASSIGN(const PrivacyAccount account, state.record->account(task));
    statement.tasks.emplace_back(task, account);
  }
  return statement;
}

double epsilon_of(const PrivacyAccount& account, double delta) { return account.participations == 0 ? 0 : account.epsilon(delta); }

}  // namespace

Result<Json> Device::statement() {
  FEDSPEND_ASSIGN(const Statement statement, statement_of(*state_));
  const double delta = state_->options.policy.delta;
  const auto account_json = [&](const PrivacyAccount& account) {
    const double epsilon = epsilon_of(account, delta);
    JsonObject json;
    json.add("contributions", account.participations).add("contributions_without_noise", account.without_noise).add("last_round", account.last_round).add("epsilon", epsilon);
    if (!std::isfinite(epsilon)) json.add("epsilon_is_unbounded", true);
    return json;
  };
  JsonArray tasks;
  for (const auto& [task, account] : statement.tasks) tasks.add(account_json(account).add("task", task.hex()));
  return Json(JsonObject().add("schema_version", 1).add("delta", delta).add("max_epsilon", state_->options.policy.max_epsilon).add("in_all", account_json(statement.in_all)).add("tasks", tasks));
}

Result<std::string> Device::statement_words() {
  FEDSPEND_ASSIGN(const Statement statement, statement_of(*state_));
  const double delta = state_->options.policy.delta;
  const auto line = [&](const std::string& name, const PrivacyAccount& account) {
    return name + ": " + std::to_string(account.participations) + " contributions, epsilon " + epsilon_text(epsilon_of(account, delta)) + "\n";
  };
  std::string text = "What this device has given to shared models, as differential privacy counts it (delta " + exact_text(delta) + ")\n";
  text += line("in all", statement.in_all);
  for (const auto& [task, account] : statement.tasks) text += line("task " + task.hex(), account);
  return text;
}

namespace {

// One at a time; given back also when there is no memory, no thread, or a function of the host throws.
class ActivityTurn {
 public:
  ActivityTurn(std::atomic<Activity>& activity, Activity wanted) : activity_(activity) {
    Activity expected = Activity::none;
    taken_ = activity_.compare_exchange_strong(expected, wanted);
  }
  ~ActivityTurn() {
    if (taken_) activity_ = Activity::none;
  }
  ActivityTurn(const ActivityTurn&) = delete;
  ActivityTurn& operator=(const ActivityTurn&) = delete;
  explicit operator bool() const { return taken_; }

 private:
  std::atomic<Activity>& activity_;
  bool taken_ = false;
};

}  // namespace

// What is in memory goes first: whatever the disk says, this object answers nothing any more.
Status Device::wipe() {
  const ActivityTurn turn(state_->activity, Activity::wiping);
  if (!turn) return fail(ErrorCode::conflict, "a run is under way: cancel it, and wipe when it has ended");
  state_->stop_all_insights();
  const std::int64_t now_s = state_->host.unix_time_s();
  {
    const std::lock_guard lock(state_->vault_mutex);
    // It goes with the rest; nothing must keep a wipe from being done, a full disk neither.
    if (state_->vault != nullptr) {
      static_cast<void>(state_->log->append({.time_s = now_s, .kind = HistoryKind::wiped}));
      state_->unwiped = std::move(state_->vault);
    }
    state_->transactions.reset();
    state_->consents.reset();
    state_->log.reset();
    state_->record.reset();
    state_->signer.reset();
    state_->curve.reset();
    state_->certificate.reset();
    state_->cache = std::make_unique<FileCache>(std::filesystem::path(), state_->options.release_key);
    state_->held_plan = {};
    state_->held_model = {};
  }
  if (!state_->options.cache.empty()) forget_cache(state_->options.cache);
  if (state_->unwiped == nullptr) return {};
  // The host destroys its key in here.
  FEDSPEND_TRY(state_->unwiped->wipe());
  state_->unwiped.reset();
  return {};
}

Result<RunReport> Device::run_once() {
  const ActivityTurn turn(state_->activity, Activity::running);
  if (!turn) return fail(ErrorCode::conflict, "a run is under way");
  if (state_->is_closing.load()) return fail(ErrorCode::conflict, "the device is being closed");
  return state_->vault == nullptr ? Result<RunReport>(wiped()) : state_->run();
}

}  // namespace fedspend::client
