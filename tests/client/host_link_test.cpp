// The host's transport as a device's connection: what is carried, when again, and that a run never waits for it. The gateway is invented.
#include "client/host_link.h"

#include <sys/resource.h>

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "common/crypto/random.h"

namespace fedspend::client {
namespace {

constexpr GatewayLimits kLimits{.max_bulk_bytes = 100};
constexpr Millis kLong{60'000};  // never reached where the link is right
constexpr Millis kShort{30};     // for what must not happen; a slow machine only makes it easier

Frames frames_of(std::uint8_t name) { return {Bytes{name}, nullptr}; }
Bytes response(GatewayStatus status, std::uint64_t number = 0, std::uint32_t seconds = 0, std::vector<Frames> messages = {}) {
  return encode_gateway_response({.status = status, .retry_after_s = seconds, .number = number, .messages = std::move(messages)}, kLimits);
}

// What the carrier's thread meets: the next of `script`, or else an empty answer. It sees every request.
struct Gateway {
  using Say = std::function<Result<Bytes>(const OpenedGatewayRequest&)>;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Say> script;
  std::vector<Bytes> requests;
  std::vector<std::uint32_t> polls;
  std::vector<std::uint8_t> carried;
  std::vector<Millis> timeouts;
  bool is_held = false, is_inside = false, was_given_up = false;

  Result<Bytes> exchange(ByteSpan body, Millis timeout) {
    std::unique_lock lock(mutex);
    requests.emplace_back(body.begin(), body.end());
    timeouts.push_back(timeout);
    is_inside = true;
    changed.notify_all();
    changed.wait(lock, [this] { return !is_held || was_given_up; });
    is_inside = false;
    if (was_given_up) return fail(ErrorCode::unavailable, "given up");
    const auto opened = open_gateway_request(requests.back(), kLimits).value();
    polls.push_back(opened.header.poll_ms);
    const std::vector<Frames> messages = decode_gateway_messages(opened, kLimits).value();
    for (const Frames& frames : messages) carried.push_back(frames.control.front());
    if (script.empty()) return response(GatewayStatus::ok, opened.header.sequence);
    const Say say = std::move(script.front());
    script.pop_front();
    return say(opened);
  }
  void wait_until_inside() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return is_inside; });
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return requests.size();
  }
};

struct LockedSigner final : IdentitySigner {
  explicit LockedSigner(IdentityKey with) : key(std::move(with)) {}
  const IdentityPublicKey& public_key() const override { return key.public_key(); }
  Result<Signature> sign(ByteSpan message) override {
    if (is_locked) return fail(ErrorCode::unavailable, "the key is locked");
    return key.sign(message);
  }
  IdentityKey key;
  bool is_locked = false;
};

struct Bench {
  SeededRandom random{11};
  LockedSigner signer{IdentityKey::generate(random)};
  CurveKeyPair curve = CurveKeyPair::generate(random);
  ClientId id = client_id_of(signer.public_key());
  Gateway gateway;
  std::unique_ptr<DeviceLink> link;

  explicit Bench(HostLinkOptions options = quick(), bool gives_up = true) {
    HostTransport transport{.exchange = [this](ByteSpan request, Millis timeout) { return gateway.exchange(request, timeout); }};
    if (gives_up)
      transport.give_up = [this] {
        const std::lock_guard lock(gateway.mutex);
        gateway.was_given_up = true;
        gateway.changed.notify_all();
      };
    link = connect_host(options, std::move(transport), {.curve = curve, .id = id, .signer = signer, .random = random}).value();
  }
  static HostLinkOptions quick() { return {.limits = kLimits, .connect_timeout = Millis(1'000), .shortest_poll = Millis(10), .longest_poll = Millis(40), .network_time = Millis(5'000), .retry_after = Millis(1), .retry_at_most = Millis(2)}; }
  // A wait that nobody wakes ends with each exchange.
  void exchanges(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) CHECK(link->wait(kLong));
  }
  std::optional<Frames> received() { return link->receive().value(); }
};

}  // namespace

TEST_CASE("what is said is carried, what comes is received, and the connection counts from the first answer") {
  Bench bench;
  CHECK(bench.link->connections() == 0);
  bench.gateway.script = {[](const OpenedGatewayRequest& r) -> Result<Bytes> { return response(GatewayStatus::ok, r.header.sequence, 0, {frames_of(21), frames_of(22)}); }};
  REQUIRE(bench.link->send(frames_of(1)));
  CHECK(bench.link->wait(kLong));
  CHECK(bench.link->connections() == 1);
  CHECK(bench.gateway.carried == std::vector<std::uint8_t>{1});
  CHECK(bench.received()->control == Bytes{21});
  CHECK(bench.received()->control == Bytes{22});
  CHECK_FALSE(bench.received().has_value());
}

