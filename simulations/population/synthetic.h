#pragma once
// A synthetic population for years of experiments: customers of seven kinds (customers.h) in an invented country (towns.h, merchants.h) with
// standing orders, habits, journeys and life events (life.h), and unusual activity with labels (unusual.h). Invented, not fitted to
// anybody's data: `fedspend-sim synth --describe` prints its statistics beside those of real data.
// The category of a row is what was bought, as the customer would say it; the merchant is what the terminal prints, and need not tell.
// Deterministic to the byte by seed on every machine: integers only, and ChaCha20 streams for each client (dice.h). Client k is the
// same in every population of its seed, and its longer history begins with its shorter one. Thread-safe.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "models/history.h"
#include "simulations/population/life.h"

namespace fedspend::simulations {

struct SyntheticOptions {
  std::uint64_t seed = 1;
  std::uint64_t clients = 500;
  unsigned months = 12;                      // from January 2023 on; 1 ... 120
  std::uint32_t unusual_in_thousand = 60;    // of a client's months with an incident of unusual activity; 0 ... 1000
};

// A client's whole life so far. Compact: 32 bytes a row and the merchants' text.
struct SyntheticClient {
  Customer customer;                   // on the first day
  std::vector<StatementRow> rows;      // oldest first
  std::string text;
  std::vector<RecordedEvent> events;   // oldest first

  std::string_view merchant(const StatementRow& row) const { return std::string_view(text).substr(row.text_begin, row.text_size); }
  models::Transaction transaction(const StatementRow& row) const;
};

// "customer-000042"
std::string synthetic_client_name(std::uint64_t client);
SyntheticClient synthetic_client(const SyntheticOptions& options, std::uint64_t client);
// Its rows alone, as transactions: three strings a row, which take a quarter more time.
std::vector<models::Transaction> synthetic_history(const SyntheticOptions& options, std::uint64_t client);
// Its attributes, without living its life.
CustomerAttributes synthetic_attributes(const SyntheticOptions& options, std::uint64_t client);

class Population;
// All clients in memory, with labels and attributes, as the files would be read: 32 bytes a row. io: stopped by a signal.
Result<Population> synthetic_population(const SyntheticOptions& options, unsigned threads = 1);

// The data description of what write_synthetic writes (simulations/data/synthetic.toml is the same text).
std::string_view synthetic_description();

struct SyntheticSummary {
  std::uint64_t clients = 0;
  std::uint64_t rows = 0;
  std::uint64_t unusual = 0;  // rows with a label
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;    // of all files
};
// DIR/transactions.csv, customers.csv (attributes), events.csv (client,time,event) and synthetic.toml: the same bytes for any number of
// threads, a few hundred clients in memory at a time. `folder` exists and is empty.
Result<SyntheticSummary> write_synthetic(const SyntheticOptions& options, const std::filesystem::path& folder, unsigned threads = 1);

}  // namespace fedspend::simulations
