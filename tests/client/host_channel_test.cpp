#include "client/host_channel.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>

#include "common/crypto/random.h"

namespace fedspend {
namespace {

constexpr GatewayLimits kLimits{.max_bulk_bytes = 100};
constexpr Millis kTimeout{20'000};

Frames frames_of(std::uint8_t name, std::size_t bulk = 0) {
  Frames frames{Bytes{name}, nullptr};
  if (bulk > 0) frames.bulk = std::make_shared<const Bytes>(bulk, name);
  return frames;
}

// The other end, as ENVELOPE.md says it: takes each sequence once, and gives the same answer when it is asked again.
struct Gateway {
  struct Connection {
    std::uint64_t sequence = 0;
    Bytes request;
    Bytes answer;
  };
  IdentityPublicKey device;
  std::map<std::string, Connection> connections;
  std::vector<Bytes> seen;           // every request, also repeated ones
  std::vector<std::uint8_t> taken;   // first bytes of the messages
  std::vector<Frames> to_device;     // goes with the next answer

  Bytes say(GatewayStatus status, std::uint32_t seconds = 0) { return encode_gateway_response({.status = status, .retry_after_s = seconds, .number = 0, .messages = {}}, kLimits); }

  Bytes answer(ByteSpan body) {
    seen.emplace_back(body.begin(), body.end());
    const auto opened = open_gateway_request(body, kLimits);
    REQUIRE(opened);
    REQUIRE(verify_gateway_request(*opened, device));
    const std::string id = opened->header.connection.hex();
    if (!connections.contains(id) && opened->header.sequence != 1) return say(GatewayStatus::gone);
    Connection& connection = connections[id];
    if (opened->header.sequence == connection.sequence) {
      CHECK(connection.request == seen.back());
      return connection.answer;
    }
    CHECK(opened->header.sequence == connection.sequence + 1);
    CHECK(opened->header.acknowledged == connection.sequence);
    const auto messages = decode_gateway_messages(*opened, kLimits).value();
    for (const Frames& frames : messages) taken.push_back(frames.control.front());
    connection.sequence = opened->header.sequence;
    connection.request = seen.back();
    connection.answer = encode_gateway_response(
        {.status = GatewayStatus::ok, .retry_after_s = 0, .number = connection.sequence, .messages = std::exchange(to_device, {})}, kLimits);
    return connection.answer;
  }
};

struct Bench {
  std::size_t queued_messages = kMaxMessagesPerExchange;
  SeededRandom random{5};
  IdentityKey key = IdentityKey::generate(random);
  Gateway gateway{.device = key.public_key(), .connections = {}, .seen = {}, .taken = {}, .to_device = {}};
  std::function<Result<Bytes>(ByteSpan)> network = [this](ByteSpan request) -> Result<Bytes> { return gateway.answer(request); };
  bool locked = false;
  Millis last_timeout{0};
  HostChannel channel{{.client = client_id_of(key.public_key()), .limits = kLimits, .queued_messages = queued_messages},
                      [this](ByteSpan request, Millis timeout) { last_timeout = timeout; return network(request); },
                      [this](ByteSpan digest) -> Result<Signature> {
                        if (locked) return fail(ErrorCode::unavailable, "the key is locked");
                        return key.sign(digest);
                      },
                      random};

  ErrorCode pump_error() {
    const Status status = channel.pump(kTimeout);
    REQUIRE(!status);
    return status.error().code;
  }
  GatewayRequest last_header() const { return open_gateway_request(gateway.seen.back(), kLimits).value().header; }
  std::vector<std::uint8_t> received() {
    std::vector<std::uint8_t> names;
    while (auto frames = channel.receive().value()) names.push_back(frames->control.front());
    return names;
  }
};

using Names = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("an exchange carries what is queued and brings what has come, in order") {
  Bench bench;
  REQUIRE(bench.channel.send(frames_of(1)));
  REQUIRE(bench.channel.send(frames_of(2, 10)));
  bench.gateway.to_device = {frames_of(11), frames_of(12, 20)};
  CHECK(bench.received().empty());
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1, 2});
  CHECK(bench.received() == Names{11, 12});
  CHECK(bench.received().empty());
  CHECK(bench.channel.connections() == 1);
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1, 2});
  CHECK(bench.channel.connections() == 1);
}

