#include "simulations/population/population.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "models/row_maker.h"
#include "simulations/population/synthetic.h"

namespace fedspend::simulations {

std::vector<std::string> Population::vocabulary(std::size_t most) const {
  std::vector<std::uint64_t> counts(categories_.size(), 0);
  for (const PopulationRow& row : rows_) ++counts[row.category];
  std::vector<std::size_t> order(categories_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] != counts[b] ? counts[a] > counts[b] : categories_[a] < categories_[b]; });
  if (most > 0 && order.size() > most) order.resize(most);
  std::vector<std::string> names;
  for (const std::size_t category : order) names.push_back(categories_[category]);
  return names;
}

std::vector<std::size_t> Population::clients_with(std::size_t least) const {
  std::vector<std::size_t> found;
  for (std::size_t client = 0; client < clients(); ++client)
    if (history(client).size() >= least) found.push_back(client);
  return found;
}

models::Transaction Population::transaction(const PopulationRow& row) const {
  return {.time_s = row.time_s,
          .amount_minor = row.amount_minor,
          .direction = row.direction,
          .category = categories_[row.category],
          .merchant = merchants_[row.merchant],
          .currency = currencies_[row.currency]};
}

std::uint32_t PopulationBuilder::Names::index_of(std::string_view name) {
  const auto found = index_.find(name);
  if (found != index_.end()) return found->second;
  const auto index = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  index_.emplace(names_.back(), index);
  return index;
}

Status PopulationBuilder::add(std::string_view client, const models::Transaction& transaction, std::string_view label) {
  if (transaction.category.empty()) {
    ++left_out_;
    return {};
  }
  constexpr std::size_t kMostNames = std::numeric_limits<std::uint32_t>::max();
  constexpr std::size_t kMostShort = std::numeric_limits<std::uint16_t>::max();
  if (clients_.size() == kMostNames || categories_.size() == kMostNames || merchants_.size() == kMostNames || currencies_.size() == kMostShort || labels_.size() == kMostShort)
    return fail(ErrorCode::limit, "the population has more clients, categories, merchants, currencies or labels than can be counted", "check which columns the data description names");
  client_of_row_.push_back(clients_.index_of(client));
  rows_.push_back({.time_s = transaction.time_s,
                   .amount_minor = transaction.amount_minor,
                   .category = categories_.index_of(transaction.category),
                   .merchant = merchants_.index_of(transaction.merchant),
                   .currency = static_cast<std::uint16_t>(currencies_.index_of(transaction.currency)),
                   .label = static_cast<std::uint16_t>(labels_.index_of(label)),
                   .direction = transaction.direction});
  return {};
}

Population PopulationBuilder::build(const std::optional<ClientAttributes>& attributes) && {
  Population population;
  std::vector<std::string> names = std::move(clients_).take();
  std::vector<std::uint32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return names[a] < names[b]; });
  std::vector<std::uint32_t> rank(names.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;

  // Rows are dealt to their clients in the order in which they came, then each client's are sorted by time, stably.
  population.begins_.assign(names.size() + 1, 0);
  for (const std::uint32_t client : client_of_row_) ++population.begins_[rank[client] + 1];
  std::partial_sum(population.begins_.begin(), population.begins_.end(), population.begins_.begin());
  std::vector<std::size_t> next = population.begins_;
  population.rows_.resize(rows_.size());
  for (std::size_t row = 0; row < rows_.size(); ++row) population.rows_[next[rank[client_of_row_[row]]]++] = rows_[row];
  rows_.clear();
  rows_.shrink_to_fit();
  for (std::size_t client = 0; client < names.size(); ++client) {
    const auto begin = population.rows_.begin() + static_cast<std::ptrdiff_t>(population.begins_[client]);
    const auto end = population.rows_.begin() + static_cast<std::ptrdiff_t>(population.begins_[client + 1]);
    std::stable_sort(begin, end, [](const PopulationRow& a, const PopulationRow& b) { return a.time_s < b.time_s; });
  }
  for (const std::uint32_t client : order) population.names_.push_back(std::move(names[client]));
  population.categories_ = std::move(categories_).take();
  population.merchants_ = std::move(merchants_).take();
  population.currencies_ = std::move(currencies_).take();
  population.labels_ = std::move(labels_).take();
  if (!attributes) return population;
  population.attributes_ = attributes->names;
  Names values;
  values.index_of("");
  for (const std::string& client : population.names_) {
    const std::vector<std::string>* found = attributes->find(client);
    population.clients_with_attributes_ += found != nullptr;
    for (std::size_t i = 0; i < attributes->names.size(); ++i) population.attribute_of_client_.push_back(found == nullptr ? 0 : values.index_of((*found)[i]));
  }
  population.attribute_values_ = std::move(values).take();
  return population;
}

