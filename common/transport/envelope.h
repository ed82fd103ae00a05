#pragma once
// The bodies of the HTTP exchanges between a device whose host app carries the bytes (client/host_channel.h) and the gateway beside
// the coordinator. Layout and rules: ENVELOPE.md. Pure: no sockets, no ZeroMQ, so that a phone has it. A request is signed by the
// device; a response is not, since the pinned TLS certificate says who answers. Neither is what a message rests on: each message
// inside is signed and checked on its own, as PROTOCOL.md says.
// Order of checks: size cap, exact header, then the caller looks up the sender and verifies the signature, then the messages, where
// every length is checked against the bytes that remain before anything is allocated, and left-over bytes are an error. Thread-safe.

#include <cstdint>
#include <functional>
#include <vector>

#include "common/bytes.h"
#include "common/crypto/hash.h"
#include "common/crypto/identity.h"
#include "common/ids.h"
#include "common/protocol/codec.h"
#include "common/result.h"

namespace fedspend {

inline constexpr std::uint16_t kGatewayVersion = 1;
inline constexpr std::size_t kMaxMessagesPerExchange = 8;
inline constexpr std::uint32_t kMaxPollMs = 60'000;
inline constexpr std::uint32_t kMaxRetryAfterS = 86'400;
// Magic, version, sender, connection, sequence, acknowledged, poll, count; the signature follows the messages.
inline constexpr std::size_t kGatewayRequestHeaderBytes = 4 + 2 + 32 + 16 + 8 + 8 + 4 + 1;
// Magic, version, status, seconds, number, count.
inline constexpr std::size_t kGatewayResponseHeaderBytes = 4 + 2 + 1 + 4 + 8 + 1;

using ConnectionId = FixedId<struct ConnectionIdTag, 16>;  // random, chosen by the device

struct GatewayLimits {
  std::size_t max_bulk_bytes = std::size_t{64} << 20;  // of all messages of one body together
};

// The longest body, for caps before anything is read.
std::size_t max_gateway_request_bytes(const GatewayLimits& limits);
std::size_t max_gateway_response_bytes(const GatewayLimits& limits);

struct GatewayRequest {
  ClientId sender;
  ConnectionId connection;
  std::uint64_t sequence = 1;      // from 1, one more with each exchange of a connection
  std::uint64_t acknowledged = 0;  // the highest response number that came, below sequence
  std::uint32_t poll_ms = 0;       // how long the gateway may wait for something to answer, at most kMaxPollMs
  std::vector<Frames> messages;    // at most kMaxMessagesPerExchange
};

enum class GatewayStatus : std::uint8_t {
  ok = 0,
  not_enrolled = 1,  // for good
  gone = 2,          // the connection is not known: begin anew, with a new id
  retry_later = 3,   // nothing was taken: the same request again after retry_after_s
};

struct GatewayResponse {
  GatewayStatus status = GatewayStatus::ok;
  std::uint32_t retry_after_s = 0;  // 1..kMaxRetryAfterS with retry_later, otherwise 0
  std::uint64_t number = 0;         // with ok the sequence that it answers, otherwise 0
  std::vector<Frames> messages;     // none unless ok
};

// Signs 32 bytes, a digest, with the device's identity key.
using GatewaySigner = std::function<Result<Signature>(ByteSpan digest)>;

// The signer's error as it is. Breaking a limit is a programmer's mistake.
Result<Bytes> seal_gateway_request(const GatewayRequest& request, const GatewayLimits& limits, const GatewaySigner& sign);
Bytes encode_gateway_response(const GatewayResponse& response, const GatewayLimits& limits);

// A request whose header is read and whose messages are not. Borrows from the bytes given to open_gateway_request.
struct OpenedGatewayRequest {
  GatewayRequest header;           // messages is empty
  std::uint8_t message_count = 0;  // claimed
  ByteSpan messages;
  ByteSpan signed_part;            // everything before the signature
  Signature signature{};
};

// limit: longer than the cap; refused: a version that this program does not speak; malformed: anything else.
Result<OpenedGatewayRequest> open_gateway_request(ByteSpan body, const GatewayLimits& limits);
// H("gateway-request", everything before the signature).
Hash256 gateway_request_digest(ByteSpan signed_part);
[[nodiscard]] bool verify_gateway_request(const OpenedGatewayRequest& request, const IdentityPublicKey& key);
// What they accept has one form: encoding it again gives the same bytes.
Result<std::vector<Frames>> decode_gateway_messages(const OpenedGatewayRequest& request, const GatewayLimits& limits);
Result<GatewayResponse> decode_gateway_response(ByteSpan body, const GatewayLimits& limits);

}  // namespace fedspend
