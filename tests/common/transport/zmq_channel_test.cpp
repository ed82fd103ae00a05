#include "common/transport/zmq_channel.h"

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include <zmq.hpp>

#include "common/crypto/random.h"

using namespace fedspend;

namespace {

constexpr Millis kPatience{10'000};  // a bound for what happens in milliseconds
constexpr Millis kStep{2};
constexpr Millis kQuiet{300};        // long enough for what must not happen, had it been going to

Millis now() { return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch()); }

CurveKeyPair key_of(std::uint64_t seed) {
  SeededRandom random(seed);
  return CurveKeyPair::generate(random);
}

Frames frames(const std::string& control, std::size_t bulk_bytes = 0) {
  Frames made;
  made.control.assign(control.begin(), control.end());
  if (bulk_bytes > 0) made.bulk = std::make_shared<const Bytes>(bulk_bytes, std::uint8_t{0xab});
  return made;
}

std::string control_of(const Frames& given) { return std::string(as_text(given.control)); }

// A coordinator's channel on a free port and the devices around it, all in this thread.
struct World {
  explicit World(ZmqLimits limits = {}, std::string address = "tcp://127.0.0.1:*") { open(limits, std::move(address)); }

  void open(ZmqLimits limits, std::string address) {
    auto bound = ZmqServerChannel::bind({.address = std::move(address), .allow = [this](const CurvePublicKey& key) { return enrolled.contains(key); }, .limits = limits}, server_key);
    REQUIRE_MESSAGE(bound, bound.error().message);
    server = std::move(*bound);
  }

  std::unique_ptr<ZmqDeviceChannel> device(const CurveKeyPair& key, ZmqLimits limits = {}, Millis connect_timeout = kPatience) {
    auto made = ZmqDeviceChannel::connect(context, {.address = server->last_endpoint(), .server_key = server_key.public_key, .limits = limits, .connect_timeout = connect_timeout,
                                                    .reconnect_after = Millis{10}, .reconnect_at_most = Millis{50}},
                                          key);
    REQUIRE_MESSAGE(made, made.error().message);
    return std::move(*made);
  }
  std::unique_ptr<ZmqDeviceChannel> enrolled_device(std::uint64_t seed) {
    enrolled.insert(key_of(seed).public_key);
    return device(key_of(seed));
  }

  // Serves until `done` says so; false: it did not within the time.
  bool serve_until(const std::function<bool()>& done, Millis patience = kPatience) {
    const Millis end = now() + patience;
    while (!done()) {
      if (now() > end) return false;
      auto received = server->receive(kStep, 100);
      REQUIRE_MESSAGE(received, received.error().message);
      std::move(received->begin(), received->end(), std::back_inserter(inbox));
    }
    return true;
  }
  void serve_quietly() { static_cast<void>(serve_until([] { return false; }, kQuiet)); }

  // Also serves; empty: nothing came.
  std::optional<Frames> reply_to(ZmqDeviceChannel& channel) {
    std::optional<Frames> got;
    serve_until([&] {
      auto received = channel.receive();
      REQUIRE(received);
      if (*received) got = std::move(**received);
      return got.has_value();
    });
    return got;
  }

