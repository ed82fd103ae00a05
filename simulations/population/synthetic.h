#pragma once
// A synthetic population for a first run: customers with a salary, rent, bills, subscriptions, weekly groceries, commuting, eating
// out, seasons, journeys and refunds. Invented, not fitted to anybody's data. What a customer does next follows from the day of the
// week, of the month, and from what went before further back than one transaction (out in the morning, back in the evening), so that a
// sequence model can beat a Markov chain; chance keeps it from being easy.
// Deterministic to the byte by seed on every machine: integers only, and a ChaCha20 stream for each client (common/crypto/random.h)
// with the key H("synthetic-client", seed, client). Client k is the same in every population of its seed. Thread-safe.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "models/history.h"

namespace fedspend::simulations {

struct SyntheticOptions {
  std::uint64_t seed = 1;
  std::uint64_t clients = 500;
  unsigned months = 12;  // from January 2023 on; 1 ... 120
};

// "customer-000042"
std::string synthetic_client_name(std::uint64_t client);
// The whole history of one client, oldest first.
std::vector<models::Transaction> synthetic_history(const SyntheticOptions& options, std::uint64_t client);

// The data description of what write_synthetic writes (simulations/data/synthetic.toml is the same text).
std::string_view synthetic_description();

struct SyntheticSummary {
  std::uint64_t clients = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};
// DIR/transactions.csv and DIR/synthetic.toml, one client in memory at a time; `folder` exists and is empty.
Result<SyntheticSummary> write_synthetic(const SyntheticOptions& options, const std::filesystem::path& folder);

}  // namespace fedspend::simulations
