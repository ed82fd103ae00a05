#include "models/torch/process_group_gloo.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "models/torch/awaited.h"
#include "models/torch/torch_error.h"

namespace fedspend::models {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kGrace{1'000};  // after its own time is up a call of c10d has this long to say so itself
constexpr int kMaxTag = 1 << 30;

std::string seconds_text(milliseconds time) {
  std::string text = std::to_string(time.count() / 1000);
  if (time.count() % 1000 != 0) text += "." + std::to_string(1000 + time.count() % 1000).substr(1);
  return text + " s";
}

std::string list_of(const std::vector<unsigned>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(ranks[i]);
  return text;
}

tl::unexpected<Error> stopped(const char* when) { return fail(ErrorCode::io, std::string("stopped by a signal ") + when, "the other ranks end too; start all of them again"); }

std::string place_of(const ProcessGroupOptions& options) { return options.host + ":" + std::to_string(options.port); }

// The address of this machine that leads to `host`: nothing is sent.
Result<std::string> address_towards(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return fail(ErrorCode::invalid_argument, "the host " + host + " of --store is not known here", "give a name or an address that every rank reaches rank 0 by");
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, freeaddrinfo);
  for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
    const int descriptor = ::socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) continue;
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    const bool known = ::connect(descriptor, one->ai_addr, one->ai_addrlen) == 0 && ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &length) == 0;
    ::close(descriptor);
    std::array<char, 128> text{};
    if (known && getnameinfo(reinterpret_cast<const sockaddr*>(&local), length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) return std::string(text.data());
  }
  return fail(ErrorCode::unavailable, "no network of this machine leads to " + host, "give --store a host that every rank reaches");
}

// One rank's part of an exchange with all others, and the first thing that went wrong in it.
class Exchange {
 public:
  void failed(unsigned rank, const std::exception& error) {
    const std::lock_guard lock(mutex_);
    failed_.push_back(rank);
    if (failed_.size() == 1) reason_ = reason_of(error);
    for (const auto& work : works_) work->abort();  // the others are not waited for: at once
  }
  void watch(std::vector<c10::intrusive_ptr<c10d::Work>> works) {
    const std::lock_guard lock(mutex_);
    works_ = std::move(works);
  }
  void one_ended() {
    const std::lock_guard lock(mutex_);
    ++ended_;
    changed_.notify_all();
  }
  // Until all have ended. False, and what is on the way is broken off, if `stop` is set before.
  bool all_ended(const std::atomic<bool>* stop) {
    std::unique_lock lock(mutex_);
    while (ended_ < works_.size() && !is_set(stop)) changed_.wait_for(lock, kLookAtStop);
    if (ended_ == works_.size()) return true;
    for (const auto& work : works_) work->abort();
    return false;
  }
  bool ok() {
    const std::lock_guard lock(mutex_);
    return failed_.empty();
  }
  Status status(milliseconds took, milliseconds limit) const {
    if (failed_.empty()) return {};
    std::vector<unsigned> ranks = failed_;
    if (took >= limit) {
      std::sort(ranks.begin(), ranks.end());
      ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
      return fail(ErrorCode::timeout, list_of(ranks) + " did not come to an exchange within " + seconds_text(limit), "look at those processes; resume the run once all ranks are there");
    }
    return fail(ErrorCode::unavailable, "rank " + std::to_string(ranks.front()) + " ended, or its connection broke (" + reason_ + ")", "look at that process; resume the run once all ranks are there");
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<c10::intrusive_ptr<c10d::Work>> works_;
  std::size_t ended_ = 0;
  std::vector<unsigned> failed_;  // in the order of their failures: the first is the one that ended, later ones may follow from it
  std::string reason_;
};

class GlooGroup final : public ProcessGroup {
 public:
  GlooGroup(const ProcessGroupOptions& options, c10::intrusive_ptr<c10d::Store> store, c10::intrusive_ptr<c10d::ProcessGroupGloo> group)
      : rank_(options.rank), size_(options.size), timeout_(options.exchange_timeout), stop_(options.stop), store_(std::move(store)), group_(std::move(group)) {}

