#include "coordinator/gateway/https_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <httplib.h>
#include <openssl/ssl.h>

#include "common/check.h"

namespace fedspend::coordinator {
namespace {

constexpr Millis kNever = Millis::max();
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2: forward secrecy and AEAD (RFC 9325, section 4.2)

Millis steady() { return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch()); }

// What the library does not bound: how long one connection may take. It lives as long as the connection's SSL object, which the library frees
// before it closes the socket, so that nobody else's socket is ever shut down.
struct Deadline {
  int socket = -1;
  std::atomic<Millis> at{kNever};
};

class Deadlines {
 public:
  Deadline* add(int socket, Millis at) {
    const std::lock_guard lock(mutex_);
    Deadline& made = *all_.emplace_back(std::make_unique<Deadline>());
    made.socket = socket;
    made.at = at;
    return &made;
  }
  void remove(const Deadline* gone) {
    const std::lock_guard lock(mutex_);
    std::erase_if(all_, [gone](const auto& one) { return one.get() == gone; });
  }
  void end_overdue(Millis now) {
    const std::lock_guard lock(mutex_);
    for (const auto& one : all_)
      if (now >= one->at.load()) ::shutdown(one->socket, SHUT_RDWR);
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Deadline>> all_;
};

thread_local Deadline* deadline_of_thread = nullptr;  // one connection, one thread, from handshake to close

// As many threads as connections; what is beyond waits in the kernel.
class Places final : public httplib::TaskQueue {
 public:
  explicit Places(std::size_t count) : free_(count) {
    for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { serve(); });
  }
  void enqueue(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return free_ > 0; });
    --free_;
    tasks_.push_back(std::move(task));
    changed_.notify_all();
  }
  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      deadline_of_thread = nullptr;
      lock.lock();
      ++free_;
      changed_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t free_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

int deadlines_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void free_deadline(void*, void* value, CRYPTO_EX_DATA*, int, long, void* argument) {
  if (value == nullptr) return;
  auto* const deadlines = static_cast<Deadlines*>(*static_cast<void**>(argument));
  if (deadlines != nullptr) deadlines->remove(static_cast<Deadline*>(value));
}

// One server in a process: the OpenSSL callback has no other place to find it.
void* deadlines_of_process = nullptr;

int deadline_index() {
  static const int index = SSL_get_ex_new_index(0, &deadlines_of_process, nullptr, nullptr, free_deadline);
  return index;
}

struct Context {
  Deadlines deadlines;
  Millis request_time{};
};

void on_tls_event(const SSL* ssl, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0 || SSL_get_ex_data(ssl, deadline_index()) != nullptr) return;
  auto* const context = static_cast<Context*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), deadlines_index()));
  Deadline* const made = context->deadlines.add(SSL_get_fd(ssl), steady() + context->request_time);
  SSL_set_ex_data(const_cast<SSL*>(ssl), deadline_index(), made);
  deadline_of_thread = made;
}

void set_deadline(Millis at) {
  if (deadline_of_thread != nullptr) deadline_of_thread->at = at;
}

}  // namespace

struct HttpsServer::State {
  HttpsOptions options;
  std::function<Answer(ByteSpan)> handle;
  std::function<bool()> is_healthy;
  Context context;
  std::string why_invalid;
  std::unique_ptr<httplib::SSLServer> server;
  std::atomic<std::size_t> bytes_in_flight{0};
  std::mutex rate_mutex;
  Millis second{};
  std::uint32_t requests = 0;
  std::atomic<bool> stopping{false};
  int port = 0;
  std::thread listener, watchdog;

  bool set_up_tls(SSL_CTX& tls);
  void set_up_http();
  bool within_rate();
  void exchange(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& read);
  void refuse(httplib::Response& response, int status, const std::string& reason);
};

