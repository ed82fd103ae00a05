#pragma once
// The masking graph of a session (SECAGG.md, "Graph", "Share coordinates"; Bell et al. 2020, section 3.2): the clients of the
// roster on a ring in an order that nobody chose, each a neighbour of the k/2 next to it on either side (a Harary graph, so it is
// k-regular and falls apart only where two runs of k/2 are gone), or of all others (k = n - 1).
//
// The order. Positions 0 ... n-1 of the sorted roster are shuffled by Fisher-Yates: for i = n-1 down to 1, swap places i and
// below(i + 1), where below() rejects as RandomSource::below does, over the ChaCha20 stream of SeededRandom with the key
// H("graph", roster root, beacon). A client's place is where it stands afterwards.
//
// Share coordinates. x_j of neighbour j around dealer i: 1 ... k/2 for the places +1 ... +k/2 after i, k/2 + 1 ... k for the
// places -1 ... -k/2 before it; on the complete graph the distance (place of j - place of i) mod n, 1 ... n-1. So every dealer's
// coordinates are 1 ... k, and the holder's coordinate around the dealer is not the dealer's around the holder.
// Test vectors: tests/vectors/graph.txt. Immutable, thread-safe once made; 8 bytes a client.

#include <cstdint>
#include <optional>
#include <vector>

#include "common/crypto/hash.h"

namespace fedspend {

struct Neighbour {
  std::uint32_t position = 0;    // in the sorted roster
  std::uint32_t coordinate = 0;  // x of its shares of the asking client's secrets, 1 ... k
  auto operator<=>(const Neighbour&) const = default;
};

// H("beacon", root): the beacon where a deployment has no external one. It does not prevent grinding (beacon.h).
Hash256 default_beacon(const Hash256& roster_root);

class MaskingGraph {
 public:
  // clients >= 2; degree even and below clients, or clients - 1. Anything else is a programmer's mistake: sizes come from
  // parameters.h, and the number of clients has been checked against the policy before.
  static MaskingGraph draw(std::uint32_t clients, std::uint32_t degree, const Hash256& roster_root, const Hash256& beacon);

  std::uint32_t clients() const { return static_cast<std::uint32_t>(position_at_.size()); }
  std::uint32_t degree() const { return degree_; }

  // The k neighbours of the client at this roster position, by rising coordinate.
  std::vector<Neighbour> neighbours(std::uint32_t position) const;
  // The coordinate of `holder` around `dealer`; nothing if they are not neighbours.
  std::optional<std::uint32_t> coordinate(std::uint32_t dealer, std::uint32_t holder) const;

 private:
  MaskingGraph() = default;
  bool is_complete() const { return degree_ == clients() - 1; }
  std::uint32_t degree_ = 0;
  std::vector<std::uint32_t> position_at_;  // roster position by place
  std::vector<std::uint32_t> place_of_;     // place by roster position
};

}  // namespace fedspend
