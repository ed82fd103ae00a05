#include "common/secagg/graph.h"

#include <numeric>
#include <utility>

#include "common/check.h"
#include "common/crypto/random.h"

namespace fedspend {

Hash256 default_beacon(const Hash256& roster_root) { return Hasher("beacon").field(roster_root).finish(); }

MaskingGraph MaskingGraph::draw(std::uint32_t clients, std::uint32_t degree, const Hash256& roster_root, const Hash256& beacon) {
  FEDSPEND_CHECK(clients >= 2, "two clients at least");
  FEDSPEND_CHECK(degree == clients - 1 || (degree >= 2 && degree % 2 == 0 && degree < clients), "an even degree below the number of clients, or all others");
  MaskingGraph graph;
  graph.degree_ = degree;
  graph.position_at_.resize(clients);
  graph.place_of_.resize(clients);
  std::iota(graph.position_at_.begin(), graph.position_at_.end(), std::uint32_t{0});
  SeededRandom random(Hasher("graph").field(roster_root).field(beacon).finish());
  for (std::size_t i = clients - 1; i > 0; --i) std::swap(graph.position_at_[i], graph.position_at_[random.below(i + 1)]);
  for (std::uint32_t place = 0; place < clients; ++place) graph.place_of_[graph.position_at_[place]] = place;
  return graph;
}

std::vector<Neighbour> MaskingGraph::neighbours(std::uint32_t position) const {
  FEDSPEND_CHECK(position < clients(), "a position of the roster");
  const std::uint32_t n = clients();
  const std::uint32_t after = is_complete() ? degree_ : degree_ / 2;  // coordinates that count forward
  std::vector<Neighbour> neighbours;
  neighbours.reserve(degree_);
  for (std::uint32_t x = 1; x <= degree_; ++x) {
    const std::uint32_t distance = x <= after ? x : n - (x - after);
    neighbours.push_back({.position = position_at_[(std::uint64_t{place_of_[position]} + distance) % n], .coordinate = x});
  }
  return neighbours;
}

std::optional<std::uint32_t> MaskingGraph::coordinate(std::uint32_t dealer, std::uint32_t holder) const {
  FEDSPEND_CHECK(dealer < clients() && holder < clients(), "positions of the roster");
  if (dealer == holder) return std::nullopt;
  const std::uint32_t n = clients();
  const std::uint32_t distance = static_cast<std::uint32_t>((std::uint64_t{place_of_[holder]} + n - place_of_[dealer]) % n);
  const std::uint32_t half = degree_ / 2;
  if (is_complete() || distance <= half) return distance;
  if (n - distance <= half) return half + (n - distance);
  return std::nullopt;
}

}  // namespace fedspend
