#pragma once
// From the sum of masked inputs and the shares that were revealed to the sum of updates (SECAGG.md, "unmask"): secrets are
// reconstructed and held against what their owner had committed to (b against K, r against R; case 24), then every mask that is
// still in the sum is taken off: the self masks of the survivors, and the pairwise masks between a client that dropped out and its
// surviving neighbours. An object of its own because it is seconds of arithmetic and no protocol: whoever drives the machine runs
// it where it likes, and may have it stop. Masks are streamed in blocks that stay in cache (masks.h); memory is the secrets, the mask
// keys and the sum. One thread per object; run() uses the executor's.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "common/executor.h"
#include "common/numeric/ring_vector.h"
#include "common/result.h"
#include "common/secagg/key_schedule.h"
#include "common/secagg/shamir.h"

namespace fedspend {

enum class SecretKind : std::uint8_t { self_mask, mask_key };  // b_i of a survivor; r_i of a client that dropped out

// The shares of one secret that arrived, by rising coordinate around its dealer.
struct RevealedSecret {
  SecretKind kind = SecretKind::self_mask;
  PairEnd dealer;                         // id and R
  Hash256 commitment{};                   // K
  std::vector<std::uint32_t> coordinates;
  ScalarRows shares{0};                   // a row for each
  std::vector<ClientId> holders;          // in the same order
  std::vector<PairEnd> surviving_neighbours;  // of a client that dropped out: whose masks with it are in the sum
};

struct UnmaskingContext {
  TaskId task;
  RoundId round;
  SessionId session;
  std::uint32_t degree = 0;
  std::uint32_t threshold = 0;
};

struct UnmaskedSum {
  RingVector sum;
  std::vector<ClientId> wrong_holders;  // sorted: whose shares were not on the polynomial, and were corrected
};

// Why there is no sum: the dealers whose secrets could not be reconstructed, who are left out of the next rounds.
struct UnmaskingFailure {
  std::string why;
  std::vector<ClientId> dealers;  // sorted
};

class Unmasking {
 public:
  Unmasking(UnmaskingContext context, std::vector<RevealedSecret> secrets, RingVector masked_sum);

  // Once. Once a stop is requested it ends soon, after a secret or some thousand words in progress on each thread, and what it returns
  // means nothing.
  tl::expected<UnmaskedSum, UnmaskingFailure> run(Executor& executor, const std::stop_token& stop = {});

  std::size_t mask_count() const;  // how many masks are taken off

 private:
  struct Opened {
    SecretScalar secret;
    std::vector<ClientId> wrong_holders;
    bool failed = false;
  };
  // How often each holder's share was wrong so far. Correcting is dear (some m^2 steps), and a few wrong holders touch the secrets of
  // all their neighbours: whoever was wrong twice is left out at once, as far as t shares stay without.
  using Suspicion = std::map<ClientId, std::uint32_t>;
  Opened open(const RevealedSecret& revealed, ShareCombiner& combiner, Suspicion& suspicion) const;
  std::optional<SecretScalar> combine_unsuspected(const RevealedSecret& revealed, ShareCombiner& combiner, const Suspicion& suspicion) const;
  bool is_right(const RevealedSecret& revealed, const SecretScalar& secret) const;
  Mask mask_of(const RevealedSecret& revealed, const SecretScalar& secret, std::size_t neighbour) const;
  std::vector<Opened> open_all(Executor& executor, const std::stop_token& stop) const;
  std::vector<Mask> masks_of(const std::vector<Opened>& opened, Executor& executor, const std::stop_token& stop) const;

  UnmaskingContext context_;
  std::vector<RevealedSecret> secrets_;
  RingVector sum_;
};

}  // namespace fedspend
