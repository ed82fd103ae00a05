#pragma once
// Where a simulated federation takes its clients' histories from: memory, or a generator that makes each when it is trained on, so
// that a population need not fit into memory. Implementations are thread-safe.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/crypto/hash.h"
#include "models/history.h"

namespace fedspend::simulations {

struct FederatedClient {
  std::string label;
  std::vector<models::HistoryRow> rows;  // the whole history in the plan's vocabulary, oldest first
  std::string device_class = {};         // what the data say of it, by the names of the world; otherwise both are drawn
  std::string time_zone = {};
};

class ClientSource {
 public:
  virtual ~ClientSource() = default;
  virtual std::size_t size() const = 0;
  virtual std::string label(std::size_t client) const = 0;
  virtual std::string device_class(std::size_t client) const = 0;  // empty: not known; so the time zone
  virtual std::string time_zone(std::size_t client) const = 0;
  // Nothing if the history would have to be made to count them: then the client is taken for eligible, and declines if it is not.
  virtual std::optional<std::size_t> known_rows(std::size_t client) const = 0;
  // Oldest first. Valid as long as the source and `scratch` are, which may or may not be used.
  virtual std::span<const models::HistoryRow> history(std::size_t client, std::vector<models::HistoryRow>& scratch) const = 0;
  // Of everything that the source would give.
  virtual Hash256 digest() const = 0;
};

// Borrows the clients.
class MemoryClients final : public ClientSource {
 public:
  explicit MemoryClients(std::span<const FederatedClient> clients) : clients_(clients) {}
  std::size_t size() const override { return clients_.size(); }
  std::string label(std::size_t client) const override { return clients_[client].label; }
  std::string device_class(std::size_t client) const override { return clients_[client].device_class; }
  std::string time_zone(std::size_t client) const override { return clients_[client].time_zone; }
  std::optional<std::size_t> known_rows(std::size_t client) const override { return clients_[client].rows.size(); }
  std::span<const models::HistoryRow> history(std::size_t client, std::vector<models::HistoryRow>&) const override { return clients_[client].rows; }
  Hash256 digest() const override;

 private:
  std::span<const FederatedClient> clients_;
};

}  // namespace fedspend::simulations