TEST_CASE("the gateway waits less long than the host does") {
  Bench bench;
  for (const auto& [timeout, poll_ms] : {std::pair<int, std::uint32_t>{0, 0}, {1000, 500}, {20'000, 10'000}, {30'000, 20'000}, {600'000, 60'000}}) {
    REQUIRE(bench.channel.pump(Millis{timeout}));
    CHECK(bench.last_timeout == Millis{timeout});
    CHECK(bench.last_header().poll_ms == poll_ms);
  }
}

TEST_CASE("a caller that carries the request itself gets the one under way again, and a wait within what the gateway allows") {
  Bench bench;
  for (const auto& [poll, poll_ms] : {std::pair<int, std::uint32_t>{-1, 0}, {7, 7}, {60'000, kMaxPollMs}, {60'001, kMaxPollMs}}) {
    const ByteSpan request = bench.channel.begin(Millis{poll}).value();
    const Bytes first(request.begin(), request.end());
    const ByteSpan again = bench.channel.begin(Millis{poll + 50}).value();
    CHECK(Bytes(again.begin(), again.end()) == first);
    REQUIRE(bench.channel.finish(bench.gateway.answer(again)));
    CHECK(bench.last_header().poll_ms == poll_ms);
  }
}

TEST_CASE("a request that was lost is sent again with the same bytes, and what was queued meanwhile waits") {
  Bench bench;
  REQUIRE(bench.channel.send(frames_of(1)));
  std::vector<Bytes> lost;
  const auto network = std::exchange(bench.network, [&](ByteSpan request) -> Result<Bytes> {
    lost.emplace_back(request.begin(), request.end());
    return fail(ErrorCode::timeout, "no network");
  });
  CHECK(bench.pump_error() == ErrorCode::timeout);
  REQUIRE(bench.channel.send(frames_of(2)));
  CHECK(bench.pump_error() == ErrorCode::timeout);
  REQUIRE(lost.size() == 2);
  CHECK(lost[0] == lost[1]);
  bench.network = network;
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.seen.back() == lost[0]);
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1, 2});
}

TEST_CASE("when the answer is lost, nothing is taken or received twice") {
  Bench bench;
  REQUIRE(bench.channel.send(frames_of(1)));
  bench.gateway.to_device = {frames_of(11)};
  const auto network = std::exchange(bench.network, [&](ByteSpan request) -> Result<Bytes> {
    bench.gateway.answer(request);
    return fail(ErrorCode::io, "reset");
  });
  CHECK(bench.pump_error() == ErrorCode::io);
  bench.network = network;
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1});
  CHECK(bench.received() == Names{11});
}

TEST_CASE("with any losses, every message arrives once and in order, both ways") {
  CHECK(rc::check([] {
    Bench bench;
    Names sent, told, got;
    for (std::uint8_t name = 1; name <= 30; ++name) {
      if (bench.channel.send(frames_of(name, name % 7))) sent.push_back(name);
      const auto fate = *rc::gen::inRange(0, 3);
      bench.network = [&](ByteSpan request) -> Result<Bytes> {
        if (fate == 0) return fail(ErrorCode::io, "lost on the way there");
        if (bench.gateway.to_device.empty()) {
          bench.gateway.to_device.push_back(frames_of(name));
        }
        Bytes answer = bench.gateway.answer(request);
        if (bench.gateway.to_device.empty()) told.push_back(name);
        if (fate == 1) return fail(ErrorCode::io, "lost on the way back");
        return answer;
      };
      const bool ok = bench.channel.pump(kTimeout).has_value();
      RC_ASSERT(ok == (fate == 2));
      bench.gateway.to_device.clear();
      for (const std::uint8_t received : bench.received()) got.push_back(received);
    }
    bench.network = [&](ByteSpan request) -> Result<Bytes> { return bench.gateway.answer(request); };
    for (int i = 0; i < 30; ++i) {
      RC_ASSERT(bench.channel.pump(kTimeout).has_value());
      for (const std::uint8_t received : bench.received()) got.push_back(received);
    }
    RC_ASSERT(bench.gateway.taken == sent);
    RC_ASSERT(got == told);
  }));
}