bool HttpsServer::State::set_up_tls(SSL_CTX& tls) {
  SSL_CTX_set_ex_data(&tls, deadlines_index(), &context);
  SSL_CTX_set_info_callback(&tls, on_tls_event);
  SSL_CTX_set_options(&tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (SSL_CTX_set_min_proto_version(&tls, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(&tls, kCiphers) != 1) return why_invalid = "TLS cannot be set up", false;
  if (SSL_CTX_use_certificate_chain_file(&tls, options.certificate_file.c_str()) != 1) return why_invalid = options.certificate_file + " is not a certificate in PEM", false;
  if (SSL_CTX_use_PrivateKey_file(&tls, options.private_key_file.c_str(), SSL_FILETYPE_PEM) != 1) return why_invalid = options.private_key_file + " is not a private key in PEM", false;
  if (SSL_CTX_check_private_key(&tls) != 1) return why_invalid = options.private_key_file + " is not the certificate's key", false;
  return true;
}

bool HttpsServer::State::within_rate() {
  const std::lock_guard lock(rate_mutex);
  if (const Millis now = steady(); now >= second + Millis{1'000}) {
    second = now;
    requests = 0;
  }
  return ++requests <= options.requests_a_second;
}

// The connection ends after any answer but 200 (the logger below), since a body may be there that was not read.
void HttpsServer::State::refuse(httplib::Response& response, int status, const std::string& reason) {
  response.status = status;
  response.set_content(reason + "\n", "text/plain");
  if (status == 429 || status == 503) response.set_header("Retry-After", "2");
}

void HttpsServer::State::exchange(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& read) {
  const std::string given = request.get_header_value("Content-Length");
  std::size_t length = 0;
  const auto [rest, error] = std::from_chars(given.data(), given.data() + given.size(), length);
  const bool has_length = !given.empty() && error == std::errc() && rest == given.data() + given.size();
  if (!has_length || request.get_header_value_count("Content-Length") != 1 || request.has_header("Transfer-Encoding")) return refuse(response, 411, "one Content-Length is needed");
  if (request.has_header("Content-Encoding") || request.is_multipart_form_data()) return refuse(response, 415, "the body comes as it is");
  if (length > options.max_body_bytes) return refuse(response, 413, "the body is too long");
  // Read and thrown away, so that the answer is not lost with the connection; what is too long is not even read.
  const auto refuse_read = [&](int status, const std::string& reason) {
    read([](const char*, std::size_t) { return true; });
    refuse(response, status, reason);
  };
  if (!within_rate()) return refuse_read(429, "too many requests");
  struct Reserved {
    std::atomic<std::size_t>& all;
    std::size_t bytes;
    ~Reserved() { all -= bytes; }
  } reserved{bytes_in_flight, length};
  if ((bytes_in_flight += length) > options.max_bytes_in_flight) return refuse_read(503, "too much at once");
  Bytes body;
  const bool is_whole = read([&](const char* data, std::size_t size) {
    if (size > length - body.size()) return false;
    body.insert(body.end(), data, data + size);
    return true;
  });
  if (!is_whole || body.size() != length) return refuse(response, 400, "the body is not whole");
  set_deadline(kNever);  // of what comes now the gateway decides
  Answer answer = handle(body);
  set_deadline(steady() + options.request_time);
  if (answer.http_status != 200) return refuse(response, answer.http_status, answer.reason);
  response.status = 200;
  response.set_content(std::string(answer.body.begin(), answer.body.end()), "application/octet-stream");
}

void HttpsServer::State::set_up_http() {
  server->new_task_queue = [count = options.max_connections] { return new Places(count); };
  server->set_keep_alive_timeout(std::max<time_t>(1, options.idle.count() / 1'000));
  server->set_keep_alive_max_count(1'000'000);
  server->set_read_timeout(std::chrono::seconds(10));
  server->set_write_timeout(std::chrono::seconds(10));
  server->set_payload_max_length(options.max_body_bytes);
  server->set_tcp_nodelay(true);
  server->set_socket_options([](int socket) {  // not the library's SO_REUSEPORT, with which two programs would share a port
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  // After the answer was written. A refused body may be left half-read: the connection ends.
  server->set_logger([this](const httplib::Request&, const httplib::Response& response) {
    set_deadline(response.status == 200 ? steady() + options.idle + options.request_time : Millis{0});
  });
  server->set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) { response.status = 500; });
  server->Get("/v1/health", [this](const httplib::Request&, httplib::Response& response) {
    const bool is_well = is_healthy();
    response.status = is_well ? 200 : 503;
    response.set_content(is_well ? "ok\n" : "no coordinator\n", "text/plain");
  });
  server->Post("/v1/exchange", [this](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& read) { exchange(request, response, read); });
}

HttpsServer::HttpsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<HttpsServer>> HttpsServer::start(HttpsOptions options, std::function<Answer(ByteSpan)> handle, std::function<bool()> is_healthy) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  state->handle = std::move(handle);
  state->is_healthy = std::move(is_healthy);
  state->context.request_time = state->options.request_time;
  FEDSPEND_CHECK(deadlines_of_process == nullptr, "one HTTPS server in a process");
  State* const at = state.get();
  at->server = std::make_unique<httplib::SSLServer>([at](SSL_CTX& tls) { return at->set_up_tls(tls); });
  if (!at->server->is_valid()) return fail(ErrorCode::invalid_argument, at->why_invalid.empty() ? "TLS cannot be set up" : at->why_invalid);
  at->set_up_http();
  const bool is_any = at->options.port == 0;
  at->port = is_any ? at->server->bind_to_any_port(at->options.host) : (at->server->bind_to_port(at->options.host, at->options.port) ? at->options.port : -1);
  if (at->port <= 0)
    return fail(ErrorCode::conflict, "cannot listen on " + at->options.host + ":" + std::to_string(at->options.port), "name an address of this machine and a port that is free");
  deadlines_of_process = &at->context.deadlines;
  at->listener = std::thread([at] { at->server->listen_after_bind(); });
  at->watchdog = std::thread([at] {
    while (!at->stopping.load()) {
      at->context.deadlines.end_overdue(steady());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  return std::unique_ptr<HttpsServer>(new HttpsServer(std::move(state)));
}

HttpsServer::~HttpsServer() {
  // Also a listener that has not begun yet.
  while (!state_->server->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::atomic<bool> is_done{false};
  std::thread ender([&] {
    while (!is_done.load()) {
      state_->context.deadlines.end_overdue(kNever);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  state_->server->stop();
  state_->listener.join();
  is_done = true;
  ender.join();
  state_->stopping = true;
  state_->watchdog.join();
  state_->server.reset();
  deadlines_of_process = nullptr;
}

int HttpsServer::port() const { return state_->port; }

}  // namespace fedspend::coordinator
