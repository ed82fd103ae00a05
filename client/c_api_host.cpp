// The host's callbacks behind the interfaces of the engine. What is missing or fails is a no.

#include <chrono>
#include <cmath>

#include "client/c_api_support.h"
#include "client/device_clock.h"

namespace fedspend::client::c_api {
namespace {

std::optional<bool> answer(std::uint8_t given) {
  if (given == FEDSPEND_YES) return true;
  if (given == FEDSPEND_NO) return false;
  return std::nullopt;
}

Error host_error(fedspend_status status, const char* what) { return {code_of(status), std::string("the host's ") + what + " failed: " + fedspend_status_name(status)}; }

class CProtector final : public SeedProtector {
 public:
  explicit CProtector(const fedspend_host& host) : host_(host) {}
  Result<Bytes> wrap(const SecretBytes<32>& seed) override {
    Bytes wrapped(kMaxWrappedSeedBytes);
    std::size_t size = wrapped.size();
    if (const fedspend_status status = host_.wrap(host_.user, seed.expose().data(), wrapped.data(), &size); status != FEDSPEND_OK) return fail(host_error(status, "wrap"));
    if (size == 0 || size > wrapped.size()) return fail(ErrorCode::invalid_argument, "the host's wrap gave " + std::to_string(size) + " bytes");
    wrapped.resize(size);
    return wrapped;
  }
  Result<SecretBytes<32>> unwrap(ByteSpan wrapped) override {
    SecretBytes<32> seed;
    if (const fedspend_status status = host_.unwrap(host_.user, wrapped.data(), wrapped.size(), seed.expose_mutable().data()); status != FEDSPEND_OK)
      return fail(host_error(status, "unwrap"));
    return seed;
  }
  Status destroy() override {
    if (host_.destroy_key == nullptr) return {};
    const fedspend_status status = host_.destroy_key(host_.user);
    return status == FEDSPEND_OK ? Status() : Status(fail(host_error(status, "destroy_key")));
  }

