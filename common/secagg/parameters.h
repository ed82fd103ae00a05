#pragma once
// How many neighbours k a client has in the masking graph, how many shares t give back a secret, and how many signatures q make a
// quorum (SECAGG.md, "Graph", "Threshold", "unmask"; Bell et al. 2020, section 3). The smallest even k, then the smallest t, with
//   security      P[corrupt neighbours >= t (curious) or >= 2t - k (semi-malicious)]          <= 2^-security_bits / n
//   failure       P[dropped neighbours > k - t], that is fewer than t alive                   <= 2^-failure_bits / n
//   connectivity  P[two disjoint runs of k/2 places on the ring all corrupt or dropped]       <= 2^-security_bits
// where a client's neighbours are `drawn` k of n without replacement. Drawing from all n, the client included, is right for the
// union over all n: who is client and who its neighbours is one uniform choice, so the n tails add up to n times that of k out of
// n. The two runs are any of the fewer than n^2 / 2 pairs of places that begin them. Fewer than kCompleteBelow clients, and those for
// whom no sparse graph holds, are all each other's neighbours (k = n - 1): there the tails are 0 or 1 and no run cuts anything.
// A t below 2 is never chosen: a share alone would be the secret. Nor is a degree above kMaxDegree: n k shares would be more than a
// coordinator should hold. Tails are bounded from above by common/secagg/tail_bounds.h,
// so what is called secure is; error and determinism are stated there.
// Losses are taken to be independent of the graph. A semi-malicious server that chooses whom to call dropped once it knows the graph
// is held by the client's own check of t alive neighbours, t > k/2: README.md says how far.
//
// Fractions are whole parts per million, so that every device computes the same counts: floor(gamma n) corrupt, floor(delta n)
// lost anywhere between roster and unmasking. Thread-safe (no state).

#include <cstdint>

#include "common/protocol/threat.h"
#include "common/result.h"

namespace fedspend {

inline constexpr std::uint32_t kMaxSecureClients = 100'000;
inline constexpr std::uint32_t kCompleteBelow = 65;
inline constexpr std::uint32_t kMaxDegree = 1'024;

struct SecurityGoal {
  std::uint32_t clients = 0;             // n
  std::uint32_t corrupt_ppm = 100'000;   // gamma, 0 ... 999,999
  std::uint32_t dropout_ppm = 100'000;   // delta, 0 ... 999,999
  Threat threat = Threat::semi_malicious;
  std::uint32_t security_bits = 40;      // 1 ... 128; 80 where graph grinding is not prevented (SECAGG.md, case 33)
  std::uint32_t failure_bits = 20;       // 1 ... 128

  std::uint32_t corrupt() const;         // floor(gamma n)
  std::uint32_t dropped() const;         // floor(delta n)
};

struct GraphSize {
  std::uint32_t degree = 0;     // k; n - 1: the complete graph
  std::uint32_t threshold = 0;  // t
  auto operator<=>(const GraphSize&) const = default;
};

// The three bounds as logarithms to base 2, for reports: -infinity where the event is impossible.
struct FailureBounds {
  double security_log2 = 0;      // n P[...]
  double failure_log2 = 0;       // n P[...]
  double connectivity_log2 = 0;  // n^2 / 2 P[...]
};

// invalid_argument: a field out of its range. refused: no graph over n clients meets the goal; the message says which of the
// conditions contradict each other.
Result<GraphSize> smallest_graph(const SecurityGoal& goal);
// Whether this size meets the goal (it need not be the smallest); refused, with the condition that fails, if not.
Status check_graph(const SecurityGoal& goal, GraphSize size);
Result<FailureBounds> failure_bounds(const SecurityGoal& goal, GraphSize size);

// q = max(floor((1 + gamma) n / 2) + 1, min_clients): two quorums share more than gamma n signers, so an honest one. refused where
// q > (1 - delta) n, because the tolerated losses would then end every round. invalid_argument as above.
Result<std::uint32_t> quorum_size(const SecurityGoal& goal, std::uint32_t min_clients);

}  // namespace fedspend
