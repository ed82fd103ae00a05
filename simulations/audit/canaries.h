#pragma once
// Canaries: clients of an audit whose update is a known direction at the clip norm, or zero, as a coin says. All of them take part like any
// client, so that the two cases differ just as PRIVACY.md's adjacency does (the contribution replaced by zero, participation visible).
// Coins and directions come from a seed with streams of their own, so that nothing else in the simulation depends on them.
// Directions are made when they are asked for. Immutable, thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "simulations/federation/client_source.h"

namespace fedspend::simulations {

enum class CanaryKind {
  sphere,  // uniform on the sphere
  dirac,   // one coordinate, another for each canary
};

struct CanaryOptions {
  std::uint64_t seed = 1;
  std::size_t count = 0;
  std::size_t length = 0;     // of an update; dirac: at least count
  CanaryKind kind = CanaryKind::sphere;
};

class Canaries {
 public:
  explicit Canaries(const CanaryOptions& options);
  std::size_t size() const { return options_.count; }
  bool is_included(std::size_t canary) const { return included_[canary]; }
  // Of norm 1.
  std::vector<float> direction(std::size_t canary) const;
  // The direction at the clip norm of the round, or zero; the `time`th that this canary sends (from 0, below 2^16) is shorter by so many 2^-20: a device
  // refuses to be in a secure sum with an update that was in one, unless it is zero, and who refuses would tell the coins.
  std::vector<float> update(std::size_t canary, std::uint32_t time, double clip_norm_l2) const;

 private:
  CanaryOptions options_;
  std::vector<bool> included_;
  std::vector<std::size_t> coordinates_;  // dirac
};

// Clients, and after them so many canaries without a history. Borrows the clients.
class ClientsWithCanaries final : public ClientSource {
 public:
  ClientsWithCanaries(std::span<const FederatedClient> clients, std::size_t canaries)
      : clients_(clients), count_(clients.size() + canaries), memory_(clients) {}
  std::size_t size() const override { return count_; }
  std::string label(std::size_t client) const override;
  std::string device_class(std::size_t client) const override { return is_canary(client) ? std::string() : memory_.device_class(client); }
  std::string time_zone(std::size_t client) const override { return is_canary(client) ? std::string() : memory_.time_zone(client); }
  // A canary is eligible, however many rows the plan asks for.
  std::optional<std::size_t> known_rows(std::size_t client) const override;
  std::span<const models::HistoryRow> history(std::size_t client, std::vector<models::HistoryRow>& scratch) const override;
  Hash256 digest() const override;

 private:
  bool is_canary(std::size_t client) const { return client >= clients_.size(); }
  std::span<const FederatedClient> clients_;
  std::size_t count_;
  MemoryClients memory_;
};

}  // namespace fedspend::simulations