  unsigned rank() const override { return rank_; }
  unsigned size() const override { return size_; }
  Result<std::vector<Bytes>> all_gather(ByteSpan mine) override;
  Status barrier() override {
    FEDSPEND_ASSIGN(const std::vector<Bytes> given, all_gather({}));
    return {};
  }

 private:
  // Sends `mine` to every other rank and fills `theirs[rank]`; an undefined tensor is not sent, or not expected.
  Status exchange(const at::Tensor& mine, std::vector<at::Tensor>& theirs);

  unsigned rank_, size_;
  milliseconds timeout_;
  const std::atomic<bool>* stop_;
  c10::intrusive_ptr<c10d::Store> store_;  // rank 0's lives as long as its group
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
  int tag_ = 0;
};

Status GlooGroup::exchange(const at::Tensor& mine, std::vector<at::Tensor>& theirs) {
  tag_ = tag_ % kMaxTag + 1;
  Exchange exchange;
  struct Pending {
    unsigned rank;
    c10::intrusive_ptr<c10d::Work> work;
  };
  std::vector<Pending> pending;
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  const auto begun = Clock::now();
  const auto start = [&](unsigned rank, const std::function<c10::intrusive_ptr<c10d::Work>(std::vector<at::Tensor>&)>& operation, const at::Tensor& tensor) {
    if (!tensor.defined()) return;
    try {
      std::vector<at::Tensor> one{tensor};
      pending.push_back({rank, operation(one)});
      works.push_back(pending.back().work);
    } catch (const std::exception& error) {
      exchange.failed(rank, error);
    }
  };
  for (unsigned rank = 0; rank < size_; ++rank) {
    if (rank == rank_) continue;
    const int peer = static_cast<int>(rank);
    start(rank, [&](std::vector<at::Tensor>& one) { return group_->recv(one, peer, tag_); }, theirs[rank]);
    start(rank, [&](std::vector<at::Tensor>& one) { return group_->send(one, peer, tag_); }, mine);
  }
  exchange.watch(std::move(works));
  bool all_ended = true;
  if (exchange.ok()) {
    std::vector<std::jthread> waiting;  // a thread for each: who breaks first is seen first, whoever is slow
    for (const Pending& one : pending) {
      waiting.emplace_back([&, one] {
        try {
          one.work->wait(timeout_);
        } catch (const std::exception& error) {
          exchange.failed(one.rank, error);
        }
        exchange.one_ended();
      });
    }
    all_ended = exchange.all_ended(stop_);
  }
  if (!all_ended || (!exchange.ok() && is_set(stop_))) return stopped("in an exchange with the other ranks");
  return exchange.status(std::chrono::duration_cast<milliseconds>(Clock::now() - begun), timeout_);
}

Result<std::vector<Bytes>> GlooGroup::all_gather(ByteSpan mine) {
  return guarded(ErrorCode::unavailable, "the exchange between the ranks failed", "resume the run once all ranks are there", [&]() -> Result<std::vector<Bytes>> {
    std::vector<at::Tensor> lengths(size_);
    for (at::Tensor& length : lengths) length = at::zeros({1}, at::kLong);
    lengths[rank_][0] = static_cast<std::int64_t>(mine.size());
    FEDSPEND_TRY(exchange(lengths[rank_], lengths));
    std::vector<Bytes> gathered(size_);
    for (unsigned rank = 0; rank < size_; ++rank) {
      const std::int64_t length = lengths[rank].item<std::int64_t>();
      if (length < 0 || length > static_cast<std::int64_t>(kMaxExchangeBytes))
        return fail(ErrorCode::limit, "rank " + std::to_string(rank) + " gives " + std::to_string(length) + " bytes to an exchange, at most " + std::to_string(kMaxExchangeBytes), "a smaller model or more ranks");
      gathered[rank].resize(static_cast<std::size_t>(length));
    }
    std::copy(mine.begin(), mine.end(), gathered[rank_].begin());
    const auto tensor_of = [](Bytes& bytes) { return bytes.empty() ? at::Tensor() : at::from_blob(bytes.data(), {static_cast<std::int64_t>(bytes.size())}, at::kByte); };
    std::vector<at::Tensor> contents;
    for (Bytes& bytes : gathered) contents.push_back(tensor_of(bytes));
    FEDSPEND_TRY(exchange(contents[rank_], contents));
    return gathered;
  });
}

class LoneGroup final : public ProcessGroup {
 public:
  unsigned rank() const override { return 0; }
  unsigned size() const override { return 1; }
  Result<std::vector<Bytes>> all_gather(ByteSpan mine) override { return std::vector<Bytes>{Bytes(mine.begin(), mine.end())}; }
  Status barrier() override { return {}; }
};

std::string server_name(const ProcessGroupOptions& options) { return options.server == StoreServer::agent ? "torchrun's agent" : "rank 0"; }

// Rank 0 listens, the others connect to it; or all of them to the agent.
Result<c10::intrusive_ptr<c10d::Store>> open_store(const ProcessGroupOptions& options) {
  const bool serves = options.rank == 0 && options.server == StoreServer::rank_0;
  c10d::TCPStoreOptions store;
  store.port = options.port;
  store.isServer = serves;
  store.numWorkers = options.size;
  store.waitWorkers = false;
  store.timeout = options.join_timeout;
  try {
    const auto opened = c10::make_intrusive<c10d::TCPStore>(options.host, store);
    if (options.store_prefix.empty()) return opened;
    return c10::make_intrusive<c10d::PrefixStore>(options.store_prefix, opened);
  } catch (const std::exception& error) {
    if (serves) return fail(ErrorCode::unavailable, "rank 0 cannot listen at " + place_of(options) + " (" + reason_of(error) + ")", "give --store the address of rank 0 and a port that is free there");
    return fail(ErrorCode::timeout, server_name(options) + " did not come: nobody listens at " + place_of(options) + " within " + seconds_text(options.join_timeout),
                "start " + server_name(options) + ", or correct --store (MASTER_ADDR, MASTER_PORT)");
  }
}

tl::unexpected<Error> no_store(const ProcessGroupOptions& options, const std::string& what) {
  return fail(ErrorCode::timeout, server_name(options) + " did not come: what listens at " + place_of(options) + " " + what, "look at " + server_name(options) + ", or correct --store (MASTER_ADDR, MASTER_PORT)");
}

Status check_size(const ProcessGroupOptions& options, c10d::Store& store, unsigned rank) {
  const std::vector<std::uint8_t> given = store.get("size/" + std::to_string(rank));
  const std::string size(given.begin(), given.end());
  if (size == std::to_string(options.size)) return {};
  return fail(ErrorCode::conflict, "rank " + std::to_string(rank) + " belongs to a run of " + size + " ranks, rank " + std::to_string(options.rank) + " to one of " + std::to_string(options.size),
              "give every rank the same --world-size");
}

// This rank says that it is there. An answer that cannot be is none of a store.
Status sign_in(const ProcessGroupOptions& options, c10d::Store& store) {
  const std::string own = std::to_string(options.rank), size = std::to_string(options.size);
  const std::int64_t times = store.add("joined/" + own, 1);
  if (times < 1 || times > kMaxRanks) return no_store(options, "is no store of c10d");
  if (times != 1) return fail(ErrorCode::conflict, "rank " + own + " is there twice", "give every process a rank of its own");
  store.set("size/" + own, std::vector<std::uint8_t>(size.begin(), size.end()));
  return {};
}

// Until every rank has said that it is there.
Status meet(const ProcessGroupOptions& options, c10d::Store& store, Clock::time_point end) {
  FEDSPEND_TRY(sign_in(options, store));
  std::vector<unsigned> missing(options.size);
  std::iota(missing.begin(), missing.end(), 0U);
  while (!is_set(options.stop)) {
    std::vector<unsigned> still;
    for (const unsigned rank : missing) {
      if (store.check({"size/" + std::to_string(rank)})) {
        FEDSPEND_TRY(check_size(options, store, rank));
      } else {
        still.push_back(rank);
      }
    }
    missing = std::move(still);
    if (missing.empty()) return {};
    if (Clock::now() >= end) return fail(ErrorCode::timeout, list_of(missing) + " did not come within " + seconds_text(options.join_timeout), "start every rank, with the same --store and --world-size");
    std::this_thread::sleep_for(kLookAtStop);
  }
  return stopped("before all ranks were there");
}

// The store, once every rank has been seen in it.
Result<c10::intrusive_ptr<c10d::Store>> meet_in_store(const ProcessGroupOptions& options, Clock::time_point end) {
  FEDSPEND_ASSIGN(c10::intrusive_ptr<c10d::Store> store, open_store(options));
  FEDSPEND_TRY(meet(options, *store, end));
  return store;
}

Result<c10::intrusive_ptr<c10d::ProcessGroupGloo>> connect_gloo(const ProcessGroupOptions& options, const std::string& address, const c10::intrusive_ptr<c10d::Store>& store) {
  auto gloo = c10d::ProcessGroupGloo::Options::create(options.join_timeout);
  gloo->devices = {c10d::ProcessGroupGloo::createDeviceForHostname(address)};
  gloo->threads = 1;
  const auto meeting = c10::make_intrusive<c10d::PrefixStore>("gloo", store);
  return c10::make_intrusive<c10d::ProcessGroupGloo>(meeting, static_cast<int>(options.rank), static_cast<int>(options.size), std::move(gloo));
}

Status check(const ProcessGroupOptions& options) {
  if (options.size == 0 || options.size > kMaxRanks) return fail(ErrorCode::invalid_argument, "a world size of " + std::to_string(options.size), "1 to " + std::to_string(kMaxRanks) + " ranks");
  if (options.rank >= options.size)
    return fail(ErrorCode::invalid_argument, "rank " + std::to_string(options.rank) + " of " + std::to_string(options.size), "ranks count from 0 to the world size less one");
  if (options.size > 1 && (options.host.empty() || options.port == 0)) return fail(ErrorCode::invalid_argument, "several ranks need --store HOST:PORT", "the address of rank 0 and a port that is free there");
  return {};
}

}  // namespace