  CurveKeyPair server_key = key_of(1000);
  std::set<CurvePublicKey> enrolled;
  std::vector<Incoming> inbox;
  ZmqContext context;
  std::unique_ptr<ZmqServerChannel> server;
};

// A client that keeps none of our rules.
struct RawClient {
  explicit RawClient(const World& world, const CurveKeyPair* key, const std::string& routing_id = {}) : socket(context, zmq::socket_type::dealer) {
    socket.set(zmq::sockopt::linger, 0);
    if (!routing_id.empty()) socket.set(zmq::sockopt::routing_id, routing_id);
    if (key != nullptr) {
      const auto secret = key->secret_key.expose();
      socket.set(zmq::sockopt::curve_serverkey, zmq::const_buffer(world.server_key.public_key.bytes.data(), 32));
      socket.set(zmq::sockopt::curve_publickey, zmq::const_buffer(key->public_key.bytes.data(), 32));
      socket.set(zmq::sockopt::curve_secretkey, zmq::const_buffer(secret.data(), 32));
    }
    socket.connect(world.server->last_endpoint());
  }
  void send(const std::vector<std::size_t>& sizes) {
    for (std::size_t i = 0; i < sizes.size(); ++i)
      socket.send(zmq::buffer(std::string(sizes[i], 'x')), i + 1 < sizes.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
  zmq::context_t context;
  zmq::socket_t socket;
};

}  // namespace

TEST_CASE("messages go to and fro with and without bulk, and the key is the sender's") {
  World world;
  const auto one = world.enrolled_device(1);
  const auto two = world.enrolled_device(2);
  REQUIRE(one->send(frames("from one", 3'000'000)));
  REQUIRE(two->send(frames("from two")));
  REQUIRE(world.serve_until([&] { return world.inbox.size() == 2; }));
  for (const Incoming& incoming : world.inbox) {
    const bool first = control_of(incoming.frames) == "from one";
    CHECK(incoming.transport_key == key_of(first ? 1 : 2).public_key);
    CHECK(incoming.frames.bulk_bytes().size() == (first ? 3'000'000 : 0));
    CHECK((incoming.frames.bulk == nullptr) == !first);
    REQUIRE(world.server->send(incoming.peer, frames(first ? "to one" : "to two", first ? 2'000'000 : 0)));
  }
  const auto to_one = world.reply_to(*one);
  REQUIRE(to_one);
  CHECK(control_of(*to_one) == "to one");
  CHECK(to_one->bulk_bytes().size() == 2'000'000);
  CHECK(std::all_of(to_one->bulk->begin(), to_one->bulk->end(), [](std::uint8_t byte) { return byte == 0xab; }));
  const auto to_two = world.reply_to(*two);
  REQUIRE(to_two);
  CHECK(control_of(*to_two) == "to two");
  CHECK(to_two->bulk == nullptr);
  CHECK(world.server->counters().keys_accepted == 2);
  CHECK(world.server->counters().received == 2);
  CHECK(world.server->counters().sent == 2);
  CHECK(world.server->counters().dropped() == 0);
}

TEST_CASE("the bulk of a message is shared until it has left, then let go") {
  World world;
  const auto device = world.enrolled_device(1);
  REQUIRE(device->send(frames("hello")));
  REQUIRE(world.serve_until([&] { return world.inbox.size() == 1; }));
  Frames reply = frames("model", 1'000'000);
  const std::weak_ptr<const Bytes> watched = reply.bulk;
  REQUIRE(world.server->send(world.inbox[0].peer, reply));
  reply = {};
  REQUIRE(world.reply_to(*device));
  CHECK(world.serve_until([&] { return watched.expired(); }));
}

TEST_CASE("a key that is not enrolled is refused, and the device is told") {
  World world;
  const auto device = world.device(key_of(7));
  REQUIRE(device->send(frames("let me in")));
  Status status;
  REQUIRE(world.serve_until([&] {
    status = device->check(now());
    return !status;
  }));
  CHECK(status.error().code == ErrorCode::unauthorized);
  CHECK(status.error().message.find("does not accept this device's key") != std::string::npos);
  CHECK(device->state() == ConnectionState::refused);
  world.serve_quietly();
  CHECK(world.inbox.empty());
  CHECK(world.server->counters().keys_refused == 1);  // it does not try again by itself
  CHECK(world.server->counters().keys_accepted == 0);

  world.enrolled.insert(key_of(7).public_key);
  const auto enrolled = world.device(key_of(7));
  REQUIRE(enrolled->send(frames("and now")));
  CHECK(world.serve_until([&] { return world.inbox.size() == 1; }));
}

TEST_CASE("a client without CURVE gets nothing through") {
  World world;
  RawClient plain(world, nullptr);
  plain.send({10});
  world.serve_quietly();
  CHECK(world.inbox.empty());
  CHECK(world.server->counters().keys_accepted + world.server->counters().keys_refused == 0);
  const auto device = world.enrolled_device(1);
  REQUIRE(device->send(frames("still served")));
  CHECK(world.serve_until([&] { return world.inbox.size() == 1; }));
}

TEST_CASE("a coordinator without the pinned key is never talked to") {
  World world;
  world.enrolled.insert(key_of(1).public_key);
  auto device = ZmqDeviceChannel::connect(world.context, {.address = world.server->last_endpoint(), .server_key = key_of(1001).public_key, .connect_timeout = Millis{200},
                                                          .reconnect_after = Millis{10}, .reconnect_at_most = Millis{20}},
                                          key_of(1));
  REQUIRE(device);
  REQUIRE((*device)->send(frames("secret")));
  Status status;
  REQUIRE(world.serve_until([&] {
    status = (*device)->check(now());
    return !status;
  }));
  CHECK(status.error().code == ErrorCode::unavailable);
  CHECK(status.error().message.find("ended the handshake") != std::string::npos);
  CHECK(status.error().hint.find("pinned") != std::string::npos);
  CHECK((*device)->state() == ConnectionState::connecting);
  CHECK(world.inbox.empty());
  CHECK(world.server->counters().keys_accepted == 0);
}

TEST_CASE("a coordinator that is not there is noticed, and found when it comes") {
  std::string endpoint;
  { endpoint = World().server->last_endpoint(); }
  ZmqContext context;
  auto device = ZmqDeviceChannel::connect(context, {.address = endpoint, .server_key = key_of(1000).public_key, .connect_timeout = Millis{100}, .reconnect_after = Millis{10},
                                                    .reconnect_at_most = Millis{20}},
                                          key_of(1));
  REQUIRE(device);
  CHECK((*device)->check(Millis{5000}));
  CHECK((*device)->check(Millis{5099}));
  const Status status = (*device)->check(Millis{5100});
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::unavailable);
  CHECK(status.error().message.find("does not answer") != std::string::npos);

