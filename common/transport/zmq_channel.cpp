#include "common/transport/zmq_channel.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include <zmq.hpp>

#include "common/check.h"

// What libzmq's thread has written and then hands over is read as it is: the thread sanitizer does not see the hand-over
// (tests/thread_sanitizer.supp), and would report, and look up, each eight bytes.
#ifdef __SANITIZE_THREAD__
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
#define FEDSPEND_READS_OF_LIBZMQ(statement) AnnotateIgnoreReadsBegin(__FILE__, __LINE__), statement, AnnotateIgnoreReadsEnd(__FILE__, __LINE__)
#else
#define FEDSPEND_READS_OF_LIBZMQ(statement) statement
#endif

namespace fedspend {
namespace {

constexpr int kMaxSockets = 65'535;
constexpr int kBacklog = 1024;
// A CURVE MESSAGE command adds 33 bytes (spec 26: name, nonce, flags, authentication tag); ZMQ_MAXMSGSIZE counts them.
constexpr std::size_t kCurveOverheadBytes = 64;
constexpr const char* kZapEndpoint = "inproc://zeromq.zap.01";
constexpr std::string_view kExampleAddress = "tcp://127.0.0.1:5570";
constexpr std::string_view kZapVersion = "1.0";
constexpr std::size_t kZapRequestFrames = 7;  // version, request id, domain, address, routing id, mechanism, credentials

int as_int(Millis time) { return static_cast<int>(std::min<std::int64_t>(time.count(), 1 << 30)); }

Error error_of(const zmq::error_t& error, const std::string& what) {
  return {error.num() == ETERM ? ErrorCode::internal : ErrorCode::io, what + ": " + error.what(), {}};
}

void set_common_options(zmq::socket_t& socket, const ZmqLimits& limits, const std::string& address) {
  const std::size_t largest_frame = std::max(limits.max_bulk_bytes, kMaxControlBytes) + kCurveOverheadBytes;
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(largest_frame));
  socket.set(zmq::sockopt::sndhwm, limits.queued_messages);
  socket.set(zmq::sockopt::rcvhwm, limits.queued_messages);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::handshake_ivl, as_int(limits.handshake_timeout));
  socket.set(zmq::sockopt::heartbeat_ivl, as_int(limits.heartbeat_interval));
  socket.set(zmq::sockopt::heartbeat_timeout, as_int(limits.heartbeat_timeout));
  socket.set(zmq::sockopt::ipv6, address.find('[') != std::string::npos);
}

void set_secret_key(zmq::socket_t& socket, const CurveKeyPair& key) {
  const auto secret = key.secret_key.expose();
  socket.set(zmq::sockopt::curve_secretkey, zmq::const_buffer(secret.data(), secret.size()));
}

// libzmq itself takes port 99999 for 34463.
bool is_port(std::string_view text, unsigned lowest) {
  unsigned port = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && rest == text.data() + text.size() && port >= lowest && port <= 65'535;
}

enum class Side { server, device };

Status check_address(std::string_view address, Side side) {
  constexpr std::string_view scheme = "tcp://";
  const std::size_t colon = address.rfind(':');
  const bool has_host = address.starts_with(scheme) && colon != std::string_view::npos && colon > scheme.size();
  if (has_host) {
    const std::string_view port = address.substr(colon + 1);
    if (side == Side::server ? port == "*" || is_port(port, 0) : is_port(port, 1)) return {};
  }
  return fail(ErrorCode::invalid_argument, "'" + std::string(address) + "' is not an address", "write it like " + std::string(kExampleAddress));
}

// libzmq's I/O thread lets go of the bytes when they have left; until then the model of a cohort is held once, not per peer.
void release_bulk(void*, void* holder) { delete static_cast<std::shared_ptr<const Bytes>*>(holder); }

zmq::message_t borrow_bulk(const std::shared_ptr<const Bytes>& bulk) {
  auto holder = std::make_unique<std::shared_ptr<const Bytes>>(bulk);
  zmq::message_t message(const_cast<std::uint8_t*>(bulk->data()), bulk->size(), release_bulk, holder.get());  // libzmq only reads
  static_cast<void>(holder.release());
  return message;
}

// False: the queue is full. libzmq looks at what its I/O thread has done since only every millisecond or so; asking for the
// events makes it look, so that a queue which has just been emptied is not taken for a full one.
bool send_first(zmq::socket_t& socket, zmq::const_buffer frame, zmq::send_flags flags) {
  if (socket.send(frame, flags)) return true;
  static_cast<void>(socket.get(zmq::sockopt::events));
  return socket.send(frame, flags).has_value();
}