Result<std::unique_ptr<ProcessGroup>> join_gloo_group(const ProcessGroupOptions& options) {
  FEDSPEND_TRY(check(options));
  if (options.size == 1) return std::make_unique<LoneGroup>();
  std::string address = options.local_address;
  if (address.empty()) {
    FEDSPEND_ASSIGN(address, address_towards(options.host, options.port));
  }
  const auto joined = [options](const auto& work) {
    return guarded(ErrorCode::unavailable, "rank " + std::to_string(options.rank) + " could not join the others at " + place_of(options), "look at the other ranks; start all of them again", work);
  };
  // Nothing of this frame in what may outlive it: the calls own copies.
  const auto end = Clock::now() + options.join_timeout;
  auto met = awaited([=] { return joined([&] { return meet_in_store(options, end); }); }, end + kGrace, options.stop);
  if (!met && !is_set(options.stop)) return no_store(options, "does not answer within " + seconds_text(options.join_timeout));
  if (!met) return stopped("before all ranks were there");
  FEDSPEND_ASSIGN(const c10::intrusive_ptr<c10d::Store> store, std::move(*met));
  auto connected = awaited([=] { return joined([&] { return connect_gloo(options, address, store); }); }, Clock::now() + options.join_timeout + kGrace, options.stop);
  if (!connected && !is_set(options.stop))
    return fail(ErrorCode::timeout, "the ranks did not reach each other within " + seconds_text(options.join_timeout), "look at the other ranks, and at the network between them");
  if (!connected) return stopped("before the ranks had reached each other");
  FEDSPEND_ASSIGN(c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo, std::move(*connected));
  return std::make_unique<GlooGroup>(options, store, std::move(gloo));
}

}  // namespace fedspend::models
