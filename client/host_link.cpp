#include "client/host_link.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "client/host_channel.h"
#include "common/check.h"

namespace fedspend::client {
namespace {

constexpr Millis kGiveUpAgain{100};

// Carries one request after the other on its own thread.
class Carrier {
 public:
  explicit Carrier(HostTransport transport) : transport_(std::move(transport)), thread_([this] { carry(); }) {}
  // An exchange that was not begun is none any more; one that was is given up until it returns.
  ~Carrier() {
    {
      std::unique_lock lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
      while (state_ == State::inside && transport_.give_up) {
        lock.unlock();
        transport_.give_up();
        lock.lock();
        changed_.wait_for(lock, kGiveUpAgain, [this] { return state_ != State::inside; });
      }
    }
    thread_.join();
  }
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  bool is_free() {
    const std::lock_guard lock(mutex_);
    return state_ == State::free;
  }
  // `request` lives until take() gave its answer, or the carrier has gone.
  void start(ByteSpan request, Millis timeout) {
    {
      const std::lock_guard lock(mutex_);
      FEDSPEND_CHECK(state_ == State::free, "one exchange at a time");
      request_ = request;
      timeout_ = timeout;
      state_ = State::asked;
    }
    changed_.notify_all();
  }
  // Waits at most so long for an answer, and no longer than until it is woken.
  std::optional<Result<Bytes>> take(Millis longest) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest, [this] { return state_ == State::answered || woken_; });
    if (state_ != State::answered) return std::nullopt;
    state_ = State::free;
    return std::exchange(answer_, std::nullopt);
  }
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_all();
  }
  // Whether it was, since the last time this was asked.
  bool was_woken() {
    const std::lock_guard lock(mutex_);
    return std::exchange(woken_, false);
  }

 private:
  enum class State { free, asked, inside, answered };  // inside: of the host's function

  void carry() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || state_ == State::asked; });
      if (stopping_) return;
      state_ = State::inside;
      lock.unlock();
      Result<Bytes> answer = transport_.exchange(request_, timeout_);
      lock.lock();
      answer_ = std::move(answer);
      state_ = State::answered;
      changed_.notify_all();
    }
  }

  HostTransport transport_;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::free;
  bool stopping_ = false;
  bool woken_ = false;
  ByteSpan request_;
  Millis timeout_{};
  std::optional<Result<Bytes>> answer_;
  std::thread thread_;  // last: what it uses is there before it
};

class HostLink final : public DeviceLink {
 public:
  HostLink(const HostLinkOptions& options, HostTransport transport, const LinkDevice& device)
      : options_(options),
        channel_({.client = device.id, .limits = options.limits}, nullptr, [&signer = device.signer](ByteSpan digest) { return signer.sign(digest); }, device.random),
        poll_(options.shortest_poll), carrier_(std::move(transport)) {}

  Status send(const Frames& frames) override {
    poll_ = options_.shortest_poll;
    has_said_ = true;
    return channel_.send(frames);
  }
  // What comes is mostly answered soon: the next poll is a short one, for what is to be said waits for its end.
  Result<std::optional<Frames>> receive() override {
    Result<std::optional<Frames>> received = channel_.receive();
    if (received && received->has_value()) poll_ = options_.shortest_poll;
    return received;
  }

  void speaks_soon(bool soon) override { speaks_soon_ = soon; }

  Status wait(Millis timeout) override {
    const Millis end = now() + timeout;
    while (!is_refused_) {
      if (carrier_.is_free() && now() >= due() && !begin()) return {};
      const Millis until = carrier_.is_free() ? std::min(end, due()) : end;
      if (const auto answer = carrier_.take(std::max(until - now(), Millis(0)))) return take(channel_.finish(*answer)), Status();
      if (carrier_.was_woken() || now() >= end) return {};
    }
    static_cast<void>(carrier_.take(timeout));  // for the wait alone: nothing is under way any more
    static_cast<void>(carrier_.was_woken());
    return {};
  }
  void wake() noexcept override { carrier_.wake(); }

  Status check(Millis at) override {
    if (!since_) since_ = at;
    if (is_refused_) return fail(ErrorCode::unauthorized, "the gateway does not know this device", "enrol the device");
    if (channel_.connections() != 0 || at - *since_ < options_.connect_timeout) return {};
    return fail(ErrorCode::unavailable, "the gateway does not answer: " + why_);
  }
  std::uint64_t connections() const override { return channel_.connections(); }

 private:
  static Millis now() { return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now().time_since_epoch()); }

  // When the next exchange begins. While the session works on what it will say, only now and then a look, so that nothing is under way when it is there.
  Millis due() const { return speaks_soon_ && !has_said_ ? std::max(next_exchange_, last_exchange_ + options_.longest_poll) : next_exchange_; }

  // False: what has come is to be received first.
  bool begin() {
    // The first exchange of a connection comes back at once, so that the connection is known to be there.
    const Millis poll = channel_.connections() == 0 || speaks_soon_ ? Millis(0) : poll_;
    const Result<ByteSpan> request = channel_.begin(poll);
    if (!request && request.error().code == ErrorCode::conflict) return false;
    if (!request) return take(fail(request.error())), true;  // a key that is locked
    has_said_ = false;
    last_exchange_ = now();
    carrier_.start(*request, poll + options_.network_time);
    return true;
  }

  void take(const Status& done) {
    if (done) {
      retry_ = options_.retry_after;
      next_exchange_ = Millis{};
      poll_ = std::min(poll_ * 2, options_.longest_poll);
      return;
    }
    why_ = done.error().message;
    is_refused_ = channel_.is_refused();
    next_exchange_ = now() + std::max(retry_, channel_.retry_after());
    retry_ = std::min(retry_ * 2, options_.retry_at_most);
  }

  HostLinkOptions options_;
  HostChannel channel_;
  Millis poll_;
  Millis next_exchange_{};
  Millis retry_ = options_.retry_after;
  std::optional<Millis> since_;
  bool is_refused_ = false;
  bool speaks_soon_ = false;
  bool has_said_ = false;
  Millis last_exchange_{};
  std::string why_ = "there was no exchange yet";
  Carrier carrier_;  // last: it ends before the request that it carries goes
};

}  // namespace

Result<std::unique_ptr<DeviceLink>> connect_host(const HostLinkOptions& options, HostTransport transport, const LinkDevice& device) {
  FEDSPEND_CHECK(transport.exchange != nullptr, "a host that carries");
  return std::make_unique<HostLink>(options, std::move(transport), device);
}

}  // namespace fedspend::client