  World world({}, endpoint);
  world.enrolled.insert(key_of(1).public_key);
  CHECK(world.serve_until([&] { return (*device)->check(Millis{6000}).has_value() && (*device)->state() == ConnectionState::connected; }));
}

TEST_CASE("a bulk frame above the cap is dropped and the server goes on") {
  const std::size_t cap = kMaxControlBytes;  // the transport's own cap is the larger of both
  World world({.max_bulk_bytes = cap});
  world.enrolled.insert(key_of(1).public_key);
  const auto greedy = world.device(key_of(1), {.max_bulk_bytes = 100 * cap});
  const auto good = world.enrolled_device(2);

  REQUIRE(greedy->send(frames("at the cap", cap)));
  REQUIRE(greedy->send(frames("one above", cap + 1)));
  REQUIRE(world.serve_until([&] { return world.server->counters().dropped_bulk_size == 1; }));
  CHECK(world.inbox.size() == 1);

  REQUIRE(greedy->send(frames("far above", 10 * cap)));  // ends the connection
  REQUIRE(world.serve_until([&] {
    static_cast<void>(greedy->check(now()));
    return greedy->state() == ConnectionState::connected;
  }));
  REQUIRE(world.serve_until([&] { return world.server->counters().keys_accepted >= 3; }));  // it had to come back
  REQUIRE(good->send(frames("still served")));
  REQUIRE(world.serve_until([&] { return world.inbox.size() >= 2; }));
  CHECK(std::none_of(world.inbox.begin(), world.inbox.end(), [](const Incoming& incoming) { return control_of(incoming.frames) == "far above"; }));
}

TEST_CASE("messages of three frames, without or with too much control are dropped and counted by reason") {
  World world;
  const CurveKeyPair key = key_of(1);
  world.enrolled.insert(key.public_key);
  RawClient client(world, &key);
  client.send({5, 5, 5});
  client.send({5, 5, 5, 5, 5, 5, 5});
  client.send({0});
  client.send({0, 5});
  client.send({kMaxControlBytes + 1});
  client.send({kMaxControlBytes});
  client.send({5, 0});
  REQUIRE(world.serve_until([&] { return world.inbox.size() == 2; }));
  CHECK(world.inbox[0].frames.control.size() == kMaxControlBytes);
  CHECK(world.inbox[1].frames.bulk == nullptr);
  CHECK(world.server->counters().dropped_frame_count == 2);
  CHECK(world.server->counters().dropped_control_size == 3);
  CHECK(world.server->counters().dropped() == 5);
}

TEST_CASE("a peer cannot choose its address") {
  World world;
  const CurveKeyPair key = key_of(1);
  world.enrolled.insert(key.public_key);
  RawClient client(world, &key, "somebody else");
  client.send({5});
  CHECK(world.serve_until([&] { return world.server->counters().dropped_unproven == 1; }));
  CHECK(world.inbox.empty());
}

TEST_CASE("a peer that is gone is unavailable") {
  World world;
  auto device = world.enrolled_device(1);
  REQUIRE(device->send(frames("hello")));
  REQUIRE(world.serve_until([&] { return world.inbox.size() == 1; }));
  device.reset();
  Status status;
  REQUIRE(world.serve_until([&] {
    status = world.server->send(world.inbox[0].peer, frames("still there?"));
    return !status;
  }));
  CHECK(status.error().code == ErrorCode::unavailable);
  CHECK(status.error().message == "the peer is gone");
  CHECK(world.server->send(PeerId{"never seen"}, frames("x")).error().code == ErrorCode::unavailable);
}

TEST_CASE("a peer that does not read is unavailable once its queue is full") {
  World world({.queued_messages = 2});
  const auto device = world.enrolled_device(1);
  REQUIRE(device->send(frames("hello")));
  REQUIRE(world.serve_until([&] { return world.inbox.size() == 1; }));
  Status status;
  int sent = 0;
  while (status && sent < 1000) {
    status = world.server->send(world.inbox[0].peer, frames("model", 1'000'000));
    if (status) ++sent;
  }
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::unavailable);
  CHECK(status.error().message.find("does not read") != std::string::npos);
  for (int i = 0; i < sent; ++i) REQUIRE_MESSAGE(world.reply_to(*device), i);  // what was accepted does arrive
}

