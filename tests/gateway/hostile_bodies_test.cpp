// What strangers send to a real gateway: it says no and goes on.
#include "common/crypto/random.h"
#include "common/transport/envelope.h"
#include "tests/gateway/gateway_bench.h"

namespace fedspend::test {
namespace {

struct Open : GatewayFederation {
  SeededRandom random{3};
  IdentityKey stranger = IdentityKey::generate(random);

  Open() {
    start_coordinator();
    start_gateway({"--max-bulk-bytes", "4096", "--request-time-s", "2"});
  }
  int post(const Bytes& body, const httplib::Headers& headers = {}) const {
    const auto answer = client()->Post("/v1/exchange", headers, reinterpret_cast<const char*>(body.data()), body.size(), "application/octet-stream");
    return answer ? answer->status : 0;
  }
  Bytes request() const {
    return seal_gateway_request({.sender = client_id_of(stranger.public_key()), .connection = FixedId<struct ConnectionIdTag, 16>{{1}}, .messages = {}}, {}, [&](ByteSpan digest) -> Result<Signature> { return stranger.sign(digest); }).value();
  }
  std::string shell(const std::string& command) const { return run_to_end({"/bin/sh", "-c", command}).out; }
};

TEST_CASE("bodies that are none, too long, cut or encoded are refused, and the gateway goes on") {
  const Open gateway;
  CHECK(gateway.post({}) == 400);
  CHECK(gateway.post(Bytes(100, 7)) == 400);
  const Bytes request = gateway.request();
  CHECK(gateway.post(request) == 200);  // "not enrolled"
  CHECK(gateway.post(Bytes(request.begin(), request.end() - 1)) == 400);
  const int too_long = gateway.post(Bytes(max_gateway_request_bytes({.max_bulk_bytes = 4096}) + 1));  // not read: the connection may end first
  CHECK((too_long == 413 || too_long == 0));
  CHECK(gateway.post(request, {{"Content-Encoding", "gzip"}}) == 415);
  CHECK(gateway.health() == 200);
  CHECK(gateway.client()->Get("/v1/exchange")->status == 404);
  CHECK(gateway.client()->Get("/etc/passwd")->status == 404);
}

TEST_CASE("HTTP without TLS and TLS before 1.2 get nothing") {
  const Open gateway;
  httplib::Client plain("127.0.0.1", gateway.port);
  plain.set_read_timeout(5, 0);
  CHECK_FALSE(plain.Get("/v1/health"));
  const std::string old = "echo | /usr/bin/openssl s_client -connect 127.0.0.1:" + std::to_string(gateway.port);
  CHECK(gateway.shell(old + " -tls1_1 -cipher ALL:@SECLEVEL=0 2>/dev/null").find("Cipher is ECDHE") == std::string::npos);
  CHECK(gateway.shell(old + " -tls1_2 2>/dev/null").find("Cipher is ECDHE") != std::string::npos);
  CHECK(gateway.health() == 200);
}

TEST_CASE("who sends nothing, or byte after byte, loses its place in time") {
  const Open gateway;
  const std::string connect = "/usr/bin/openssl s_client -quiet -connect 127.0.0.1:" + std::to_string(gateway.port) + " 2>/dev/null";
  // As many as there are places, each with a header that never ends.
  std::vector<Process> slow;
  for (int i = 0; i < 16; ++i)
    slow.emplace_back(ProcessOptions{.command = {"/bin/sh", "-c", "(printf 'POST /v1/exchange HTTP/1.1\\r\\n'; while sleep 0.2; do printf 'X-A: b\\r\\n' || exit; done) | " + connect}, .out = {}, .err = {}, .folder = {}, .environment = {}});
  CHECK(eventually(Millis(30'000 * kPatience), [&] { return gateway.health() == 200; }));
}

}  // namespace
}  // namespace fedspend::test