// False: the queue is full. After the first frame the others always fit: libzmq counts messages, not frames.
bool send_frames(zmq::socket_t& socket, const std::string* address, const Frames& frames) {
  using flags = zmq::send_flags;
  const bool with_bulk = !frames.bulk_bytes().empty();
  const flags control_flags = flags::dontwait | (with_bulk ? flags::sndmore : flags::none);
  if (address == nullptr) {
    if (!send_first(socket, zmq::buffer(frames.control), control_flags)) return false;
  } else {
    if (!send_first(socket, zmq::buffer(*address), flags::dontwait | flags::sndmore)) return false;
    if (!socket.send(zmq::buffer(frames.control), control_flags)) return false;
  }
  if (!with_bulk) return true;
  return socket.send(borrow_bulk(frames.bulk), flags::dontwait).has_value();
}

Status check_outgoing(const Frames& frames, const ZmqLimits& limits) {
  if (frames.control.empty() || frames.control.size() > kMaxControlBytes)
    return fail(ErrorCode::limit, "a control frame of " + std::to_string(frames.control.size()) + " bytes cannot be sent");
  if (frames.bulk_bytes().size() > limits.max_bulk_bytes)
    return fail(ErrorCode::limit, "a bulk frame of " + std::to_string(frames.bulk_bytes().size()) + " bytes is above the cap of " +
                                      std::to_string(limits.max_bulk_bytes));
  return {};
}

enum class Reading { nothing, complete, frame_count, control_size, bulk_size };

// One message behind its address, if any. Reads to its end whatever it is; what breaks a limit is not kept.
// `user_id`: who the handshake says it is from.
Reading read_frames(zmq::socket_t& socket, const ZmqLimits& limits, Frames& frames, std::string* user_id) {
  zmq::message_t part;
  if (!socket.recv(part, zmq::recv_flags::dontwait)) return Reading::nothing;
  Reading reading = Reading::complete;
  if (part.size() == 0 || part.size() > kMaxControlBytes) {
    reading = Reading::control_size;
  } else {
    const auto* const begin = static_cast<const std::uint8_t*>(part.data());
    FEDSPEND_READS_OF_LIBZMQ(frames.control.assign(begin, begin + part.size()));
  }
  if (user_id != nullptr) {
    const char* const proven = zmq_msg_gets(part.handle(), "User-Id");
    if (proven != nullptr) *user_id = proven;
  }
  for (std::size_t count = 2; part.more(); ++count) {
    if (!socket.recv(part, zmq::recv_flags::dontwait)) break;  // cannot be: libzmq delivers whole messages
    if (count > 2) {
      reading = Reading::frame_count;
    } else if (part.size() > limits.max_bulk_bytes) {
      reading = Reading::bulk_size;
    } else if (part.size() > 0 && reading == Reading::complete) {
      const auto* const begin = static_cast<const std::uint8_t*>(part.data());
      FEDSPEND_READS_OF_LIBZMQ(frames.bulk = std::make_shared<const Bytes>(begin, begin + part.size()));
    }
  }
  return reading;
}

}  // namespace

struct ZmqContext::State {
  explicit State(int io_threads) : context(io_threads) {
    context.set(zmq::ctxopt::max_sockets, std::min(kMaxSockets, context.get(zmq::ctxopt::socket_limit)));
  }
  zmq::context_t context;
  std::atomic<int> channels{0};
  std::atomic<std::uint64_t> next_monitor{0};
};

ZmqContext::ZmqContext(int io_threads) : state_(std::make_unique<State>(io_threads)) {}
ZmqContext::~ZmqContext() { FEDSPEND_CHECK(state_->channels == 0, "a context outlives its channels"); }

struct ZmqServerChannel::State {
  State(ZmqServerOptions given) : options(std::move(given)), context(options.io_threads) {}

  ZmqServerOptions options;
  zmq::context_t context;
  zmq::socket_t zap;     // before the router: it must be there when the first peer comes
  zmq::socket_t router;
  std::string endpoint;
  ZmqServerCounters counters;

  void open(const CurveKeyPair& key);
  void answer_handshakes();
  bool allows(const std::vector<zmq::message_t>& request, std::string& user_id);
  bool take(std::vector<Incoming>& out);
};

