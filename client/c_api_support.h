#pragma once
// What the files of the C ABI share: results to statuses, structs that grow, texts into the caller's buffers. Internal to client/c_api*.cpp.

#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>

#include "client/device.h"
#include "client/host_link.h"
#include "client/include/fedspend/client.h"
#include "common/crypto/random.h"

namespace fedspend::client::c_api {

class CHost;

fedspend_status status_of(ErrorCode code) noexcept;
ErrorCode code_of(fedspend_status status) noexcept;
// Remembers the words for fedspend_last_error, of this thread.
fedspend_status failed(const Error& error) noexcept;
fedspend_status failed(fedspend_status status, std::string_view words) noexcept;
void forget_error() noexcept;

// Nothing is thrown across: what is thrown inside is no memory, or a bug.
template <class Work>
fedspend_status guarded(const Work& work) noexcept {
  try {
    forget_error();
    return work();
  } catch (const std::bad_alloc&) {
    return failed(FEDSPEND_INTERNAL, "no memory");
  } catch (...) {
    return failed(FEDSPEND_INTERNAL, "an exception inside the library");
  }
}

inline fedspend_status done(const Status& status) noexcept { return status ? FEDSPEND_OK : failed(status.error()); }

// A struct as this library knows it, from one of the caller's version. All of today's are of the first version, so that a shorter one is a
// mistake; of a longer one the surplus must be zero.
template <class Struct>
Result<Struct> known_part(const Struct* given, const char* name) {
  if (given == nullptr) return fail(ErrorCode::invalid_argument, std::string(name) + " is NULL");
  const std::size_t size = given->struct_size;
  if (size < sizeof(Struct)) return fail(ErrorCode::invalid_argument, std::string(name) + ".struct_size is " + std::to_string(size) + ", and at least " + std::to_string(sizeof(Struct)) + " are expected");
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(Struct); i < size; ++i)
    if (bytes[i] != 0) return fail(ErrorCode::invalid_argument, std::string(name) + " has fields that this library does not know");
  Struct known;
  std::memcpy(&known, given, sizeof(Struct));
  return known;
}

// Of a struct that the library fills: its size is the caller's, and only what it has room for is written.
template <class Struct>
Status check_out(const Struct* given, const char* name) {
  if (given == nullptr) return fail(ErrorCode::invalid_argument, std::string(name) + " is NULL");
  if (given->struct_size < sizeof(Struct)) return fail(ErrorCode::invalid_argument, std::string(name) + ".struct_size is too small");
  return {};
}

// A text of the caller's; NULL only where `optional`.
Result<std::string> text_of(const char* given, const char* name, bool optional = false);
fedspend_status give_text(std::string_view text, char* buffer, std::size_t capacity, std::size_t* needed) noexcept;

Result<models::Transaction> transaction_of(const fedspend_transaction& given);

}  // namespace fedspend::client::c_api

// `examples` puts into it.
struct fedspend_sink {
  std::vector<fedspend::models::Transaction> transactions;
};

// `exchange` puts into it.
struct fedspend_body {
  std::size_t capacity = 0;
  fedspend::Bytes bytes;
};

// The host's functions behind the engine's interfaces.
namespace fedspend::client::c_api {

class CHost final : public DeviceHost {
 public:
  explicit CHost(const fedspend_host& host) : host_(host) {}
  Conditions conditions() override;
  Millis monotonic() override;
  std::int64_t unix_time_s() override;
  void log(bool is_warning, std::string_view text) override;
  void phase(DevicePhase phase) override;

  // null: the host has no such key.
  std::unique_ptr<SeedProtector> protector() const;
  std::unique_ptr<IdentitySigner> signer(const IdentityPublicKey& key) const;
  std::function<Result<std::vector<models::Transaction>>()> examples() const;
  HostTransport transport(const GatewayLimits& limits) const;

 private:
  fedspend_host host_;
};

}  // namespace fedspend::client::c_api

// The order is that of their borrowing.
struct fedspend_device {
  fedspend::SystemRandom random;
  fedspend::client::c_api::CHost host;
  std::unique_ptr<fedspend::client::Device> engine;
  std::mutex running;  // held by fedspend_run_once

  explicit fedspend_device(const fedspend_host& given) : host(given) {}
};
