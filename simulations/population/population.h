#pragma once
// A population in memory: the histories of all clients, each stable by date, then file (sorted by name), then line, with repeated rows
// kept; rows without a category are left out and counted. Clients are in the order of their ids (bytes), so that the same data
// give the same population on every machine. 32 bytes a row, each name once, four bytes an attribute. Immutable once made: any thread
// may read it.

#include <cstdint>
#include <optional>
#include <span>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/result.h"
#include "common/protocol/plan.h"
#include "models/history.h"
#include "simulations/data/attributes.h"
#include "simulations/data/canonical_reader.h"

namespace fedspend::simulations {

struct PopulationRow {
  std::int64_t time_s = 0;
  std::int64_t amount_minor = 0;
  std::uint32_t category = 0;   // index into Population::categories()
  std::uint32_t merchant = 0;   // index into Population::merchants()
  std::uint16_t currency = 0;   // index into Population::currencies()
  std::uint16_t label = 0;      // index into Population::labels()
  models::Direction direction = models::Direction::debit;
};

class Population {
 public:
  std::size_t clients() const { return names_.size(); }
  std::size_t rows() const { return rows_.size(); }
  const std::string& client_name(std::size_t client) const { return names_[client]; }
  std::span<const PopulationRow> history(std::size_t client) const {
    return std::span(rows_).subspan(begins_[client], begins_[client + 1] - begins_[client]);
  }
  // In the order of their first row; the sizes are those of the kept rows.
  const std::vector<std::string>& categories() const { return categories_; }
  const std::vector<std::string>& merchants() const { return merchants_; }
  const std::vector<std::string>& currencies() const { return currencies_; }
  // What the label column says of a row, such as a kind of unusual activity; the first is "", the label of all rows without one.
  const std::vector<std::string>& labels() const { return labels_; }

  // The names of what is known of the clients (a description's [attributes]), in the description's order; none: empty.
  const std::vector<std::string>& attributes() const { return attributes_; }
  // The client's value of attributes()[which]; "" if the file does not name the client.
  const std::string& attribute(std::size_t client, std::size_t which) const { return attribute_values_[attribute_of_client_[client * attributes_.size() + which]]; }
  std::size_t clients_with_attributes() const { return clients_with_attributes_; }

  // The categories by how many rows have them, the most frequent first, then by name; at most `most` of them (0: all).
  std::vector<std::string> vocabulary(std::size_t most = 0) const;
  // Clients with at least `least` rows, in order.
  std::vector<std::size_t> clients_with(std::size_t least) const;
  models::Transaction transaction(const PopulationRow& row) const;

 private:
  friend class PopulationBuilder;
  std::vector<std::string> names_;
  std::vector<std::size_t> begins_ = {0};
  std::vector<PopulationRow> rows_;
  std::vector<std::string> categories_, merchants_, currencies_, labels_, attributes_, attribute_values_;
  std::vector<std::uint32_t> attribute_of_client_;  // client by client; index into attribute_values_
  std::size_t clients_with_attributes_ = 0;
};

// Rows in, in the order that breaks ties between equal times; a population out.
class PopulationBuilder {
 public:
  PopulationBuilder() { labels_.index_of(""); }
  // limit beyond 2^32 - 1 clients, categories or merchants, or 2^16 - 1 currencies or labels. A row without a category is left out.
  Status add(std::string_view client, const models::Transaction& transaction, std::string_view label = {});
  std::uint64_t left_out() const { return left_out_; }
  Population build(const std::optional<ClientAttributes>& attributes = std::nullopt) &&;

 private:
  class Names {
   public:
    std::uint32_t index_of(std::string_view name);
    std::vector<std::string> take() && { return std::move(names_); }
    std::size_t size() const { return names_.size(); }

   private:
    struct Hash {
      using is_transparent = void;
      std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> index_;
    std::vector<std::string> names_;
  };
  Names clients_, categories_, merchants_, currencies_, labels_;
  std::vector<PopulationRow> rows_;
  std::vector<std::uint32_t> client_of_row_;
  std::uint64_t left_out_ = 0;
};

struct ReadPopulation {
  Population population;
  ReadStatistics statistics;
};
// The whole of what a description names, the attributes too; of [synthetic] clients the sample. malformed if no row with a category is there, or if the attributes are
// those of none of the clients.
Result<ReadPopulation> read_population(const DataDescription& description, const ReadOptions& options = {});

// Histories as a plan's model sees them. Reads the population, which must outlive it; any thread may use it.
class HistoryEncoder {
 public:
  HistoryEncoder(const Population& population, const ModelSpec& model);
  std::vector<models::HistoryRow> encode(std::size_t client) const;

 private:
  const Population& population_;
  std::vector<std::uint32_t> category_index_;
  std::vector<std::uint64_t> merchant_hash_;
  std::vector<std::shared_ptr<const models::MerchantText>> merchant_text_;
};

}  // namespace fedspend::simulations
