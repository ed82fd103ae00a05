#pragma once
// What the gateway does with the bodies that devices post (common/transport/ENVELOPE.md), whatever server brings them: one connection to the
// coordinator for each of a device's, each sequence taken once, the last answer kept until the next one comes. It carries
// messages and looks into their headers alone: each must name the sender of the request.
//
// Order of checks: size, header, enrolled sender, signature, rate of the device, messages and their senders, connection and sequence. What fails before the signature costs a hash and a
// signature check and leaves nothing behind. All that is kept has a cap: connections in all and of a device; a connection holds one
// answer and one message that did not fit into it. handle() may be called from many threads at once; it blocks for the poll.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/clock.h"
#include "common/crypto/identity.h"
#include "common/ids.h"
#include "common/result.h"
#include "common/transport/channel.h"
#include "common/transport/envelope.h"

namespace fedspend::coordinator {

// A connection to the coordinator. Used by one thread at a time.
class Upstream : public DeviceChannel {
 public:
  virtual Status wait(Millis timeout) = 0;           // until there may be something to receive
  // Ok: connected or trying. unauthorized: the coordinator does not take the gateway's key.
  virtual Status check(Millis now) = 0;
  virtual std::uint64_t connections() const = 0;     // as of the last check
};

struct ExchangeOptions {
  GatewayLimits limits = {};
  std::size_t max_connections = 10'000;
  std::size_t max_connections_of_a_device = 2;       // the one that was silent longest gives way
  std::uint32_t requests_of_a_device = 20;           // in a second
  Millis longest_poll{30'000};
  Millis idle{180'000};                              // after that sweep() closes a connection
  Millis connect_timeout{5'000};                     // to the coordinator
};

struct Answer {
  int http_status = 200;
  Bytes body;          // a response of ENVELOPE.md with 200; empty otherwise
  std::string reason;  // in words, with any other
};

struct ExchangeCounters {
  std::uint64_t taken = 0;         // sequences
  std::uint64_t repeated = 0;      // answered as before
  std::uint64_t refused = 0;       // any status but 200
  std::size_t connections = 0;     // now
};

class Exchange {
 public:
  using Find = std::function<std::optional<IdentityPublicKey>(const ClientId&)>;    // nothing: not enrolled
  using Connect = std::function<Result<std::unique_ptr<Upstream>>()>;

  // find and connect are called from any thread; clock outlives it.
  Exchange(ExchangeOptions options, Find find, Connect connect, const Clock& clock);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Answer handle(ByteSpan body);
  // Closes what was silent for too long. Call it every few seconds.
  void sweep();
  // Ends all waiting; handle() answers 503 from now on.
  void stop();
  ExchangeCounters counters() const;

 private:
  struct Connection;
  using Key = std::pair<ClientId, ConnectionId>;
  struct Rate {
    Millis since{};
    std::uint32_t requests = 0;
  };

  Answer answer(const OpenedGatewayRequest& request, ByteSpan body);
  bool within_rate(const ClientId& sender);
  // Null: gone, or no room.
  std::shared_ptr<Connection> find_or_begin(const OpenedGatewayRequest& request, std::optional<Answer>& refusal);
  void forget(const Key& key, const Connection* connection);
  Answer take(Connection& connection, const OpenedGatewayRequest& request, std::vector<Frames> messages, const Hash256& digest);
  std::optional<Answer> connect(Connection& connection);
  std::vector<Frames> collect(Connection& connection, Millis poll);
  Answer say(GatewayStatus status, std::uint32_t seconds = 0) const;

  const ExchangeOptions options_;
  const Find find_;
  const Connect connect_;
  const Clock& clock_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;  // of what follows
  std::map<Key, std::shared_ptr<Connection>> connections_;
  std::map<ClientId, Rate> rates_;
  ExchangeCounters counters_;
};

}  // namespace fedspend::coordinator