TEST_CASE("a gateway that has forgotten the connection gets a new one, with what was only queued") {
  Bench bench;
  REQUIRE(bench.channel.pump(kTimeout));
  REQUIRE(bench.channel.send(frames_of(1)));
  bench.gateway.connections.clear();
  CHECK(bench.pump_error() == ErrorCode::unavailable);
  CHECK(bench.channel.connections() == 1);
  CHECK_FALSE(bench.channel.is_refused());
  REQUIRE(bench.channel.send(frames_of(2)));
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.channel.connections() == 2);
  CHECK(bench.gateway.taken == Names{2});
  const auto first = open_gateway_request(bench.gateway.seen.front(), kLimits).value().header;
  CHECK(first.connection != bench.last_header().connection);
  CHECK(bench.last_header().sequence == 1);
}

TEST_CASE("a connection's id is drawn again where it is all zero, which no gateway takes") {
  struct ZeroFirst final : RandomSource {
    void fill(MutableByteSpan bytes) override { std::ranges::fill(bytes, drawn++ < 2 ? std::uint8_t{0} : std::uint8_t{7}); }
    int drawn = 0;
  } random;
  Bench bench;
  HostChannel channel({.client = client_id_of(bench.key.public_key()), .limits = kLimits}, nullptr, [&](ByteSpan digest) { return bench.key.sign(digest); }, random);
  const auto request = open_gateway_request(channel.begin(Millis{0}).value(), kLimits);
  REQUIRE(request);
  CHECK(random.drawn == 3);
  CHECK(request->header.connection.bytes.front() == 7);
}

TEST_CASE("a gateway that asks to wait gets the same request later") {
  Bench bench;
  REQUIRE(bench.channel.send(frames_of(1)));
  Bytes asked;
  const auto network = std::exchange(bench.network, [&](ByteSpan request) -> Result<Bytes> {
    asked.assign(request.begin(), request.end());
    return bench.gateway.say(GatewayStatus::retry_later, 90);
  });
  CHECK(bench.pump_error() == ErrorCode::unavailable);
  CHECK(bench.channel.retry_after() == Millis{90'000});
  CHECK_FALSE(bench.channel.is_refused());
  bench.network = [](ByteSpan) -> Result<Bytes> { return fail(ErrorCode::timeout, "no network"); };
  CHECK(bench.pump_error() == ErrorCode::timeout);
  CHECK(bench.channel.retry_after() == Millis{0});  // the last exchange had no answer that asks to wait
  bench.network = network;
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.channel.retry_after() == Millis{0});
  CHECK(bench.gateway.seen.back() == asked);
}

TEST_CASE("a device that is not enrolled is told so, and loses nothing if it is later") {
  Bench bench;
  REQUIRE(bench.channel.send(frames_of(1)));
  CHECK_FALSE(bench.channel.is_refused());
  Bytes asked;
  const auto network = std::exchange(bench.network, [&](ByteSpan request) -> Result<Bytes> {
    asked.assign(request.begin(), request.end());
    return bench.gateway.say(GatewayStatus::not_enrolled);
  });
  CHECK(bench.pump_error() == ErrorCode::unauthorized);
  CHECK(bench.channel.is_refused());
  CHECK(bench.channel.connections() == 0);
  bench.network = network;
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK_FALSE(bench.channel.is_refused());
  CHECK(bench.gateway.seen.back() == asked);
  CHECK(bench.gateway.taken == Names{1});
  CHECK(bench.channel.connections() == 1);
}

TEST_CASE("an answer that is not to this request is refused, and nothing of it is received") {
  Bench bench;
  REQUIRE(bench.channel.send(frames_of(1)));
  const auto network = bench.network;
  for (const std::uint64_t number : {std::uint64_t{2}, ~std::uint64_t{0}}) {
    bench.network = [&](ByteSpan) -> Result<Bytes> {
      return encode_gateway_response({.status = GatewayStatus::ok, .retry_after_s = 0, .number = number, .messages = {frames_of(66)}}, kLimits);
    };
    CHECK(bench.pump_error() == ErrorCode::malformed);
  }
  bench.network = [&](ByteSpan) -> Result<Bytes> { return Bytes{}; };
  CHECK(bench.pump_error() == ErrorCode::malformed);
  bench.network = [&](ByteSpan) -> Result<Bytes> { return Bytes(max_gateway_response_bytes(kLimits) + 1); };
  CHECK(bench.pump_error() == ErrorCode::limit);
  CHECK(bench.received().empty());
  CHECK(bench.channel.connections() == 0);
  bench.network = network;
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1});
}

