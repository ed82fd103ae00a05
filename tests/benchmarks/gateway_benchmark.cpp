// An exchange through the gateway (HTTPS kept open, signed envelope, CURVE behind it) against a message and its answer over CURVE direct, both on
// loopback with the same echoing coordinator. `ratio` of the first is what the gateway costs; the rest of its figure is the same in both.

#include <benchmark/benchmark.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "client/host_channel.h"
#include "common/crypto/random.h"
#include "common/transport/zmq_channel.h"
#include "coordinator/gateway/exchange.h"
#include "coordinator/gateway/https_server.h"

namespace {

using namespace fedspend;
using namespace fedspend::coordinator;

constexpr Millis kPatience{10'000};

template <class T>
T demand(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

struct SteadyClock final : Clock {
  Millis now() const override { return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch()); }
};

class ZmqUpstream final : public Upstream {
 public:
  explicit ZmqUpstream(std::unique_ptr<ZmqDeviceChannel> channel) : channel_(std::move(channel)) {}
  Status send(const Frames& frames) override { return channel_->send(frames); }
  Result<std::optional<Frames>> receive() override { return channel_->receive(); }
  Status wait(Millis timeout) override {
    ZmqDeviceChannel* const one[] = {channel_.get()};
    static_cast<void>(ZmqDeviceChannel::wait_any(one, timeout));
    return {};
  }
  Status check(Millis now) override { return channel_->check(now); }
  std::uint64_t connections() const override { return channel_->connections(); }

 private:
  std::unique_ptr<ZmqDeviceChannel> channel_;
};

struct Bench {
  SeededRandom random{1};
  IdentityKey key = IdentityKey::generate(random);
  CurveKeyPair server_key = CurveKeyPair::generate(random);
  SteadyClock clock;
  ZmqContext context;
  std::unique_ptr<ZmqServerChannel> server;
  std::atomic<bool> stop{false};
  std::thread echo;

  Bench() {
    server = demand(ZmqServerChannel::bind({.address = "tcp://127.0.0.1:*", .allow = [](const CurvePublicKey&) { return true; }}, server_key));
    echo = std::thread([this] {
      while (!stop.load())
        for (const Incoming& message : demand(server->receive(Millis(50), 8))) static_cast<void>(server->send(message.peer, message.frames));
    });
  }
  ~Bench() {
    stop = true;
    echo.join();
  }
  std::unique_ptr<ZmqDeviceChannel> connect() { return demand(ZmqDeviceChannel::connect(context, {.address = server->last_endpoint(), .server_key = server_key.public_key}, CurveKeyPair::generate(random))); }
  Frames message(std::size_t bulk_bytes) {
    return {seal_from_device(Decline{}, SessionId{}, client_id_of(key.public_key()), key), bulk_bytes == 0 ? nullptr : std::make_shared<const Bytes>(bulk_bytes, std::uint8_t{2})};
  }
};

double seconds_of_one(int times, const std::function<void()>& work) {
  work();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / times;
}

void exchange_through_the_gateway(benchmark::State& state) {
  Bench bench;
  const Frames message = bench.message(static_cast<std::size_t>(state.range(0)));

  const std::unique_ptr<ZmqDeviceChannel> direct = bench.connect();
  ZmqDeviceChannel* const waiting[] = {direct.get()};
  const auto ask_direct = [&] {
    static_cast<void>(direct->send(message));
    while (!demand(direct->receive())) demand(ZmqDeviceChannel::wait_any(waiting, kPatience));
  };

  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("fedspend-gateway-benchmark-" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
  std::filesystem::create_directory(folder);
  const std::string certificate = (folder / "server.pem").string(), private_key = (folder / "server.key").string();
  if (std::system(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout " + private_key + " -out " + certificate + " 2>/dev/null").c_str()) != 0)
    std::exit(1);
  Exchange exchange({.requests_of_a_device = 1'000'000}, [&](const ClientId&) { return std::optional(bench.key.public_key()); },
                    [&]() -> Result<std::unique_ptr<Upstream>> { return std::make_unique<ZmqUpstream>(bench.connect()); }, bench.clock);
  const std::unique_ptr<HttpsServer> https =
      demand(HttpsServer::start({.host = "127.0.0.1", .certificate_file = certificate, .private_key_file = private_key, .max_body_bytes = max_gateway_request_bytes({}), .requests_a_second = 1'000'000},
                                [&](ByteSpan body) { return exchange.handle(body); }, [] { return true; }));
  httplib::SSLClient client("127.0.0.1", https->port());
  client.set_ca_cert_path(certificate.c_str());
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  HostChannel channel({.client = client_id_of(bench.key.public_key())},
                      [&](ByteSpan request, Millis) -> Result<Bytes> {
                        const auto answer = client.Post("/v1/exchange", reinterpret_cast<const char*>(request.data()), request.size(), "application/octet-stream");
                        if (!answer || answer->status != 200) return fail(ErrorCode::unavailable, "no answer");
                        return Bytes(answer->body.begin(), answer->body.end());
                      },
                      [&](ByteSpan digest) -> Result<Signature> { return bench.key.sign(digest); }, bench.random);
  const auto ask_gateway = [&] {
    static_cast<void>(channel.send(message));
    while (!demand(channel.receive()))
      if (const Status pumped = channel.pump(kPatience); !pumped) demand(Result<int>(fail(pumped.error())));
  };

  const double one_direct = seconds_of_one(200, ask_direct);
  double one_gateway = 0;
  for (auto _ : state) one_gateway = seconds_of_one(200, ask_gateway);
  state.counters["direct_us"] = one_direct * 1e6;
  state.counters["gateway_us"] = one_gateway * 1e6;
  state.counters["ratio"] = one_gateway / one_direct;
  exchange.stop();
  client.stop();
  std::filesystem::remove_all(folder);
}
BENCHMARK(exchange_through_the_gateway)->Arg(0)->Arg(330'000)->Iterations(1)->Repetitions(5)->ReportAggregatesOnly(true)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
