// The gateway's rules of ENVELOPE.md, with an invented coordinator and hand-made devices.
#include "coordinator/gateway/exchange.h"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "common/crypto/random.h"
#include "common/protocol/codec.h"

namespace fedspend::coordinator {
namespace {

constexpr GatewayLimits kLimits{.max_bulk_bytes = 1'000};

struct TestClock final : Clock {
  std::atomic<std::int64_t> ms{1'000'000};
  Millis now() const override { return Millis(ms.load()); }
};

// What one connection's other end saw and says.
struct Wire {
  std::mutex mutex;
  std::vector<std::uint8_t> sent;
  std::deque<Frames> to_device;
  std::uint64_t connections = 1;
  bool is_full = false;
  bool is_closed = false;
};

struct FakeUpstream final : Upstream {
  FakeUpstream(std::shared_ptr<Wire> to, TestClock& at) : wire(std::move(to)), clock(at) {}
  ~FakeUpstream() override {
    const std::lock_guard lock(wire->mutex);
    wire->is_closed = true;
  }
  Status send(const Frames& frames) override {
    const std::lock_guard lock(wire->mutex);
    if (wire->is_full) return fail(ErrorCode::unavailable, "full");
    wire->sent.push_back(open_envelope(frames.control).value().session.bytes[0]);
    return {};
  }
  Result<std::optional<Frames>> receive() override {
    const std::lock_guard lock(wire->mutex);
    if (wire->to_device.empty()) return std::optional<Frames>();
    std::optional<Frames> frames = std::move(wire->to_device.front());
    wire->to_device.pop_front();
    return frames;
  }
  Status wait(Millis timeout) override {
    clock.ms += timeout.count();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {};
  }
  Status check(Millis) override { return {}; }
  std::uint64_t connections() const override {
    const std::lock_guard lock(wire->mutex);
    return wire->connections;
  }
  std::shared_ptr<Wire> wire;
  TestClock& clock;
};

Frames frames_of(std::uint8_t name, std::size_t bulk = 0) {
  Frames frames{Bytes{name}, nullptr};
  if (bulk > 0) frames.bulk = std::make_shared<const Bytes>(bulk, name);
  return frames;
}

// A device's message, which carries the name of `frames` as its session. The signature is not the gateway's to check.
Frames said_by(const ClientId& sender, const IdentityKey& signer, const Frames& frames) {
  SessionId session;
  session.bytes[0] = frames.control.front();
  return {seal_from_device(Decline{}, session, sender, signer), frames.bulk};
}

struct Bench {
  SeededRandom random{7};
  IdentityKey key = IdentityKey::generate(random);
  IdentityKey other_key = IdentityKey::generate(random);
  TestClock clock;
  std::vector<std::shared_ptr<Wire>> wires;
  bool has_coordinator = true;
  std::uint64_t connections_at_first = 1;
  ExchangeOptions options;
  std::unique_ptr<Exchange> exchange;

  explicit Bench(ExchangeOptions given = {.limits = kLimits, .max_connections = 3, .requests_of_a_device = 100}) : options(given) {
    exchange = std::make_unique<Exchange>(
        options,
        [this](const ClientId& id) -> std::optional<IdentityPublicKey> {
          for (const IdentityKey* one : {&key, &other_key})
            if (client_id_of(one->public_key()) == id) return one->public_key();
          return std::nullopt;
        },
        [this]() -> Result<std::unique_ptr<Upstream>> {
          if (!has_coordinator) return fail(ErrorCode::unavailable, "no coordinator");
          wires.push_back(std::make_shared<Wire>());
          wires.back()->connections = connections_at_first;
          return std::make_unique<FakeUpstream>(wires.back(), clock);
        },
        clock);
  }
  static ConnectionId connection(std::uint8_t name) {
    ConnectionId id;
    id.bytes.fill(name);
    return id;
  }
  Bytes request(std::uint64_t sequence, std::vector<Frames> messages = {}, std::uint8_t name = 1, std::uint32_t poll_ms = 0) {
    return request_of(key, {.sender = client_id_of(key.public_key()), .connection = connection(name), .sequence = sequence, .acknowledged = sequence - 1, .poll_ms = poll_ms, .messages = std::move(messages)});
  }
  static Bytes request_of(const IdentityKey& signer, GatewayRequest request) {
    for (Frames& frames : request.messages) frames = said_by(request.sender, signer, frames);
    return sealed(signer, request);
  }
  static Bytes sealed(const IdentityKey& signer, const GatewayRequest& request) {
    return seal_gateway_request(request, kLimits, [&](ByteSpan digest) -> Result<Signature> { return signer.sign(digest); }).value();
  }
  GatewayResponse ask(const Bytes& body) {
    const Answer answer = exchange->handle(body);
    INFO(answer.reason);
    REQUIRE(answer.http_status == 200);
    return decode_gateway_response(answer.body, kLimits).value();
  }
  int status(const Bytes& body) { return exchange->handle(body).http_status; }
};

using Names = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("an exchange carries messages to the coordinator and brings what it says") {
  Bench bench;
  CHECK(bench.ask(bench.request(1)).number == 1);
  bench.wires.at(0)->to_device = {frames_of(11), frames_of(12, 30)};
  const GatewayResponse response = bench.ask(bench.request(2, {frames_of(1), frames_of(2, 20)}));
  CHECK(response.number == 2);
  REQUIRE(response.messages.size() == 2);
  CHECK(response.messages[1].bulk_bytes().size() == 30);
  CHECK(bench.wires[0]->sent == Names{1, 2});
}

TEST_CASE("the same request again gets the same answer, and nothing is carried twice") {
  Bench bench;
  const Bytes request = bench.request(1, {frames_of(1)});
  const Answer first = bench.exchange->handle(request);
  bench.wires.at(0)->to_device = {frames_of(11)};
  CHECK(bench.exchange->handle(request).body == first.body);
  CHECK(bench.wires[0]->sent == Names{1});
  CHECK(bench.ask(bench.request(2)).messages.size() == 1);
  CHECK(bench.exchange->counters().repeated == 1);
}

TEST_CASE("another request with the same sequence, an older one and one that skips are refused with 409") {
  Bench bench;
  bench.ask(bench.request(1));
  bench.ask(bench.request(2, {frames_of(1)}));
  CHECK(bench.status(bench.request(2, {frames_of(9)})) == 409);
  CHECK(bench.status(bench.request(1)) == 409);
  CHECK(bench.status(bench.request(4)) == 409);
  CHECK(bench.status(bench.request_of(bench.key, {.sender = client_id_of(bench.key.public_key()), .connection = Bench::connection(1), .sequence = 3, .acknowledged = 1, .messages = {}})) == 409);
  CHECK(bench.wires.at(0)->sent == Names{1});
  CHECK(bench.ask(bench.request(3)).number == 3);
}

TEST_CASE("a session that is not known is gone unless it begins") {
  Bench bench;
  CHECK(bench.ask(bench.request(5, {frames_of(1)})).status == GatewayStatus::gone);
  CHECK(bench.wires.empty());
}

TEST_CASE("a device cannot speak in another's connection, nor for another") {
  Bench bench;
  bench.ask(bench.request(1));
  // The same connection id under another sender is another connection.
  CHECK(bench.ask(Bench::request_of(bench.other_key, {.sender = client_id_of(bench.other_key.public_key()), .connection = Bench::connection(1), .sequence = 2, .acknowledged = 1, .messages = {}})).status == GatewayStatus::gone);
  CHECK(bench.status(Bench::request_of(bench.other_key, {.sender = client_id_of(bench.key.public_key()), .connection = Bench::connection(1), .sequence = 2, .acknowledged = 1, .messages = {}})) == 403);
  const IdentityKey stranger = IdentityKey::generate(bench.random);
  CHECK(bench.ask(Bench::request_of(stranger, {.sender = client_id_of(stranger.public_key()), .connection = Bench::connection(1), .messages = {}})).status == GatewayStatus::not_enrolled);
}

TEST_CASE("a message inside that names another sender, or is none, is not carried, nor are those beside it") {
  Bench bench;
  bench.ask(bench.request(1));
  const ClientId own = client_id_of(bench.key.public_key()), other = client_id_of(bench.other_key.public_key());
  const GatewayRequest header{.sender = own, .connection = Bench::connection(1), .sequence = 2, .acknowledged = 1, .poll_ms = 0, .messages = {}};
  const Frames good = said_by(own, bench.key, frames_of(1));
  // Also what the other device has signed itself: who holds its messages does not speak for it.
  for (const Frames& bad : {said_by(other, bench.key, frames_of(2)), said_by(other, bench.other_key, frames_of(2))}) {
    GatewayRequest request = header;
    request.messages = {good, bad};
    CHECK(bench.status(Bench::sealed(bench.key, request)) == 403);
  }
  for (const Bytes& none : {Bytes{1}, Bytes(good.control.begin(), good.control.end() - 1)}) {
    GatewayRequest request = header;
    request.messages = {good, Frames{none, nullptr}};
    CHECK(bench.status(Bench::sealed(bench.key, request)) == 400);
  }
  CHECK(bench.wires.at(0)->sent.empty());
  CHECK(bench.ask(bench.request(2, {frames_of(3)})).number == 2);  // the connection goes on
  CHECK(bench.wires[0]->sent == Names{3});
}

TEST_CASE("a body of which any byte was changed, cut or added carries nothing") {
  Bench bench;
  const Bytes good = bench.request(1, {frames_of(1, 3)});
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    const Answer answer = bench.exchange->handle(bad);
    CHECK((answer.http_status != 200 || decode_gateway_response(answer.body, kLimits).value().status == GatewayStatus::not_enrolled));
    CHECK(bench.status(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(i))) >= 400);
  }
  Bytes longer = good;
  longer.push_back(0);
  CHECK(bench.status(longer) >= 400);
  CHECK(bench.status(Bytes(max_gateway_request_bytes(kLimits) + 1)) == 413);
  CHECK(bench.wires.empty());
}

TEST_CASE("a poll ends with the first message, and otherwise in its time") {
  Bench bench;
  bench.ask(bench.request(1));
  const Millis begun = bench.clock.now();
  CHECK(bench.ask(bench.request(2, {}, 1, 3'000)).messages.empty());
  CHECK(bench.clock.now() - begun == Millis{3'000});
  bench.wires.at(0)->to_device = {frames_of(11)};
  CHECK(bench.ask(bench.request(3, {}, 1, 3'000)).messages.size() == 1);
  CHECK(bench.clock.now() - begun == Millis{3'000});
}

TEST_CASE("the gateway's own limit of a poll goes before the device's wish") {
  Bench bench({.limits = kLimits, .longest_poll = Millis{200}});
  bench.ask(bench.request(1));
  const Millis begun = bench.clock.now();
  bench.ask(bench.request(2, {}, 1, 60'000));
  CHECK(bench.clock.now() - begun == Millis{200});
}

TEST_CASE("a connection to the coordinator that broke ends the device's, which begins anew") {
  Bench bench;
  bench.ask(bench.request(1));
  bench.wires.at(0)->connections = 2;
  CHECK(bench.ask(bench.request(2, {frames_of(1)})).status == GatewayStatus::gone);
  CHECK(bench.wires[0]->sent.empty());
  CHECK(bench.wires[0]->is_closed);
  CHECK(bench.ask(bench.request(1, {frames_of(2)}, 2)).number == 1);
  CHECK(bench.wires.at(1)->sent == Names{2});
}

TEST_CASE("without a coordinator nothing is taken, and the same bytes are good later") {
  Bench bench;
  bench.has_coordinator = false;
  const Bytes request = bench.request(1, {frames_of(1)});
  CHECK(bench.ask(request).status == GatewayStatus::retry_later);
  bench.has_coordinator = true;
  bench.connections_at_first = 0;  // it does not answer in its time
  CHECK(bench.ask(request).status == GatewayStatus::retry_later);
  bench.connections_at_first = 1;
  CHECK(bench.ask(request).number == 1);
  CHECK(bench.wires.back()->sent == Names{1});
}

TEST_CASE("a coordinator that does not read takes nothing, and the same request is good later") {
  Bench bench;
  bench.ask(bench.request(1));
  bench.wires.at(0)->is_full = true;
  const Bytes request = bench.request(2, {frames_of(1)});
  CHECK(bench.ask(request).status == GatewayStatus::retry_later);
  bench.wires[0]->is_full = false;
  CHECK(bench.ask(request).number == 2);
  CHECK(bench.wires[0]->sent == Names{1});
}

TEST_CASE("an answer holds eight messages and the cap of bulk bytes, and the rest comes next, in order") {
  Bench bench;
  bench.ask(bench.request(1));
  for (std::uint8_t name = 1; name <= 10; ++name) bench.wires.at(0)->to_device.push_back(frames_of(name, 300));
  Names got;
  for (std::uint64_t sequence = 2; got.size() < 10; ++sequence) {
    const GatewayResponse response = bench.ask(bench.request(sequence));
    CHECK(response.messages.size() <= 3);
    REQUIRE(!response.messages.empty());
    for (const Frames& frames : response.messages) got.push_back(frames.control.front());
  }
  CHECK(got == Names{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
}

TEST_CASE("connections are capped: a device's oldest gives way, another device waits") {
  Bench bench({.limits = kLimits, .max_connections = 2, .requests_of_a_device = 100});
  for (std::uint8_t name = 1; name <= 3; ++name) {
    bench.clock.ms += 10;
    CHECK(bench.ask(bench.request(1, {}, name)).number == 1);
  }
  CHECK(bench.exchange->counters().connections == 2);
  CHECK(bench.wires.at(0)->is_closed);
  CHECK(bench.ask(bench.request(2, {}, 1)).status == GatewayStatus::gone);
  CHECK(bench.ask(bench.request(2, {}, 3)).number == 2);
  const GatewayRequest others{.sender = client_id_of(bench.other_key.public_key()), .connection = Bench::connection(9), .messages = {}};
  CHECK(bench.ask(Bench::request_of(bench.other_key, others)).status == GatewayStatus::retry_later);
}

TEST_CASE("a device that asks too often comes later, and nothing of it is taken meanwhile") {
  Bench bench({.limits = kLimits, .requests_of_a_device = 2});
  bench.ask(bench.request(1));
  bench.ask(bench.request(2));
  const Bytes third = bench.request(3, {frames_of(1)});
  CHECK(bench.ask(third).status == GatewayStatus::retry_later);
  CHECK(bench.wires.at(0)->sent.empty());
  bench.clock.ms += 1'000;
  CHECK(bench.ask(third).number == 3);
}

TEST_CASE("a silent connection is forgotten, and its connection to the coordinator is closed") {
  Bench bench;
  bench.ask(bench.request(1));
  bench.clock.ms += 179'000;
  bench.exchange->sweep();
  CHECK_FALSE(bench.wires.at(0)->is_closed);
  bench.clock.ms += 2'000;
  bench.exchange->sweep();
  CHECK(bench.wires[0]->is_closed);
  CHECK(bench.ask(bench.request(2)).status == GatewayStatus::gone);
}

TEST_CASE("the same request again while the first still waits ends that wait, and both get one answer") {
  Bench bench({.limits = kLimits, .requests_of_a_device = 100, .longest_poll = Millis{60'000}});
  bench.ask(bench.request(1));
  const Bytes request = bench.request(2, {frames_of(1)}, 1, 60'000);
  Answer first;
  std::thread waiting([&] { first = bench.exchange->handle(request); });
  for (bool is_there = false; !is_there;) {
    std::this_thread::yield();
    const std::lock_guard lock(bench.wires.at(0)->mutex);
    is_there = !bench.wires[0]->sent.empty();
  }
  const Answer second = bench.exchange->handle(request);
  waiting.join();
  CHECK(first.http_status == 200);
  CHECK(second.body == first.body);
  CHECK(bench.wires[0]->sent == Names{1});
}

TEST_CASE("many devices at once: every message is carried once") {
  Bench bench({.limits = kLimits, .requests_of_a_device = 10'000});
  std::vector<std::thread> threads;
  std::atomic<int> bad{0};
  bench.wires.reserve(4);
  bench.ask(bench.request(1, {}, 1));
  std::vector<Bytes> requests;
  for (std::uint64_t sequence = 2; sequence < 40; ++sequence) requests.push_back(bench.request(sequence, {frames_of(static_cast<std::uint8_t>(sequence))}));
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (const Bytes& request : requests) {
        const Answer answer = bench.exchange->handle(request);
        if (answer.http_status != 200 && answer.http_status != 409 && answer.http_status != 429) ++bad;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(bad == 0);
  Names expected;
  for (std::uint8_t name = 2; name < 40; ++name) expected.push_back(name);
  Names sent = bench.wires.at(0)->sent;
  CHECK(std::equal(sent.begin(), sent.end(), expected.begin()));
}

TEST_CASE("a gateway that stops answers 503") {
  Bench bench;
  bench.exchange->stop();
  CHECK(bench.status(bench.request(1)) == 503);
}

}  // namespace fedspend::coordinator