TEST_CASE("the answer to an earlier exchange is none to this one") {
  Bench bench;
  bench.gateway.to_device = {frames_of(11)};
  Bytes earlier;
  const auto network = std::exchange(bench.network, [&](ByteSpan request) -> Result<Bytes> { return earlier = bench.gateway.answer(request); });
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.received() == Names{11});
  bench.network = [&](ByteSpan) -> Result<Bytes> { return earlier; };
  CHECK(bench.pump_error() == ErrorCode::malformed);
  CHECK(bench.received().empty());
  bench.network = network;
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.last_header().sequence == 2);
}

TEST_CASE("a key that is locked for a while loses nothing") {
  Bench bench;
  REQUIRE(bench.channel.send(frames_of(1)));
  bench.locked = true;
  CHECK(bench.pump_error() == ErrorCode::unavailable);
  CHECK(bench.gateway.seen.empty());
  bench.locked = false;
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1});
}

TEST_CASE("the queue is bounded, and so is each exchange") {
  Bench bench;
  for (std::uint8_t name = 1; name <= 8; ++name) REQUIRE(bench.channel.send(frames_of(name, 30)));
  const Status full = bench.channel.send(frames_of(9));
  REQUIRE(!full);
  CHECK(full.error().code == ErrorCode::unavailable);
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1, 2, 3});  // 90 of 100 bytes of bulk
  while (bench.gateway.taken.size() < 8) REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("an exchange takes messages while they fit, by number and by bytes of bulk, and none before an earlier one") {
  Bench bench{.queued_messages = 12};
  for (std::uint8_t name = 1; name <= 9; ++name) REQUIRE(bench.channel.send(frames_of(name)));
  REQUIRE(bench.channel.send(frames_of(10, 60)));
  REQUIRE(bench.channel.send(frames_of(11, 60)));
  REQUIRE(bench.channel.send(frames_of(12, 40)));
  CHECK_FALSE(bench.channel.send(frames_of(13)));
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1, 2, 3, 4, 5, 6, 7, 8});
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken.size() == 10);  // 60 of 100 bytes: 11 does not fit, and 12, which would, waits behind it
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TEST_CASE("the longest frames that an exchange can carry are carried") {
  Bench bench;
  Frames longest = frames_of(1, kLimits.max_bulk_bytes);
  longest.control.resize(kMaxControlBytes);
  REQUIRE(bench.channel.send(longest));
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken == Names{1});
}

TEST_CASE("a frame that no exchange can carry is refused at once") {
  Bench bench;
  for (const Frames& frames : {Frames{}, Frames{Bytes(kMaxControlBytes + 1), nullptr}, frames_of(1, 101)}) {
    const Status status = bench.channel.send(frames);
    REQUIRE(!status);
    CHECK(status.error().code == ErrorCode::limit);
  }
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.gateway.taken.empty());
}

TEST_CASE("nothing new is fetched before what has come was received") {
  Bench bench;
  bench.gateway.to_device = {frames_of(11)};
  REQUIRE(bench.channel.pump(kTimeout));
  CHECK(bench.pump_error() == ErrorCode::conflict);
  CHECK(bench.gateway.seen.size() == 1);
  CHECK(bench.received() == Names{11});
  CHECK(bench.channel.pump(kTimeout));
}

}  // namespace fedspend