TEST_CASE("a device whose queue is full is told so") {
  World world;
  auto device = ZmqDeviceChannel::connect(world.context, {.address = "tcp://127.0.0.1:1", .server_key = world.server_key.public_key, .limits = {.queued_messages = 3}}, key_of(1));
  REQUIRE(device);
  Status status;
  int sent = 0;
  while (status && sent < 100) {
    status = (*device)->send(frames("anybody?"));
    if (status) ++sent;
  }
  CHECK(sent == 3);
  CHECK(status.error().code == ErrorCode::unavailable);
}

TEST_CASE("a queue that has just been emptied is not full") {
  World world;
  world.enrolled.insert(key_of(1).public_key);
  const auto device = world.device(key_of(1), {.queued_messages = 1});
  for (std::size_t i = 1; i <= 50; ++i) {
    REQUIRE_MESSAGE(device->send(frames("next")), i);
    REQUIRE(world.serve_until([&] { return world.inbox.size() == i; }));
  }
}

TEST_CASE("a device that vanishes without a word is noticed by the heartbeat") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();  // before there is any thread of libzmq
  if (child == 0) {
    char endpoint[128] = {};
    if (::read(ends[0], endpoint, sizeof endpoint - 1) <= 0) ::_exit(1);
    ZmqContext context;
    auto device = ZmqDeviceChannel::connect(context, {.address = endpoint, .server_key = key_of(1000).public_key}, key_of(1));
    if (!device || !(*device)->send(frames("hello"))) ::_exit(1);
    for (;;) ::pause();
  }
  World world({.heartbeat_interval = Millis{50}, .heartbeat_timeout = Millis{200}});
  world.enrolled.insert(key_of(1).public_key);
  const std::string endpoint = world.server->last_endpoint();
  CHECK(::write(ends[1], endpoint.data(), endpoint.size()) == static_cast<ssize_t>(endpoint.size()));
  const bool came = world.serve_until([&] { return world.inbox.size() == 1; });
  ::kill(child, SIGSTOP);  // its connection stays open: the kernel answers for it
  const bool noticed = came && world.serve_until([&] { return !world.server->send(world.inbox[0].peer, frames("?")) && world.server->send(world.inbox[0].peer, frames("?")).error().message == "the peer is gone"; });
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(came);
  CHECK(noticed);
}