namespace {

Result<ReadPopulation> make_sample(const SyntheticRules& rules) {
  const SyntheticOptions options{.seed = rules.seed, .clients = rules.clients, .months = rules.months};
  PopulationBuilder builder;
  ReadStatistics statistics;
  for (std::uint64_t client = 0; client < rules.sample; ++client) {
    for (const models::Transaction& transaction : synthetic_history(options, client)) {
      FEDSPEND_TRY(builder.add(synthetic_client_name(client), transaction));
      statistics.first_time_s = std::min(statistics.first_time_s, transaction.time_s);
      statistics.last_time_s = std::max(statistics.last_time_s, transaction.time_s);
      statistics.credits += transaction.direction == models::Direction::credit ? 1U : 0U;
      ++statistics.rows;
    }
  }
  statistics.kept = statistics.rows;
  statistics.without_category = builder.left_out();
  return ReadPopulation{.population = std::move(builder).build(), .statistics = statistics};
}

}  // namespace

Result<ReadPopulation> read_population(const DataDescription& description, const ReadOptions& options) {
  if (description.synthetic) return make_sample(*description.synthetic);
  FEDSPEND_ASSIGN(const std::optional<ClientAttributes> attributes, read_attributes(description));
  PopulationBuilder builder;
  auto statistics = read_transactions(description, [&](const CanonicalRow& row) { return builder.add(row.client, row.transaction, row.label); }, options);
  if (!statistics) return fail(std::move(statistics).error());
  if (statistics->kept == builder.left_out())
    return fail(ErrorCode::malformed, description.source + ": the files hold no transaction with a category", "check the files, and columns.category");
  Population population = std::move(builder).build(attributes);
  if (attributes && population.clients_with_attributes() == 0)
    return fail(ErrorCode::malformed, (description.data_root / description.attributes->file).string() + ": none of the " + std::to_string(population.clients()) + " clients is in column \"" + description.attributes->client + "\"",
                "check attributes.client in " + description.source);
  return ReadPopulation{.population = std::move(population), .statistics = *statistics};
}

HistoryEncoder::HistoryEncoder(const Population& population, const ModelSpec& model) : population_(population) {
  models::RowMaker maker(model);
  for (const std::string& category : population.categories()) category_index_.push_back(maker.vocabulary().index_of(category));
  for (const std::string& merchant : population.merchants()) {
    merchant_hash_.push_back(models::merchant_hash(merchant));
    merchant_text_.push_back(maker.text(merchant));
  }
}

std::vector<models::HistoryRow> HistoryEncoder::encode(std::size_t client) const {
  std::vector<models::HistoryRow> rows;
  rows.reserve(population_.history(client).size());
  for (const PopulationRow& row : population_.history(client))
    rows.push_back({.time_s = row.time_s,
                    .amount_minor = row.amount_minor,
                    .merchant_hash = merchant_hash_[row.merchant],
                    .category = category_index_[row.category],
                    .direction = row.direction,
                    .text = merchant_text_[row.merchant]});
  return rows;
}

}  // namespace fedspend::simulations
