#pragma once
// The gateway's HTTPS end: TLS 1.2 or later, POST /v1/exchange and GET /v1/health, nothing else. cpp-httplib does HTTP and OpenSSL TLS; what they
// leave open is bounded here: connections (further ones wait in the kernel's queue), the bytes of all requests being read together, requests a
// second, and the time that a connection may take for its handshake and each request, so that a slow sender cannot keep a place.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/result.h"
#include "coordinator/gateway/exchange.h"

namespace fedspend::coordinator {

struct HttpsOptions {
  std::string host;
  int port = 0;                              // 0: a free one
  std::string certificate_file;              // PEM, with its chain
  std::string private_key_file;              // PEM
  std::size_t max_connections = 256;         // a thread each
  std::size_t max_body_bytes = 0;
  std::size_t max_bytes_in_flight = std::size_t{1} << 30;
  std::uint32_t requests_a_second = 2'000;
  Millis idle{60'000};                       // between two requests of a connection
  Millis request_time{120'000};              // of a handshake, of reading a request, of writing its answer
};

class HttpsServer {
 public:
  // `handle` is called from many threads; `is_healthy` too. invalid_argument: certificate or key; conflict: the port.
  static Result<std::unique_ptr<HttpsServer>> start(HttpsOptions options, std::function<Answer(ByteSpan)> handle, std::function<bool()> is_healthy);
  ~HttpsServer();  // closes every connection and waits for its threads; make `handle` return first
  int port() const;

 private:
  struct State;
  explicit HttpsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fedspend::coordinator