TEST_CASE("devices come back after the coordinator has restarted") {
  World world;
  const auto device = world.enrolled_device(1);
  REQUIRE(device->send(frames("before")));
  REQUIRE(world.serve_until([&] { return world.inbox.size() == 1; }));
  const std::string endpoint = world.server->last_endpoint();
  REQUIRE(device->check(now()));
  world.server.reset();
  const Millis end = now() + kPatience;
  while (device->state() == ConnectionState::connected && now() < end) static_cast<void>(device->check(now()));
  CHECK(device->state() == ConnectionState::connecting);

  world.open({}, endpoint);
  REQUIRE(device->send(frames("after")));
  REQUIRE(world.serve_until([&] { return world.inbox.size() == 2; }));
  CHECK(control_of(world.inbox[1].frames) == "after");
  CHECK(device->check(now()));
  CHECK(device->state() == ConnectionState::connected);
  REQUIRE(world.server->send(world.inbox[1].peer, frames("welcome back")));
  CHECK(world.reply_to(*device));
}

TEST_CASE("one thread serves two hundred device channels") {
  struct rlimit limit {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  constexpr std::size_t count = 200;
  World world;
  std::vector<std::unique_ptr<ZmqDeviceChannel>> devices;
  std::vector<ZmqDeviceChannel*> channels;
  for (std::size_t i = 0; i < count; ++i) {
    devices.push_back(world.enrolled_device(i));
    channels.push_back(devices.back().get());
    REQUIRE(channels.back()->send(frames(std::to_string(i))));
  }
  REQUIRE(world.serve_until([&] { return world.inbox.size() == count; }));
  std::set<PeerId> peers;
  for (const Incoming& incoming : world.inbox) {
    CHECK(incoming.transport_key == key_of(std::stoul(control_of(incoming.frames))).public_key);
    peers.insert(incoming.peer);
    REQUIRE(world.server->send(incoming.peer, frames("reply to " + control_of(incoming.frames))));
  }
  CHECK(peers.size() == count);
  std::set<std::size_t> answered;
  const Millis end = now() + kPatience;
  while (answered.size() < count && now() < end) {
    const auto ready = ZmqDeviceChannel::wait_any(channels, Millis{100});
    REQUIRE(ready);
    for (const std::size_t index : *ready) {
      const auto received = channels[index]->receive();
      REQUIRE(received);
      REQUIRE(received->has_value());
      CHECK(control_of(**received) == "reply to " + std::to_string(index));
      CHECK(channels[index]->check(now()));
      answered.insert(index);
    }
  }
  CHECK(answered.size() == count);
  CHECK(ZmqDeviceChannel::wait_any(channels, Millis{0})->empty());
}

TEST_CASE("a device's wait ends with a message, with news of its connection and with its waker, and not without") {
  World world;
  auto device = world.enrolled_device(1);
  int waker[2];
  REQUIRE(pipe(waker) == 0);
  const auto waits_long = [&] {
    const Millis begun = now();
    REQUIRE(device->wait(kPatience, waker[0]));
    return now() - begun >= kPatience;
  };
  REQUIRE(device->send(frames("hello")));
  bool served = false;
  std::thread server([&] { served = world.serve_until([&] { return world.inbox.size() == 1; }); });
  CHECK_FALSE(waits_long());  // the handshake
  CHECK(device->check(now()));
  CHECK(device->state() == ConnectionState::connected);
  server.join();
  REQUIRE(served);
  REQUIRE(world.server->send(world.inbox[0].peer, frames("reply")));
  CHECK_FALSE(waits_long());
  const auto received = device->receive();
  REQUIRE((received && received->has_value()));
  const Millis begun = now();
  REQUIRE(device->wait(Millis(50), waker[0]));
  CHECK(now() - begun >= Millis(45));
  REQUIRE(write(waker[1], "x", 1) == 1);
  CHECK_FALSE(waits_long());
  close(waker[0]);
  close(waker[1]);
}

TEST_CASE("what breaks a limit is dropped by the device, too") {
  const CurveKeyPair server_key = key_of(1000);
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::linger, 0);
  router.set(zmq::sockopt::curve_server, true);
  router.set(zmq::sockopt::curve_secretkey, zmq::const_buffer(server_key.secret_key.expose().data(), 32));
  router.set(zmq::sockopt::rcvtimeo, static_cast<int>(kPatience.count()));
  router.bind("tcp://127.0.0.1:*");
  ZmqContext devices;
  auto device = ZmqDeviceChannel::connect(devices, {.address = router.get(zmq::sockopt::last_endpoint), .server_key = server_key.public_key}, key_of(1));
  REQUIRE(device);
  REQUIRE((*device)->send(frames("hello")));
  zmq::message_t address;
  REQUIRE(router.recv(address));
  for (const int parts : {3, 2}) {
    router.send(zmq::buffer(address.to_string()), zmq::send_flags::sndmore);
    for (int i = 1; i <= parts; ++i) router.send(zmq::buffer(std::string("part")), i < parts ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
  std::optional<Frames> got;
  const Millis end = now() + kPatience;
  while (!got && now() < end) {
    ZmqDeviceChannel* const channels[] = {device->get()};
    REQUIRE(ZmqDeviceChannel::wait_any(channels, Millis{100}));
    got = *(*device)->receive();
  }
  REQUIRE(got);
  CHECK(got->bulk_bytes().size() == 4);
  CHECK((*device)->dropped() == 1);
}

TEST_CASE("what is too large is not sent") {
  World world({.max_bulk_bytes = 1000});
  auto device = world.device(key_of(1), {.max_bulk_bytes = 1000});
  CHECK(device->send(frames("x", 1001)).error().code == ErrorCode::limit);
  CHECK(device->send(frames("")).error().code == ErrorCode::limit);
  CHECK(device->send(frames(std::string(kMaxControlBytes + 1, 'x'))).error().code == ErrorCode::limit);
  CHECK(device->send(frames("x", 1000)));
  CHECK(world.server->send(PeerId{"x"}, frames("x", 1001)).error().code == ErrorCode::limit);
}

TEST_CASE("wrong addresses and a port in use are said so") {
  const World world;
  const auto bind = [&](const std::string& address) {
    auto bound = ZmqServerChannel::bind({.address = address, .allow = [](const CurvePublicKey&) { return true; }}, world.server_key);
    REQUIRE_FALSE_MESSAGE(bound, address);
    CHECK(bound.error().message.find(address) != std::string::npos);
    CHECK_FALSE(bound.error().hint.empty());
    return bound.error().code;
  };
  CHECK(bind(world.server->last_endpoint()) == ErrorCode::conflict);
  for (const std::string address : {"127.0.0.1:5570", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:port", "tcp://127.0.0.1:99999", "tcp://203.0.113.1:5570", "ipc:///tmp/x",
                                     "inproc://x", ""})
    CHECK(bind(address) == ErrorCode::invalid_argument);
  ZmqContext context;
  for (const std::string address : {"127.0.0.1:5570", "tcp://127.0.0.1", "tcp://127.0.0.1:port", "tcp://127.0.0.1:0", "udp://127.0.0.1:5570", ""}) {
    auto connected = ZmqDeviceChannel::connect(context, {.address = address, .server_key = world.server_key.public_key}, key_of(1));
    REQUIRE_FALSE_MESSAGE(connected, address);
    CHECK(connected.error().code == ErrorCode::invalid_argument);
    CHECK_FALSE(connected.error().hint.empty());
  }
}