void ZmqServerChannel::State::open(const CurveKeyPair& key) {
  zap = zmq::socket_t(context, zmq::socket_type::rep);
  zap.set(zmq::sockopt::linger, 0);
  zap.bind(kZapEndpoint);
  router = zmq::socket_t(context, zmq::socket_type::router);
  set_common_options(router, options.limits, options.address);
  router.set(zmq::sockopt::backlog, kBacklog);
  router.set(zmq::sockopt::router_mandatory, true);
  router.set(zmq::sockopt::curve_server, true);
  set_secret_key(router, key);
  // With a domain, libzmq fails a handshake when no handler answers, instead of letting it pass.
  router.set(zmq::sockopt::zap_domain, "fedspend");
  router.bind(options.address);
  endpoint = router.get(zmq::sockopt::last_endpoint);
}

bool ZmqServerChannel::State::allows(const std::vector<zmq::message_t>& request, std::string& user_id) {
  if (request.size() != kZapRequestFrames || request[5].to_string_view() != "CURVE") return false;
  CurvePublicKey key;
  if (request[6].size() != key.bytes.size()) return false;
  std::memcpy(key.bytes.data(), request[6].data(), key.bytes.size());
  user_id = to_hex(key.bytes);
  return options.allow(key);
}

void ZmqServerChannel::State::answer_handshakes() {
  for (;;) {
    std::vector<zmq::message_t> request;
    do {
      request.emplace_back();
      if (!zap.recv(request.back(), zmq::recv_flags::dontwait)) return;
    } while (request.back().more());
    std::string user_id;
    const bool allowed = allows(request, user_id);
    ++(allowed ? counters.keys_accepted : counters.keys_refused);
    const std::string request_id = request.size() > 1 ? request[1].to_string() : std::string();
    const std::string_view replies[] = {kZapVersion, request_id, allowed ? "200" : "400", allowed ? "OK" : "not enrolled", allowed ? std::string_view(user_id) : "", ""};
    for (std::size_t i = 0; i < std::size(replies); ++i)
      zap.send(zmq::buffer(replies[i]), i + 1 < std::size(replies) ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
}

// False: nothing was there.
bool ZmqServerChannel::State::take(std::vector<Incoming>& out) {
  zmq::message_t address;
  if (!router.recv(address, zmq::recv_flags::dontwait)) return false;
  Incoming incoming;
  std::string user_id;
  const Reading reading = read_frames(router, options.limits, incoming.frames, &user_id);
  switch (reading) {
    case Reading::nothing:
    case Reading::frame_count: ++counters.dropped_frame_count; return true;
    case Reading::control_size: ++counters.dropped_control_size; return true;
    case Reading::bulk_size: ++counters.dropped_bulk_size; return true;
    case Reading::complete: break;
  }
  // An address that libzmq made begins with a zero byte. One that a peer has chosen may later be chosen by another, who would
  // then get what was meant for the first.
  const bool own_address = address.size() != 5 || *static_cast<const std::uint8_t*>(address.data()) != 0;
  if (own_address || !from_hex(user_id, incoming.transport_key.bytes)) {
    ++counters.dropped_unproven;
    return true;
  }
  incoming.peer.value = address.to_string();
  ++counters.received;
  out.push_back(std::move(incoming));
  return true;
}

ZmqServerChannel::ZmqServerChannel(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZmqServerChannel::~ZmqServerChannel() = default;

Result<std::unique_ptr<ZmqServerChannel>> ZmqServerChannel::bind(ZmqServerOptions options, const CurveKeyPair& key) {
  FEDSPEND_CHECK(options.allow, "somebody decides which keys may connect");
  const std::string address = options.address;
  FEDSPEND_TRY(check_address(address, Side::server));
  try {
    auto state = std::make_unique<State>(std::move(options));
    state->open(key);
    return std::unique_ptr<ZmqServerChannel>(new ZmqServerChannel(std::move(state)));
  } catch (const zmq::error_t& error) {
    const std::string message = "cannot listen on " + address + ": " + error.what();
    switch (error.num()) {
      case EADDRINUSE: return fail(ErrorCode::conflict, message, "choose another port, or end the program that has it");
      case EACCES: return fail(ErrorCode::invalid_argument, message, "choose a port above 1023");
      case EINVAL:
      case ENODEV:
      case EADDRNOTAVAIL:
      case EPROTONOSUPPORT: return fail(ErrorCode::invalid_argument, message, "name an address of this machine, like " + std::string(kExampleAddress));
      case EMFILE:
      case ENFILE: return fail(ErrorCode::limit, message, "raise the limit of open files (ulimit -n)");
      default: return fail(error_of(error, "cannot listen on " + address));
    }
  }
}

Result<std::vector<Incoming>> ZmqServerChannel::receive(Millis timeout, std::size_t max_messages) {
  std::vector<Incoming> received;
  try {
    const auto drain = [&] {
      state_->answer_handshakes();
      std::size_t looked_at = 0;  // dropped messages count, too: a flood of them must not keep the caller
      while (looked_at < max_messages && state_->take(received)) ++looked_at;
      return looked_at > 0;
    };
    if (drain()) return received;
    zmq::pollitem_t items[] = {{state_->zap.handle(), 0, ZMQ_POLLIN, 0}, {state_->router.handle(), 0, ZMQ_POLLIN, 0}};
    zmq::poll(items, std::size(items), std::max(timeout, Millis{0}));
    drain();
    return received;
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return received;
    return fail(error_of(error, "receiving failed"));
  }
}

Status ZmqServerChannel::send(const PeerId& peer, const Frames& frames) {
  FEDSPEND_TRY(check_outgoing(frames, state_->options.limits));
  try {
    if (!send_frames(state_->router, &peer.value, frames)) return fail(ErrorCode::unavailable, "the peer does not read: its queue is full");
    ++state_->counters.sent;
    return {};
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) return fail(ErrorCode::unavailable, "the peer is gone");
    return fail(error_of(error, "sending failed"));
  }
}

const std::string& ZmqServerChannel::last_endpoint() const { return state_->endpoint; }
const ZmqServerCounters& ZmqServerChannel::counters() const { return state_->counters; }

struct ZmqDeviceChannel::State {
  State(ZmqContext::State& shared_context, ZmqDeviceOptions given) : shared(shared_context), options(std::move(given)) { ++shared.channels; }
  ~State() {
    dealer.close();
    monitor.close();
    --shared.channels;
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ZmqContext::State& shared;
  ZmqDeviceOptions options;
  zmq::socket_t dealer;
  zmq::socket_t monitor;
  ConnectionState connection = ConnectionState::connecting;
  std::uint64_t connections = 0;
  std::optional<Millis> connecting_since;  // empty until the first check
  bool handshake_failed = false;           // somebody answered, and not as the holder of the pinned key
  std::uint64_t dropped = 0;

  void open(const CurveKeyPair& key);
  void watch(Millis now);
  void on_event(std::uint16_t event, Millis now);
};

void ZmqDeviceChannel::State::open(const CurveKeyPair& key) {
  dealer = zmq::socket_t(shared.context, zmq::socket_type::dealer);
  set_common_options(dealer, options.limits, options.address);
  dealer.set(zmq::sockopt::reconnect_ivl, as_int(options.reconnect_after));
  dealer.set(zmq::sockopt::reconnect_ivl_max, as_int(options.reconnect_at_most));
  dealer.set(zmq::sockopt::curve_serverkey, zmq::const_buffer(options.server_key.bytes.data(), options.server_key.bytes.size()));
  dealer.set(zmq::sockopt::curve_publickey, zmq::const_buffer(key.public_key.bytes.data(), key.public_key.bytes.size()));
  set_secret_key(dealer, key);
  const std::string endpoint = "inproc://monitor-" + std::to_string(shared.next_monitor.fetch_add(1));
  constexpr int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED;
  if (zmq_socket_monitor(dealer.handle(), endpoint.c_str(), events) != 0) throw zmq::error_t();
  monitor = zmq::socket_t(shared.context, zmq::socket_type::pair);
  monitor.set(zmq::sockopt::linger, 0);
  // Without a limit: libzmq's I/O thread, which all channels share, would wait for a reader of a full queue.
  monitor.set(zmq::sockopt::rcvhwm, 0);
  monitor.connect(endpoint);
  dealer.connect(options.address);
}

void ZmqDeviceChannel::State::on_event(std::uint16_t event, Millis now) {
  if (connection == ConnectionState::refused) return;
  switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      connection = ConnectionState::connected;
      handshake_failed = false;
      ++connections;
      break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      connection = ConnectionState::refused;
      break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      handshake_failed = true;
      break;
    case ZMQ_EVENT_DISCONNECTED:
      if (connection == ConnectionState::connected) connecting_since = now;
      connection = ConnectionState::connecting;
      break;
    default: break;
  }
}

void ZmqDeviceChannel::State::watch(Millis now) {
  if (!connecting_since) connecting_since = now;
  zmq::message_t part;
  while (monitor.recv(part, zmq::recv_flags::dontwait)) {
    // An event is two frames: number (16 bits) and value (32 bits), in the machine's byte order; and the address.
    std::uint16_t event = 0;
    if (part.size() >= sizeof event) std::memcpy(&event, part.data(), sizeof event);
    while (part.more() && monitor.recv(part, zmq::recv_flags::dontwait)) {
    }
    on_event(event, now);
  }
}

Status check_device_address(std::string_view address) { return check_address(address, Side::device); }

ZmqDeviceChannel::ZmqDeviceChannel(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZmqDeviceChannel::~ZmqDeviceChannel() = default;

Result<std::unique_ptr<ZmqDeviceChannel>> ZmqDeviceChannel::connect(ZmqContext& context, ZmqDeviceOptions options, const CurveKeyPair& key) {
  const std::string address = options.address;
  FEDSPEND_TRY(check_address(address, Side::device));
  try {
    auto state = std::make_unique<State>(*context.state_, std::move(options));
    state->open(key);
    return std::unique_ptr<ZmqDeviceChannel>(new ZmqDeviceChannel(std::move(state)));
  } catch (const zmq::error_t& error) {
    if (error.num() == EMFILE) return fail(ErrorCode::limit, "no more sockets: " + std::string(error.what()), "raise the limit of open files (ulimit -n)");
    if (error.num() == EINVAL) return fail(ErrorCode::invalid_argument, "'" + address + "' is not an address", "write it like " + std::string(kExampleAddress));
    return fail(error_of(error, "cannot connect to " + address));
  }
}

Status ZmqDeviceChannel::send(const Frames& frames) {
  FEDSPEND_TRY(check_outgoing(frames, state_->options.limits));
  try {
    if (send_frames(state_->dealer, nullptr, frames)) return {};
    return fail(ErrorCode::unavailable, "nothing can be sent to the coordinator at " + state_->options.address + ": the queue is full");
  } catch (const zmq::error_t& error) {
    return fail(error_of(error, "sending failed"));
  }
}

Result<std::optional<Frames>> ZmqDeviceChannel::receive() {
  try {
    for (;;) {
      Frames frames;
      const Reading reading = read_frames(state_->dealer, state_->options.limits, frames, nullptr);
      if (reading == Reading::nothing) return std::optional<Frames>();
      if (reading == Reading::complete) return std::optional<Frames>(std::move(frames));
      ++state_->dropped;
    }
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return std::optional<Frames>();
    return fail(error_of(error, "receiving failed"));
  }
}

Status ZmqDeviceChannel::check(Millis now) {
  try {
    state_->watch(now);
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) return fail(error_of(error, "watching the connection failed"));
  }
  const std::string at = "the coordinator at " + state_->options.address;
  switch (state_->connection) {
    case ConnectionState::connected: return {};
    case ConnectionState::refused: return fail(ErrorCode::unauthorized, at + " does not accept this device's key", "enrol the device");
    case ConnectionState::connecting: break;
  }
  if (now - *state_->connecting_since < state_->options.connect_timeout) return {};
  if (state_->handshake_failed)
    return fail(ErrorCode::unavailable, at + " ended the handshake", "check that the pinned key is the coordinator's");
  return fail(ErrorCode::unavailable, at + " does not answer", "check the address, and that the coordinator runs");
}

ConnectionState ZmqDeviceChannel::state() const { return state_->connection; }
std::uint64_t ZmqDeviceChannel::connections() const { return state_->connections; }
std::uint64_t ZmqDeviceChannel::dropped() const { return state_->dropped; }

Result<std::vector<std::size_t>> ZmqDeviceChannel::wait_any(std::span<ZmqDeviceChannel* const> channels, Millis timeout) {
  std::vector<std::size_t> ready;
  std::vector<zmq::pollitem_t> items;
  items.reserve(channels.size());
  for (ZmqDeviceChannel* const channel : channels) items.push_back({channel->state_->dealer.handle(), 0, ZMQ_POLLIN, 0});
  try {
    zmq::poll(items, std::max(timeout, Millis{0}));
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return ready;
    return fail(error_of(error, "waiting failed"));
  }
  for (std::size_t i = 0; i < items.size(); ++i)
    if ((items[i].revents & ZMQ_POLLIN) != 0) ready.push_back(i);
  return ready;
}

Status ZmqDeviceChannel::wait(Millis timeout, int waker) {
  zmq::pollitem_t items[] = {{state_->dealer.handle(), 0, ZMQ_POLLIN, 0}, {state_->monitor.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, waker, ZMQ_POLLIN, 0}};
  try {
    zmq::poll(items, std::size(items), std::max(timeout, Millis{0}));
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) return fail(error_of(error, "waiting failed"));
  }
  return {};
}

}  // namespace fedspend
