// The channel over loopback with CURVE: round trips a second at 1 KB, bytes a second at 4 MB, connections a second, and what
// waiting on many devices costs. Both ends run in this process; libzmq has one I/O thread at each end.

#include <benchmark/benchmark.h>

#include <sys/resource.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "common/crypto/random.h"
#include "common/transport/zmq_channel.h"

namespace {

using namespace fedspend;

constexpr Millis kPatience{10'000};
constexpr std::int64_t kWindow = 8;

template <class T>
T demand(Result<T> result, benchmark::State& state) {
  if (result) return std::move(*result);
  state.SkipWithError(result.error().message.c_str());
  std::exit(1);
}

struct Pair {
  explicit Pair(benchmark::State& state, std::size_t devices = 1) {
    SeededRandom random(1);
    const CurveKeyPair server_key = CurveKeyPair::generate(random);
    server = demand(ZmqServerChannel::bind({.address = "tcp://127.0.0.1:*", .allow = [](const CurvePublicKey&) { return true; }}, server_key), state);
    for (std::size_t i = 0; i < devices; ++i) {
      const CurveKeyPair key = CurveKeyPair::generate(random);
      channels.push_back(demand(ZmqDeviceChannel::connect(context, {.address = server->last_endpoint(), .server_key = server_key.public_key}, key), state));
      waiting.push_back(channels.back().get());
    }
  }

  Incoming next(benchmark::State& state) {
    for (;;) {
      auto received = demand(server->receive(kPatience, 1), state);
      if (!received.empty()) return std::move(received.front());
    }
  }
  Frames reply(benchmark::State& state) {
    for (;;) {
      demand(ZmqDeviceChannel::wait_any(waiting, kPatience), state);
      auto received = demand(channels.front()->receive(), state);
      if (received) return std::move(*received);
    }
  }

  ZmqContext context;
  std::unique_ptr<ZmqServerChannel> server;
  std::vector<std::unique_ptr<ZmqDeviceChannel>> channels;
  std::vector<ZmqDeviceChannel*> waiting;
};

// One message at a time: the latency of a round trip.
void round_trip(benchmark::State& state) {
  Pair pair(state);
  const Frames message{.control = Bytes(static_cast<std::size_t>(state.range(0)), 1), .bulk = nullptr};
  for (auto _ : state) {
    static_cast<void>(pair.channels.front()->send(message));
    const Incoming incoming = pair.next(state);
    static_cast<void>(pair.server->send(incoming.peer, message));
    benchmark::DoNotOptimize(pair.reply(state));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(round_trip)->Arg(1024)->UseRealTime();

// A window of messages from one device: what the server takes.
void upload(benchmark::State& state) {
  Pair pair(state);
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Frames message{.control = Bytes(200, 1), .bulk = std::make_shared<const Bytes>(bytes, std::uint8_t{2})};
  std::int64_t in_flight = 0;
  for (auto _ : state) {
    do {
      while (in_flight < kWindow && pair.channels.front()->send(message)) ++in_flight;
    } while (in_flight == 0);
    benchmark::DoNotOptimize(pair.next(state));
    --in_flight;
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(upload)->Arg(1024)->Arg(4 << 20)->UseRealTime();

// A model to a device: the bytes are shared, not copied, until they are encrypted.
void download(benchmark::State& state) {
  Pair pair(state);
  const Frames hello{.control = Bytes(200, 1), .bulk = nullptr};
  static_cast<void>(pair.channels.front()->send(hello));
  const PeerId peer = pair.next(state).peer;
  const Frames model{.control = Bytes(200, 1), .bulk = std::make_shared<const Bytes>(static_cast<std::size_t>(state.range(0)), std::uint8_t{2})};
  std::int64_t in_flight = 0;
  for (auto _ : state) {
    do {
      while (in_flight < kWindow && pair.server->send(peer, model)) ++in_flight;
    } while (in_flight == 0);
    benchmark::DoNotOptimize(pair.reply(state));
    --in_flight;
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(download)->Arg(4 << 20)->UseRealTime();

// From nothing to the first message of every device.
void connect_devices(benchmark::State& state) {
  const auto devices = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    Pair pair(state, devices);
    for (const auto& channel : pair.channels) static_cast<void>(channel->send({.control = Bytes(200, 1), .bulk = nullptr}));
    for (std::size_t i = 0; i < devices; ++i) pair.next(state);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(connect_devices)->Arg(500)->UseRealTime()->Unit(benchmark::kMillisecond);

// One look at many idle devices.
void wait_any(benchmark::State& state) {
  Pair pair(state, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(demand(ZmqDeviceChannel::wait_any(pair.waiting, Millis{0}), state));
}
BENCHMARK(wait_any)->Arg(1)->Arg(500)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
