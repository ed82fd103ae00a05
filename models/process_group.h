#pragma once
// Several processes, on one machine or more, that work on one run: each has a rank, and they exchange bytes with all others.
// Over torch.distributed (c10d: a TCPStore at rank 0 to find each other, Gloo to talk), in the torch module (torch_module.h).
// No authentication and no encryption, as c10d has none: for a network that is trusted. One thread per object.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend::models {

// Whose process the store is in, where the ranks find each other.
enum class StoreServer {
  rank_0,  // opens it, and ends it
  agent,   // somebody else's (torchrun's agent), which is there before the ranks and after them: every rank is a client
};

struct ProcessGroupOptions {
  unsigned rank = 0;                              // 0 ... size - 1, each once
  unsigned size = 1;                              // the same at every rank
  std::string host = {};                          // of the store
  std::uint16_t port = 0;                         // where it listens (rank 0's on every address of its machine); the others connect to it
  StoreServer server = StoreServer::rank_0;
  std::string store_prefix = {};                  // before the names of all that is laid into an agent's store; another one for another start
  std::string local_address = {};                 // the one that this rank offers to the others; empty: the one that leads to `host`
  std::chrono::milliseconds join_timeout{60'000};     // until all ranks are there
  std::chrono::milliseconds exchange_timeout{600'000};// of one all_gather: how long the slowest rank may take to come to it
  const std::atomic<bool>* stop = nullptr;        // looked at all the time in joining and exchanges; outlives the group. Null: nobody stops it
};

inline constexpr unsigned kMaxRanks = 256;
inline constexpr std::size_t kMaxExchangeBytes = std::size_t{1} << 30;  // of one rank in one all_gather

class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;
  virtual unsigned rank() const = 0;
  virtual unsigned size() const = 0;

  // What every rank gave, in the order of the ranks, the same at all of them; the lengths may differ. Every rank must come.
  // unavailable, at once, with the rank that ended or whose connection broke; timeout after exchange_timeout; limit, at every rank,
  // where one gives more than kMaxExchangeBytes; io once `stop` is set. After an error the group is of no more use.
  virtual Result<std::vector<Bytes>> all_gather(ByteSpan mine) = 0;
  // Returns once every rank has come. Errors as all_gather.
  virtual Status barrier() = 0;
};

}  // namespace fedspend::models
