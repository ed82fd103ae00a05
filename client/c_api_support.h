#pragma once
// What the files of the C ABI share: results to statuses, structs that grow, texts into the caller's buffers. Internal to client/c_api*.cpp.

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <span>
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

// Convention 3. A struct shorter than its first version is a mistake; fields that came later are zero where a caller does not know them; of a longer
// struct the surplus must be zero.
inline constexpr std::size_t kMostSurplusBytes = 4'096;

template <class Struct>
Status check_struct(const Struct* given, const char* name, std::size_t first_version = sizeof(Struct)) {
  if (given == nullptr) return fail(ErrorCode::invalid_argument, std::string(name) + " is NULL");
  const std::size_t size = given->struct_size;
  if (size < first_version) return fail(ErrorCode::invalid_argument, std::string(name) + ".struct_size is " + std::to_string(size) + ", and at least " + std::to_string(first_version) + " are expected");
  if (size > sizeof(Struct) + kMostSurplusBytes || size % alignof(Struct) != 0)
    return fail(ErrorCode::invalid_argument, std::string(name) + ".struct_size is " + std::to_string(size) + ", which no version has");
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (std::size_t i = sizeof(Struct); i < size; ++i)
    if (bytes[i] != 0) return fail(ErrorCode::invalid_argument, std::string(name) + " has fields that this library does not know");
  return {};
}

// A struct of the caller's as this library knows it.
template <class Struct>
Result<Struct> known_part(const Struct* given, const char* name, std::size_t first_version = sizeof(Struct)) {
  FEDSPEND_TRY(check_struct(given, name, first_version));
  Struct known{};
  std::memcpy(&known, given, std::min<std::size_t>(sizeof(Struct), given->struct_size));
  return known;
}

// Of a struct that the library fills: its size is the caller's, and only what it has room for is written.
template <class Struct>
Status check_out(const Struct* given, const char* name, std::size_t first_version = sizeof(Struct)) {
  return check_struct(given, name, first_version);
}
template <class Struct>
void fill(Struct* out, Struct made) {
  made.struct_size = out->struct_size;
  std::memcpy(out, &made, std::min<std::size_t>(sizeof(Struct), out->struct_size));
}

// A text of the caller's; NULL only where `optional`.
// invalid_argument: NULL, or not UTF-8.
Result<std::string> text_of(const char* given, const char* name, bool optional = false);
// Remembers words of its own where the buffer is too small.
fedspend_status give_text(std::string_view text, char* buffer, std::size_t capacity, std::size_t* needed) noexcept;

// One call of a handle. Handles that are there are counted in one place, so that a call that comes when the handle is being freed, or was, finds
// that out instead of what is left of it (but where another handle has its address by then).
class DeviceUse {
 public:
  explicit DeviceUse(fedspend_device* device);
  ~DeviceUse();
  DeviceUse(const DeviceUse&) = delete;
  DeviceUse& operator=(const DeviceUse&) = delete;
  explicit operator bool() const { return device_ != nullptr; }

  static void begin(fedspend_device* device);
  // No call finds it any more; its run is ended, and those that are there are waited for. False: it was not there.
  static bool end(fedspend_device* device) noexcept;

 private:
  fedspend_device* device_;
};

Result<models::Transaction> transaction_of(const fedspend_transaction& given);

}  // namespace fedspend::client::c_api

// `examples` puts into it.
struct fedspend_sink {
  fedspend::client::ExampleRequest request;
  std::vector<fedspend::models::Transaction> transactions = {};
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
  bool wants_insights() override { return host_.insight != nullptr; }
  void insight(const Insight& insight, const Plan& plan) override;

  // null: the host has no such key.
  std::unique_ptr<SeedProtector> protector() const;
  std::unique_ptr<IdentitySigner> signer(const IdentityPublicKey& key) const;
  std::function<Result<std::vector<models::Transaction>>(const ExampleRequest&)> examples() const;
  std::function<Result<std::unique_ptr<models::Trainer>>(const ModelSpec&)> trainer() const;  // c_api_trainer.cpp
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

  explicit fedspend_device(const fedspend_host& given) : host(given) {}
};

namespace fedspend::client::c_api {

template <class Work>
fedspend_status with_device(fedspend_device* device, const Work& work) noexcept {
  return guarded([&]() -> fedspend_status {
    if (device == nullptr) return failed(FEDSPEND_INVALID_ARGUMENT, "device is NULL");
    const DeviceUse use(device);
    if (!use) return failed(FEDSPEND_INVALID_ARGUMENT, "device was freed");
    return work(*device->engine);
  });
}

fedspend_status give(const Result<std::string>& text, char* buffer, std::size_t capacity, std::size_t* needed);
fedspend_status give(const Result<Json>& json, char* buffer, std::size_t capacity, std::size_t* needed);

// What fits with a NUL, made harmless (shown_text.h).
void put_words(std::string_view words, std::span<char> field);

}  // namespace fedspend::client::c_api