TEST_CASE("an exchange that failed is tried again with the same bytes, and what it carried is carried once it succeeds") {
  Bench bench;
  const auto lost = [](const OpenedGatewayRequest&) -> Result<Bytes> { return fail(ErrorCode::timeout, "lost"); };
  bench.gateway.script = {lost, lost, lost};
  REQUIRE(bench.link->send(frames_of(1)));
  while (bench.link->connections() == 0) CHECK(bench.link->wait(kLong));
  REQUIRE(bench.gateway.requests.size() == 4);
  for (const Bytes& request : bench.gateway.requests) CHECK(request == bench.gateway.requests.front());
}

TEST_CASE("a gateway that asks to wait is not asked before") {
  Bench bench;
  bench.gateway.script = {[](const OpenedGatewayRequest&) -> Result<Bytes> { return response(GatewayStatus::retry_later, 0, 86'400); }};
  CHECK(bench.link->wait(kLong));
  for (int i = 0; i < 3; ++i) CHECK(bench.link->wait(kShort));
  CHECK(bench.gateway.count() == 1);
}

TEST_CASE("a device that the gateway does not know is told so for good, and asks no more") {
  Bench bench;
  bench.gateway.script = {[](const OpenedGatewayRequest&) -> Result<Bytes> { return response(GatewayStatus::not_enrolled); }};
  CHECK(bench.link->wait(kLong));
  CHECK(bench.link->check(Millis(0)).error().code == ErrorCode::unauthorized);
  CHECK(bench.link->wait(kShort));
  CHECK(bench.gateway.count() == 1);
}

TEST_CASE("without an answer in time the link says that it is unavailable, and why; with one it is there") {
  Bench bench;
  bench.gateway.script.assign(1, [](const OpenedGatewayRequest&) -> Result<Bytes> { return fail(ErrorCode::unavailable, "no network here"); });
  CHECK(bench.link->check(Millis(5'000)));
  CHECK(bench.link->wait(kLong));
  CHECK(bench.link->check(Millis(5'999)));
  const Status late = bench.link->check(Millis(6'000));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::unavailable);
  CHECK(late.error().message.find("no network here") != std::string::npos);
  while (bench.link->connections() == 0) CHECK(bench.link->wait(kLong));
  CHECK(bench.link->check(Millis(100'000)));
}

TEST_CASE("the first exchange does not wait, the next ones longer and longer, and short again after something was said or heard") {
  Bench bench;
  bench.exchanges(5);
  REQUIRE(bench.link->send(frames_of(1)));
  bench.exchanges(1);
  bench.gateway.script = {[](const OpenedGatewayRequest& r) -> Result<Bytes> { return response(GatewayStatus::ok, r.header.sequence, 0, {frames_of(21)}); }};
  bench.exchanges(1);
  CHECK(bench.received().has_value());
  bench.exchanges(1);
  // Doubled by the first answer; a message said sets it to the shortest.
  CHECK(bench.gateway.polls == std::vector<std::uint32_t>{0, 20, 40, 40, 40, 10, 20, 10});
  for (std::size_t i = 0; i < bench.gateway.polls.size(); ++i) CHECK(bench.gateway.timeouts[i] == Millis(5'000 + bench.gateway.polls[i]));
}

TEST_CASE("while the session works on what it will say no exchange waits, and nothing is under way when it is there") {
  HostLinkOptions options = Bench::quick();
  options.longest_poll = kLong;
  Bench bench(options);
  bench.exchanges(1);
  bench.link->speaks_soon(true);
  CHECK(bench.link->wait(kShort));
  CHECK(bench.gateway.count() == 1);
  REQUIRE(bench.link->send(frames_of(1)));
  bench.exchanges(1);
  CHECK(bench.gateway.polls == std::vector<std::uint32_t>{0, 0});
  CHECK(bench.gateway.carried == std::vector<std::uint8_t>{1});
}

TEST_CASE("while the session trains the link sleeps until its next look, which comes in its time") {
  HostLinkOptions options = Bench::quick();
  options.longest_poll = Millis(200);
  Bench bench(options);
  bench.exchanges(1);
  bench.link->speaks_soon(true);
  const auto sleeps = [] {
    rusage used{};
    getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
  };
  const auto before = sleeps();
  bench.exchanges(1);
  CHECK(sleeps() - before < 20);
  CHECK(bench.gateway.polls == std::vector<std::uint32_t>{0, 0});
}

TEST_CASE("a wait ends at once where what came was not received yet, and what is said then is carried after it") {
  Bench bench;
  bench.gateway.script = {[](const OpenedGatewayRequest& r) -> Result<Bytes> { return response(GatewayStatus::ok, r.header.sequence, 0, {frames_of(21)}); }};
  bench.exchanges(1);
  REQUIRE(bench.link->send(frames_of(1)));
  CHECK(bench.link->wait(Millis(1'000'000'000)));
  CHECK(bench.gateway.count() == 1);
  CHECK(bench.received()->control == Bytes{21});
  bench.link->speaks_soon(true);
  bench.exchanges(1);
  CHECK(bench.gateway.carried == std::vector<std::uint8_t>{1});
}

TEST_CASE("a wake ends a wait although an exchange is under way, also one that came before it") {
  Bench bench;
  bench.gateway.is_held = true;
  std::thread other([&] {
    bench.gateway.wait_until_inside();
    bench.link->wake();
  });
  CHECK(bench.link->wait(Millis(1'000'000'000)));
  other.join();
  bench.link->wake();
  CHECK(bench.link->wait(Millis(1'000'000'000)));
  CHECK(bench.gateway.count() == 1);  // one at a time
}

TEST_CASE("the end of a link gives up the exchange under way, and waits for it where the host cannot") {
  {
    Bench bench;
    bench.gateway.is_held = true;
    CHECK(bench.link->wait(kShort));
    bench.gateway.wait_until_inside();
    bench.link.reset();
    CHECK(bench.gateway.was_given_up);
    CHECK_FALSE(bench.gateway.is_inside);
  }
  Bench bench(Bench::quick(), false);
  bench.gateway.is_held = true;
  CHECK(bench.link->wait(kShort));
  bench.gateway.wait_until_inside();
  std::thread answer([&] {
    std::this_thread::sleep_for(kShort);
    const std::lock_guard lock(bench.gateway.mutex);
    bench.gateway.is_held = false;
    bench.gateway.changed.notify_all();
  });
  bench.link.reset();
  CHECK_FALSE(bench.gateway.is_inside);
  answer.join();
}

TEST_CASE("an exchange that did not begin is not given up, and none begins once the link ends") {
  for (int i = 0; i < 300; ++i) {
    Bench bench;
    bench.gateway.is_held = true;
    CHECK(bench.link->wait(Millis(0)));
    bench.link.reset();
    CHECK(bench.gateway.was_given_up == (bench.gateway.count() == 1));
  }
}

TEST_CASE("a host that has nothing to give up yet is asked again") {
  SeededRandom random{12};
  LockedSigner signer{IdentityKey::generate(random)};
  const CurveKeyPair curve = CurveKeyPair::generate(random);
  const ClientId id = client_id_of(signer.public_key());
  std::atomic<int> asked = 0;
  std::atomic<bool> is_inside = false;
  HostTransport transport{.exchange = [&](ByteSpan, Millis) -> Result<Bytes> {
    is_inside = true;
    while (asked < 2) std::this_thread::sleep_for(Millis(1));  // what was asked before it could be heard is lost
    is_inside = false;
    return fail(ErrorCode::unavailable, "given up");
  }};
  transport.give_up = [&] { ++asked; };
  auto link = connect_host(Bench::quick(), std::move(transport), {.curve = curve, .id = id, .signer = signer, .random = random}).value();
  CHECK(link->wait(Millis(0)));
  while (!is_inside) std::this_thread::sleep_for(Millis(1));
  link.reset();
  CHECK(asked >= 2);
  CHECK_FALSE(is_inside);
}

TEST_CASE("an idle link gives up nothing when it ends") {
  Bench bench;
  bench.exchanges(1);
  bench.link.reset();
  CHECK_FALSE(bench.gateway.was_given_up);
}

TEST_CASE("a key that is locked for a while loses nothing") {
  Bench bench;
  bench.signer.is_locked = true;
  REQUIRE(bench.link->send(frames_of(1)));
  CHECK(bench.link->wait(kShort));
  CHECK(bench.gateway.count() == 0);
  bench.signer.is_locked = false;
  while (bench.link->connections() == 0) CHECK(bench.link->wait(kLong));
  CHECK(bench.gateway.carried == std::vector<std::uint8_t>{1});
}

}  // namespace fedspend::client
