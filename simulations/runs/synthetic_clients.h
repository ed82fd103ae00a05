#pragma once
// The clients of a [synthetic] data description: each history is made when it is asked for, and forgotten. Thread-safe.

#include "common/protocol/plan.h"
#include "simulations/federation/client_source.h"
#include "simulations/population/synthetic.h"

namespace fedspend::simulations {

class SyntheticClients final : public ClientSource {
 public:
  SyntheticClients(const SyntheticOptions& options, const Plan& plan) : options_(options), model_(plan.model) {}
  std::size_t size() const override { return static_cast<std::size_t>(options_.clients); }
  std::string label(std::size_t client) const override { return synthetic_client_name(client); }
  std::string device_class(std::size_t client) const override { return synthetic_attributes(options_, client).device_class; }
  std::string time_zone(std::size_t client) const override { return synthetic_attributes(options_, client).time_zone; }
  std::optional<std::size_t> known_rows(std::size_t) const override { return std::nullopt; }
  std::span<const models::HistoryRow> history(std::size_t client, std::vector<models::HistoryRow>& scratch) const override;
  Hash256 digest() const override;

 private:
  SyntheticOptions options_;
  ModelSpec model_;
};

}  // namespace fedspend::simulations
