// fedspend-gateway: HTTPS for devices whose host app carries the bytes. See coordinator/gateway/README.md.

#include <array>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "common/crypto/random.h"
#include "common/program/files.h"
#include "common/program/key_files.h"
#include "common/program/program.h"
#include "common/program/runtime.h"
#include "common/transport/zmq_channel.h"
#include "coordinator/enrolment.h"
#include "coordinator/gateway/exchange.h"
#include "coordinator/gateway/https_server.h"
#include "coordinator/revocation_file.h"

namespace fedspend::coordinator {
namespace {

using program::Arguments;
using program::Report;

constexpr std::size_t kMaxListBytes = std::size_t{1} << 28;
constexpr Millis kSweepInterval{1'000};

struct Coordinator {
  std::string address;
  CurvePublicKey key;
  CurveKeyPair own_key;
  ZmqLimits limits;
};

class ZmqUpstream final : public Upstream {
 public:
  explicit ZmqUpstream(std::unique_ptr<ZmqDeviceChannel> channel) : channel_(std::move(channel)) {}
  Status send(const Frames& frames) override { return channel_->send(frames); }
  Result<std::optional<Frames>> receive() override { return channel_->receive(); }
  Status wait(Millis timeout) override {
    const std::array<ZmqDeviceChannel*, 1> one{channel_.get()};
    FEDSPEND_ASSIGN([[maybe_unused]] const auto ready, ZmqDeviceChannel::wait_any(one, timeout));
    return {};
  }
  Status check(Millis now) override {
    const Status state = channel_->check(now);
    return !state && state.error().code == ErrorCode::unauthorized ? state : Status();
  }
  std::uint64_t connections() const override { return channel_->connections(); }

 private:
  std::unique_ptr<ZmqDeviceChannel> channel_;
};

Result<std::unique_ptr<ZmqDeviceChannel>> connect_to(ZmqContext& context, const Coordinator& coordinator) {
  ZmqDeviceOptions options;
  options.address = coordinator.address;
  options.server_key = coordinator.key;
  options.limits = coordinator.limits;
  return ZmqDeviceChannel::connect(context, std::move(options), coordinator.own_key);
}

Result<EnrolmentList> read_devices(const Arguments& arguments) {
  FEDSPEND_ASSIGN(const std::string authority_path, arguments.text("authority-key"));
  FEDSPEND_ASSIGN(const IdentityPublicKey authority, program::read_identity_public_key(authority_path, "authority"));
  FEDSPEND_ASSIGN(const std::string path, arguments.text("devices"));
  FEDSPEND_ASSIGN(const std::string population, arguments.text("population"));
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxListBytes));
  const auto named = [&](Error error) {
    error.message = path + ": " + error.message;
    return error;
  };
  const Result<EnrolmentList> list = EnrolmentList::parse(as_text(bytes));
  if (!list) return fail(named(list.error()));
  std::optional<RevocationList> revocations;
  if (const auto revoked = arguments.optional_text("revocations")) {
    FEDSPEND_ASSIGN(revocations, read_revocation_file(*revoked, authority));
  }
  Result<EnrolmentList> admitted = list->admitted({.authority = authority, .population = population, .now_s = program::unix_time_s(), .revocations = revocations ? &*revocations : nullptr});
  if (!admitted) return fail(named(admitted.error()));
  return std::move(*admitted);
}

Result<HttpsOptions> https_options(const Arguments& arguments, const GatewayLimits& limits) {
  HttpsOptions options;
  FEDSPEND_ASSIGN(const std::string listen, arguments.text("listen"));
  const std::size_t colon = listen.rfind(':');
  const std::string port = colon == std::string::npos ? "" : listen.substr(colon + 1);
  const auto [rest, error] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (colon == 0 || port.empty() || error != std::errc() || rest != port.data() + port.size() || options.port < 0 || options.port > 65'535)
    return fail(ErrorCode::invalid_argument, "--listen '" + listen + "' is not an address", "write it like 0.0.0.0:8443; port 0 is a free one");
  options.host = listen.substr(0, colon);
  FEDSPEND_ASSIGN(options.certificate_file, arguments.text("certificate"));
  FEDSPEND_ASSIGN(options.private_key_file, arguments.text("private-key"));
  for (const std::string& path : {options.certificate_file, options.private_key_file}) FEDSPEND_TRY(program::read_file(path, std::size_t{1} << 20).transform([](const Bytes&) {}));
  FEDSPEND_ASSIGN(const std::int64_t connections, arguments.integer("max-connections", 1, 4'096));
  FEDSPEND_ASSIGN(const std::int64_t requests, arguments.integer("requests-a-second", 1, 1'000'000));
  FEDSPEND_ASSIGN(const std::int64_t in_flight, arguments.integer("max-bytes-in-flight", 1 << 20, std::int64_t{1} << 40));
  FEDSPEND_ASSIGN(const std::int64_t idle, arguments.integer("idle-s", 1, 3'600));
  FEDSPEND_ASSIGN(const std::int64_t request_time, arguments.integer("request-time-s", 1, 3'600));
  options.max_connections = static_cast<std::size_t>(connections);
  options.requests_a_second = static_cast<std::uint32_t>(requests);
  options.max_bytes_in_flight = static_cast<std::size_t>(in_flight);
  options.idle = std::chrono::seconds(idle);
  options.request_time = std::chrono::seconds(request_time);
  options.max_body_bytes = max_gateway_request_bytes(limits);
  return options;
}

// Its own connection to the coordinator says whether there is one: for the health endpoint and the log.
class Watch {
 public:
  Watch(std::unique_ptr<ZmqDeviceChannel> channel) : channel_(std::move(channel)) {}
  Status look(Millis now) {
    const Status state = channel_->check(now);
    const bool is_there = state && channel_->state() == ConnectionState::connected;
    if (is_there != is_there_.exchange(is_there)) program::log(is_there ? program::LogLevel::info : program::LogLevel::warning, is_there ? "coordinator_found" : "coordinator_lost");
    if (!state && state.error().code == ErrorCode::unauthorized)
      return fail(ErrorCode::unauthorized, "the coordinator does not accept this gateway's key", "give it the public half: fedspend-coordinator --gateway-key FILE");
    static_cast<void>(channel_->receive());
    return {};
  }
  bool is_there() const { return is_there_.load(); }

 private:
  std::unique_ptr<ZmqDeviceChannel> channel_;
  std::atomic<bool> is_there_{false};
};

Result<Report> run_gateway(const Arguments& arguments) {
  program::install_stop_signals();
  FEDSPEND_ASSIGN(const std::string log_level, arguments.text("log-level"));
  FEDSPEND_TRY(program::set_log_level(log_level));
  Coordinator coordinator;
  FEDSPEND_ASSIGN(coordinator.address, arguments.text("coordinator"));
  FEDSPEND_ASSIGN(const std::string coordinator_key, arguments.text("coordinator-key"));
  FEDSPEND_ASSIGN(coordinator.key, program::read_curve_public_key(coordinator_key));
  FEDSPEND_ASSIGN(const std::string own_key, arguments.text("curve-key"));
  FEDSPEND_ASSIGN(coordinator.own_key, program::read_curve_key(own_key));
  FEDSPEND_ASSIGN(const EnrolmentList devices, read_devices(arguments));
  ExchangeOptions options;
  FEDSPEND_ASSIGN(const std::int64_t bulk, arguments.integer("max-bulk-bytes", 1'024, std::int64_t{1} << 30));
  FEDSPEND_ASSIGN(const std::int64_t channels, arguments.integer("max-device-connections", 1, 100'000));
  FEDSPEND_ASSIGN(const std::int64_t rate, arguments.integer("requests-of-a-device", 1, 10'000));
  FEDSPEND_ASSIGN(const std::int64_t poll, arguments.integer("longest-poll-s", 0, kMaxPollMs / 1'000));
  FEDSPEND_ASSIGN(const std::int64_t device_idle, arguments.integer("device-idle-s", 1, 86'400));
  options.limits.max_bulk_bytes = static_cast<std::size_t>(bulk);
  options.max_connections = static_cast<std::size_t>(channels);
  options.requests_of_a_device = static_cast<std::uint32_t>(rate);
  options.longest_poll = std::chrono::seconds(poll);
  options.idle = std::chrono::seconds(device_idle);
  coordinator.limits.max_bulk_bytes = options.limits.max_bulk_bytes;
  FEDSPEND_ASSIGN(HttpsOptions https, https_options(arguments, options.limits));
  // A channel has a socket, its monitor and their wake-ups.
  FEDSPEND_TRY(program::require_descriptors(options.max_connections * 4 + https.max_connections + 128));

  ZmqContext context;
  FEDSPEND_ASSIGN(std::unique_ptr<ZmqDeviceChannel> watch_channel, connect_to(context, coordinator));
  Watch watch(std::move(watch_channel));
  const program::SteadyClock clock;
  Exchange exchange(
      options,
      [&](const ClientId& id) -> std::optional<IdentityPublicKey> {
        const EnrolledDevice* device = devices.find(id);
        return device == nullptr ? std::nullopt : std::optional(device->identity);
      },
      [&]() -> Result<std::unique_ptr<Upstream>> {
        FEDSPEND_ASSIGN(std::unique_ptr<ZmqDeviceChannel> channel, connect_to(context, coordinator));
        return std::make_unique<ZmqUpstream>(std::move(channel));
      },
      clock);
  const std::string host = https.host;
  FEDSPEND_ASSIGN(std::unique_ptr<HttpsServer> server, HttpsServer::start(std::move(https), [&](ByteSpan body) { return exchange.handle(body); }, [&] { return watch.is_there(); }));
  const std::string endpoint = "https://" + host + ":" + std::to_string(server->port());
  program::log(program::LogLevel::info, "listening", {{"endpoint", endpoint}, {"devices", std::to_string(devices.devices().size())}});
  if (const auto ready = arguments.optional_text("ready-file")) FEDSPEND_TRY(program::write_file_atomically(*ready, as_bytes(endpoint + "\n")));

  Status ended;
  for (Millis swept = clock.now(); !program::stop_requested().load() && ended;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ended = watch.look(clock.now());
    if (clock.now() < swept + kSweepInterval) continue;
    exchange.sweep();
    swept = clock.now();
  }
  exchange.stop();
  server.reset();
  if (!ended) return fail(ended.error());
  const ExchangeCounters counters = exchange.counters();
  Report report;
  report.data = {{"taken", counters.taken}, {"repeated", counters.repeated}, {"refused", counters.refused}};
  report.text = std::to_string(counters.taken) + " exchanges, " + std::to_string(counters.repeated) + " repeated, " + std::to_string(counters.refused) + " refused\n";
  return report;
}

program::ProgramSpec gateway_program() {
  program::Command run{
      .name = "",
      .summary = "carry the messages of devices that speak HTTPS to the coordinator and back",
      .example = "fedspend-gateway --listen 0.0.0.0:8443 --certificate server.pem --private-key server.key --coordinator tcp://127.0.0.1:5570 --coordinator-key coordinator.key.pub "
                 "--curve-key gateway/gateway.key --devices devices.list --authority-key authority.key.pub --population synthetic",
      .options = {{.name = "listen", .value_name = "ADDRESS", .help = "HOST:PORT; port 0 is a free one", .default_text = "127.0.0.1:8443"},
                  {.name = "certificate", .value_name = "FILE", .help = "the server's certificate with its chain, PEM; devices' apps pin it", .required = true},
                  {.name = "private-key", .value_name = "FILE", .help = "the certificate's private key, PEM", .required = true},
                  {.name = "coordinator", .value_name = "ADDRESS", .help = "tcp://HOST:PORT", .required = true},
                  {.name = "coordinator-key", .value_name = "FILE", .help = "the coordinator's public CURVE key", .required = true},
                  {.name = "curve-key", .value_name = "FILE", .help = "this gateway's CURVE key, mode 0600 (`fedspend-admin gateway-keygen`)", .required = true},
                  {.name = "devices", .value_name = "FILE", .help = "the enrolment list: whose requests are taken", .required = true},
                  {.name = "authority-key", .value_name = "FILE", .help = "the public key that the devices' certificates are signed with", .required = true},
                  {.name = "population", .value_name = "NAME", .help = "that the devices are enrolled in", .required = true},
                  {.name = "revocations", .value_name = "FILE", .help = "the authority's list of revoked devices; without it: none"},
                  {.name = "max-bulk-bytes", .value_name = "N", .help = "bulk bytes of one body together", .default_text = "67108864"},
                  {.name = "max-connections", .value_name = "N", .help = "HTTPS connections, a thread each; further ones wait", .default_text = "256"},
                  {.name = "max-device-connections", .value_name = "N", .help = "connections to the coordinator; further devices come later", .default_text = "4000"},
                  {.name = "max-bytes-in-flight", .value_name = "N", .help = "bodies that are read and under way, together", .default_text = "1073741824"},
                  {.name = "requests-a-second", .value_name = "N", .help = "of everybody; further ones get 429", .default_text = "2000"},
                  {.name = "requests-of-a-device", .value_name = "N", .help = "in a second; further ones come later", .default_text = "20"},
                  {.name = "longest-poll-s", .value_name = "S", .help = "how long an exchange may wait for an answer", .default_text = "30"},
                  {.name = "idle-s", .value_name = "S", .help = "close an HTTPS connection without a request for so long", .default_text = "60"},
                  {.name = "request-time-s", .value_name = "S", .help = "for a handshake, for sending a request, for reading its answer", .default_text = "120"},
                  {.name = "device-idle-s", .value_name = "S", .help = "forget a device that was silent for so long", .default_text = "180"},
                  {.name = "log-level", .value_name = "LEVEL", .help = "debug, info, warning or error", .default_text = "info"},
                  {.name = "ready-file", .value_name = "FILE", .help = "written with the endpoint once devices can connect"}},
      .positional = "",
      .run = run_gateway};
  return {.name = "fedspend-gateway", .summary = "the fedspend gateway: HTTPS in front of the coordinator", .commands = {run}};
}

}  // namespace
}  // namespace fedspend::coordinator

int main(int argc, char** argv) {
  fedspend::initialize_crypto();
  return fedspend::program::run_program(fedspend::coordinator::gateway_program(), argc, argv);
}