 private:
  fedspend_host host_;
};

}  // namespace

Conditions CHost::conditions() {
  Conditions now;
  if (host_.conditions == nullptr) return now;
  fedspend_conditions given{};
  given.struct_size = sizeof(given);
  given.battery_level = -1;
  host_.conditions(host_.user, &given);
  now.idle = answer(given.idle);
  now.charging = answer(given.charging);
  now.unmetered = answer(given.unmetered);
  now.thermals_ok = answer(given.thermals_ok);
  if (given.battery_level >= 0 && given.battery_level <= 1) now.battery_level = given.battery_level;
  now.free_storage_bytes = given.free_storage_bytes;
  return now;
}

Millis CHost::monotonic() {
  if (host_.monotonic_ms != nullptr) return Millis(host_.monotonic_ms(host_.user));
  return time_since_boot();
}

std::int64_t CHost::unix_time_s() {
  if (host_.unix_time_s != nullptr) return host_.unix_time_s(host_.user);
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void CHost::log(bool is_warning, std::string_view text) {
  if (host_.log != nullptr) host_.log(host_.user, is_warning ? FEDSPEND_LOG_WARNING : FEDSPEND_LOG_INFO, std::string(text).c_str());
}

void CHost::phase(DevicePhase phase) {
  if (host_.phase != nullptr) host_.phase(host_.user, static_cast<std::int32_t>(phase));
}

void CHost::insight(const Insight& insight, const Plan& plan) {
  const std::string json = insight_json(insight, plan.model.categories).text();
  host_.insight(host_.user, static_cast<std::int32_t>(insight.kind), insight.transaction_id.empty() ? nullptr : insight.transaction_id.c_str(), json.c_str());
}

std::unique_ptr<SeedProtector> CHost::protector() const {
  if (host_.wrap == nullptr || host_.unwrap == nullptr) return nullptr;
  return std::make_unique<CProtector>(host_);
}

std::unique_ptr<IdentitySigner> CHost::signer(const IdentityPublicKey& key) const {
  if (host_.sign == nullptr) return nullptr;
  return std::make_unique<ForeignSigner>(key, [host = host_](ByteSpan message) -> Result<Signature> {
    Signature signature{};
    if (const fedspend_status status = host.sign(host.user, message.data(), message.size(), signature.data()); status != FEDSPEND_OK) return fail(host_error(status, "sign"));
    return signature;
  });
}

std::function<Result<std::vector<models::Transaction>>(const ExampleRequest&)> CHost::examples() const {
  if (host_.examples == nullptr) return {};
  return [host = host_](const ExampleRequest& request) -> Result<std::vector<models::Transaction>> {
    fedspend_sink sink{request};
    if (const fedspend_status status = host.examples(host.user, &sink); status != FEDSPEND_OK) return fail(host_error(status, "examples"));
    return std::move(sink.transactions);
  };
}

HostTransport CHost::transport(const GatewayLimits& limits) const {
  HostTransport transport;
  if (host_.exchange == nullptr) return transport;
  // On a thread of its own, which nothing must be thrown out of: words that fit without memory.
  transport.exchange = [host = host_, limits](ByteSpan request, Millis timeout) -> Result<Bytes> {
    try {
      fedspend_body body{.capacity = max_gateway_response_bytes(limits), .bytes = {}};
      const auto timeout_ms = static_cast<std::uint32_t>(timeout.count());
      if (const fedspend_status status = host.exchange(host.user, request.data(), request.size(), &body, timeout_ms); status != FEDSPEND_OK) return fail(host_error(status, "exchange"));
      return std::move(body.bytes);
    } catch (...) {
      return tl::unexpected<Error>(Error{ErrorCode::unavailable, "no memory", {}});
    }
  };
  if (host_.give_up_exchange != nullptr) transport.give_up = [host = host_] { host.give_up_exchange(host.user); };
  return transport;
}

Result<models::Transaction> transaction_of(const fedspend_transaction& given) {
  if (given.direction != FEDSPEND_DEBIT && given.direction != FEDSPEND_CREDIT) return fail(ErrorCode::invalid_argument, "direction is neither FEDSPEND_DEBIT nor FEDSPEND_CREDIT");
  models::Transaction transaction;
  transaction.time_s = given.time_s;
  transaction.amount_minor = given.amount_minor;
  transaction.direction = given.direction == FEDSPEND_CREDIT ? models::Direction::credit : models::Direction::debit;
  FEDSPEND_ASSIGN(transaction.category, text_of(given.category, "category", true));
  FEDSPEND_ASSIGN(transaction.merchant, text_of(given.merchant, "merchant", true));
  FEDSPEND_ASSIGN(transaction.currency, text_of(given.currency, "currency", true));
  return transaction;
}

}  // namespace fedspend::client::c_api

using namespace fedspend;
using namespace fedspend::client;
using namespace fedspend::client::c_api;

extern "C" fedspend_status fedspend_sink_add(fedspend_sink* sink, const fedspend_transaction* transaction) {
  return guarded([&]() -> fedspend_status {
    if (sink == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "sink is NULL");
    const Result<fedspend_transaction> known = known_part(transaction, "transaction");
    if (!known) return failed(known.error());
    Result<models::Transaction> taken = transaction_of(*known);
    if (!taken) return failed(taken.error());
    if (sink->request.stop.stop_requested()) return failed(FEDSPEND_REFUSED, "the run has ended");
    if (const Status checked = check_transaction(*taken, sink->request.now_s); !checked) return failed(checked.error());
    if (sink->transactions.size() >= 1'000'000) return failed(FEDSPEND_LIMIT, "more than 1,000,000 transactions");
    if (!sink->transactions.empty() && taken->time_s < sink->transactions.back().time_s) return failed(FEDSPEND_INVALID_ARGUMENT, "transactions come oldest first");
    sink->transactions.push_back(std::move(*taken));
    return FEDSPEND_OK;
  });
}

extern "C" fedspend_status fedspend_body_add(fedspend_body* body, const std::uint8_t* bytes, std::size_t size) {
  return guarded([&]() -> fedspend_status {
    if (body == nullptr || (bytes == nullptr && size != 0)) return failed(FEDSPEND_INVALID_ARGUMENT, "body or bytes is NULL");
    if (size > body->capacity - body->bytes.size()) return failed(FEDSPEND_LIMIT, "a response of more than " + std::to_string(body->capacity) + " bytes");
    body->bytes.insert(body->bytes.end(), bytes, bytes + size);
    return FEDSPEND_OK;
  });
}
