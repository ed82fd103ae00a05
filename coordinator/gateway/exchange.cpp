#include "coordinator/gateway/exchange.h"

#include <algorithm>
#include <condition_variable>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/protocol/codec.h"

namespace fedspend::coordinator {
namespace {

constexpr Millis kSlice{50};  // of a wait, so that a stop, a lost coordinator and a second request are seen
constexpr std::uint32_t kBusy_s = 2, kNoCoordinator_s = 5, kNotListed_s = 300;

Answer refusal_of(int status, std::string reason) { return {status, {}, std::move(reason)}; }

}  // namespace

struct Exchange::Connection {
  // One exchange at a time: whoever has the turn has what follows the next three.
  std::mutex mutex;  // of is_taken
  std::condition_variable turn_given;
  bool is_taken = false;
  std::atomic<int> waiting{0};
  std::atomic<std::int64_t> last_used{0};

  bool take_turn(Millis timeout) {
    std::unique_lock lock(mutex);
    if (!turn_given.wait_for(lock, timeout, [this] { return !is_taken; })) return false;
    is_taken = true;
    return true;
  }
  void give_turn() {
    {
      const std::lock_guard lock(mutex);
      is_taken = false;
    }
    turn_given.notify_one();
  }

  std::unique_ptr<Upstream> upstream;
  bool is_over = false;
  std::uint64_t sequence = 0;
  Hash256 digest;       // of the request with that sequence
  Bytes answer;
  std::optional<Frames> held;  // received, and not fitting into the answer before
};

Exchange::Exchange(ExchangeOptions options, Find find, Connect connect, const Clock& clock)
    : options_(std::move(options)), find_(std::move(find)), connect_(std::move(connect)), clock_(clock) {
  FEDSPEND_CHECK(find_ && connect_, "somebody who knows devices and the way to the coordinator");
}
Exchange::~Exchange() = default;

void Exchange::stop() { stopping_.store(true); }

ExchangeCounters Exchange::counters() const {
  const std::lock_guard lock(mutex_);
  ExchangeCounters counters = counters_;
  counters.connections = connections_.size();
  return counters;
}

Answer Exchange::say(GatewayStatus status, std::uint32_t seconds) const {
  return {200, encode_gateway_response({.status = status, .retry_after_s = seconds, .number = 0, .messages = {}}, options_.limits), {}};
}

Answer Exchange::handle(ByteSpan body) {
  const auto refused = [this](Answer answer) {
    const std::lock_guard lock(mutex_);
    ++counters_.refused;
    return answer;
  };
  if (stopping_.load()) return refused(refusal_of(503, "the gateway is stopping"));
  const Result<OpenedGatewayRequest> request = open_gateway_request(body, options_.limits);
  if (!request) return refused(refusal_of(request.error().code == ErrorCode::limit ? 413 : 400, request.error().message));
  const std::optional<IdentityPublicKey> key = find_(request->header.sender);
  if (!key) return say(GatewayStatus::not_enrolled);
  if (!verify_gateway_request(*request, *key)) return refused(refusal_of(403, "the signature is not the sender's"));
  if (!within_rate(request->header.sender)) return say(GatewayStatus::retry_later, kBusy_s);
  Answer given = answer(*request, body);
  return given.http_status == 200 ? given : refused(std::move(given));
}

bool Exchange::within_rate(const ClientId& sender) {
  const std::lock_guard lock(mutex_);
  Rate& rate = rates_[sender];
  const Millis now = clock_.now();
  if (rate.requests == 0 || now >= rate.since + Millis{1'000}) rate = {.since = now, .requests = 0};
  return ++rate.requests <= options_.requests_of_a_device;
}

std::shared_ptr<Exchange::Connection> Exchange::find_or_begin(const OpenedGatewayRequest& request, std::optional<Answer>& refusal) {
  const Key key{request.header.sender, request.header.connection};
  std::shared_ptr<Connection> closed;  // its socket goes without the lock
  const std::lock_guard lock(mutex_);
  if (const auto found = connections_.find(key); found != connections_.end()) return found->second;
  if (request.header.sequence != 1) {
    refusal = say(GatewayStatus::gone);
    return nullptr;
  }
  // Others of this device: its key begins with the sender.
  auto silent_longest = connections_.end();
  std::size_t of_device = 0;
  for (auto at = connections_.lower_bound({request.header.sender, ConnectionId{}}); at != connections_.end() && at->first.first == request.header.sender; ++at) {
    ++of_device;
    if (silent_longest == connections_.end() || at->second->last_used.load() < silent_longest->second->last_used.load()) silent_longest = at;
  }
  if (of_device >= options_.max_connections_of_a_device) {
    closed = silent_longest->second;
    connections_.erase(silent_longest);
  } else if (connections_.size() >= options_.max_connections) {
    refusal = say(GatewayStatus::retry_later, kBusy_s);
    return nullptr;
  }
  auto connection = std::make_shared<Connection>();
  connection->last_used = clock_.now().count();
  connections_.emplace(key, connection);
  return connection;
}

void Exchange::forget(const Key& key, const Connection* connection) {
  const std::lock_guard lock(mutex_);
  if (const auto found = connections_.find(key); found != connections_.end() && found->second.get() == connection) connections_.erase(found);
}

Answer Exchange::answer(const OpenedGatewayRequest& request, ByteSpan body) {
  Result<std::vector<Frames>> messages = decode_gateway_messages(request, options_.limits);
  if (!messages) return refusal_of(messages.error().code == ErrorCode::limit ? 413 : 400, messages.error().message);
  // The coordinator would drop it, and the gateway's quota there is all devices'.
  for (const Frames& frames : *messages) {
    const Result<Envelope> envelope = open_envelope(frames.control);
    if (!envelope) return refusal_of(400, "a message inside: " + envelope.error().message);
    if (envelope->sender != request.header.sender) return refusal_of(403, "a message inside is another sender's than the request");
  }
  std::optional<Answer> refusal;
  const std::shared_ptr<Connection> connection = find_or_begin(request, refusal);
  if (connection == nullptr) return std::move(*refusal);
  // The same again while the first is still under way: that one ends its wait, and this one gets its answer.
  const int before = connection->waiting.fetch_add(1);
  const bool is_locked = before <= 1 && connection->take_turn(options_.connect_timeout + options_.longest_poll);
  if (!is_locked) {
    connection->waiting.fetch_sub(1);
    return refusal_of(429, "an exchange of this connection is under way");
  }
  const Hash256 digest = gateway_request_digest(body);
  Answer given = take(*connection, request, std::move(*messages), digest);
  connection->last_used = clock_.now().count();
  const bool is_over = connection->is_over;
  connection->waiting.fetch_sub(1);
  connection->give_turn();
  if (is_over) forget({request.header.sender, request.header.connection}, connection.get());
  return given;
}

// Nothing: connected.
std::optional<Answer> Exchange::connect(Connection& connection) {
  Result<std::unique_ptr<Upstream>> upstream = connect_();
  if (!upstream) return say(GatewayStatus::retry_later, kNoCoordinator_s);
  const Millis end = clock_.now() + options_.connect_timeout;
  while ((*upstream)->connections() == 0) {
    const Status state = (*upstream)->check(clock_.now());
    if (!state && state.error().code == ErrorCode::unauthorized) return say(GatewayStatus::retry_later, kNotListed_s);
    if ((*upstream)->connections() != 0) break;
    if (stopping_.load() || clock_.now() >= end) return say(GatewayStatus::retry_later, kNoCoordinator_s);
    static_cast<void>((*upstream)->wait(Millis{5}));
  }
  connection.upstream = std::move(*upstream);
  return std::nullopt;
}

Answer Exchange::take(Connection& connection, const OpenedGatewayRequest& request, std::vector<Frames> messages, const Hash256& digest) {
  const std::uint64_t sequence = request.header.sequence;
  if (connection.is_over) return say(GatewayStatus::gone);
  if (sequence == connection.sequence) {
    if (digest != connection.digest) return refusal_of(409, "another request with this sequence was answered");
    const std::lock_guard lock(mutex_);
    ++counters_.repeated;
    return {200, connection.answer, {}};
  }
  if (sequence != connection.sequence + 1 || request.header.acknowledged != connection.sequence) return refusal_of(409, "the sequence or the acknowledgement is not the next one");
  if (connection.upstream == nullptr) {
    if (std::optional<Answer> refusal = connect(connection)) {
      connection.is_over = true;
      return std::move(*refusal);
    }
  }
  const auto over = [&] {  // as when a connection of ZeroMQ breaks: the device begins anew
    connection.is_over = true;
    return say(GatewayStatus::gone);
  };
  if (!connection.upstream->check(clock_.now()) || connection.upstream->connections() != 1) return over();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (connection.upstream->send(messages[i])) continue;
    return i == 0 ? say(GatewayStatus::retry_later, kBusy_s) : over();
  }
  GatewayResponse response{.status = GatewayStatus::ok, .retry_after_s = 0, .number = sequence, .messages = {}};
  response.messages = collect(connection, std::min(Millis{request.header.poll_ms}, options_.longest_poll));
  if (connection.upstream->connections() != 1) return over();
  connection.sequence = sequence;
  connection.digest = digest;
  connection.answer = encode_gateway_response(response, options_.limits);
  const std::lock_guard lock(mutex_);
  ++counters_.taken;
  return {200, connection.answer, {}};
}

std::vector<Frames> Exchange::collect(Connection& connection, Millis poll) {
  std::vector<Frames> messages;
  std::size_t bulk_bytes_left = options_.limits.max_bulk_bytes;
  const Millis end = clock_.now() + poll;
  for (;;) {
    while (messages.size() < kMaxMessagesPerExchange) {
      std::optional<Frames> frames = std::exchange(connection.held, std::nullopt);
      if (!frames) {
        Result<std::optional<Frames>> received = connection.upstream->receive();
        if (!received || !received->has_value()) break;
        frames = std::move(**received);
      }
      if (frames->bulk_bytes().size() > bulk_bytes_left) {
        connection.held = std::move(frames);
        return messages;
      }
      bulk_bytes_left -= frames->bulk_bytes().size();
      messages.push_back(std::move(*frames));
    }
    const Millis now = clock_.now();
    const bool is_known = connection.upstream->check(now).has_value() && connection.upstream->connections() == 1;
    if (!messages.empty() || !is_known || now >= end || stopping_.load() || connection.waiting.load() > 1) return messages;
    if (!connection.upstream->wait(std::min(end - now, kSlice))) return messages;
  }
}

void Exchange::sweep() {
  std::vector<std::shared_ptr<Connection>> closed;  // their sockets go without the lock
  const std::lock_guard lock(mutex_);
  const std::int64_t oldest = (clock_.now() - options_.idle).count();
  for (auto at = connections_.begin(); at != connections_.end();) {
    const bool is_idle = at->second->waiting.load() == 0 && at->second->last_used.load() < oldest;
    if (is_idle) closed.push_back(at->second);
    at = is_idle ? connections_.erase(at) : std::next(at);
  }
}

}  // namespace fedspend::coordinator
